"""The `lipwright` command: words on a command line in, sentences, tables or JSON out; no work is done here.

Each command is a module that imports what it needs when it runs, so that `--help` and errors are there at once.
"""

from __future__ import annotations
