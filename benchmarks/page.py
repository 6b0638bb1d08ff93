"""Puts the latest figures of `make bench` and of the scaling into docs/performance.md: `python -m benchmarks.page`.

The page has a place for each, between two comments; what stands there is replaced, the rest is left as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks import run, scaling
from benchmarks.inputs import ROOT

PAGE = ROOT / "docs" / "performance.md"


def replaced(page: str, place: str, text: str) -> str:
    """`page` with `text` between the comments of `place`.

    Raises:
        ValueError: the page has no such place.
    """
    start, end = f"<!-- {place} -->", f"<!-- end of {place} -->"
    before, opened, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"The page has no place for {place}")
    return f"{before}{start}\n\n{text}\n\n{end}{after}"


def cases(told: dict[str, Any]) -> Iterator[str]:
    """The table of `make bench`."""
    yield "| case | frames | seconds | frames/s | memory, MB | first sign, s | file | against full |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in told["rows"]:
        done = row["run"]
        if done is None:
            continue
        usage, ratio = done["usage"], row["times_faster_than_full"]
        first = usage["first_progress"]
        memory = max(filter(None, (usage["tree_memory"], usage["own_memory"])), default=None)
        cells = (
            row["case"], str(done["frames"]), f"{usage['seconds']:.1f}", f"{done['frames_per_second']:.0f}",
            f"{memory / 1e6:.0f}" if memory else "", f"{first:.1f}" if first else "",
            f"{100 * done['growth']:+.1f} %", f"{ratio:.0f} times faster" if ratio else "",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"{machine(told['machine'])} The face is that of {told['face']}."


def phases(told: dict[str, Any]) -> Iterator[str]:
    """Milliseconds per output frame of every phase, a row each, of the cases that are driven as a whole."""
    rows = {
        row["case"]: row["run"]
        for row in told["rows"]
        if row["run"] and not (row["run"]["encoding"] or {}).get("copied_frames")
    }
    names = list(dict.fromkeys(phase["name"] for done in rows.values() for phase in done["performance"]["phases"]))
    yield f"| ms per output frame | {' | '.join(rows)} |"
    yield "|---" * (1 + len(rows)) + "|"
    for name in names:
        cells = []
        for done in rows.values():
            busy = sum(phase["seconds"] for phase in done["performance"]["phases"] if phase["name"] == name)
            cells.append(f"{1000 * busy / done['frames']:.1f}")
        yield f"| {name} | {' | '.join(cells)} |"


def series(told: dict[str, Any]) -> Iterator[str]:
    """What the lines say."""
    for one in told["series"].values():
        yield f"* {one['statement']}"
    yield ""
    yield machine(told["machine"])


def machine(about: dict[str, Any]) -> str:
    """What it was measured on, as a sentence."""
    return (
        f"{about['processor']}, {about['cores']} cores, Python {about['python']}; "
        f"load before the first run {about['load_before']}."
    )


def main() -> int:
    """Write the page."""
    page = PAGE.read_text(encoding="utf-8")
    for path, places in ((run.RESULTS, {"cases": cases, "phases": phases}), (scaling.RESULTS, {"scaling": series})):
        if not path.exists():
            print(f"{path} is not there: its figures stay as they are", file=sys.stderr)
            continue
        told = json.loads(path.read_text(encoding="utf-8"))
        for place, lines in places.items():
            page = replaced(page, place, "\n".join(lines(told)))
    PAGE.write_text(page, encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
