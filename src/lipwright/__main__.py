"""`python -m lipwright` is the `lipwright` command."""

from __future__ import annotations

from lipwright.cli.main import run

if __name__ == "__main__":
    run()
