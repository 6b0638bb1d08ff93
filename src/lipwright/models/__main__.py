"""`python -m lipwright.models [NAME ...]`: fetch model files with nothing but the core installed.

The full command is `lipwright models`; this one is for the Makefile and for container builds, where only the files
are wanted.
"""

from __future__ import annotations

import sys

from lipwright.errors import LipwrightError
from lipwright.models.registry import default_registry
from lipwright.progress import Progress, ProgressEvent


def _show(event: ProgressEvent) -> None:
    if sys.stderr.isatty():
        print(f"\rmodels {event.done / 1e6:6.1f} of {event.total / 1e6:.1f} MB", end="", file=sys.stderr)


def main(names: list[str]) -> int:
    """Fetch `names` (none: all); the exit status."""
    registry = default_registry()
    try:
        report = registry.fetch(names or None, Progress(_show))
    except LipwrightError as error:
        print(f"\n{error.message}", file=sys.stderr)
        return 1
    for note in report.notes():
        print(note, file=sys.stderr)
    print(f"{len(report.present)} model files were there, {len(report.fetched)} were fetched to {registry.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
