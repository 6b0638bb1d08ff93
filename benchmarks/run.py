"""Speed, memory and file size of the main job, end to end, as `make bench` measures them.

Every run is `lipwright sync` in a process of its own, timed from its start to its end, imports included; nothing is
cached unless the case says so. One table goes to the terminal, with the phases of every run beneath it, and all figures
to benchmarks/results/bench.json. The last column says whether a case does what is expected of it on two cores; with
`--strict` the exit status does too.

    python -m benchmarks.run                      the usual cases, some ten minutes on two cores
    python -m benchmarks.run --only 720p,1080p    some of them
    python -m benchmarks.run --all                everything, with an hour encoded in full
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import CASES, Bench, Row
from benchmarks.inputs import CLIP, ROOT, Workshop
from benchmarks.jobs import load, machine
from benchmarks.measured import CommandFailed

RESULTS = ROOT / "benchmarks" / "results" / "bench.json"
MEGA = 1e6
COLUMNS = (
    ("case", 22), ("frames", 8), ("seconds", 9), ("frames/s", 10), ("CPU s", 8), ("MB", 6), ("first s", 9),
    ("growth", 9), ("ratio", 8),
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """The rows as text, what is expected last."""
    head = "".join(f"{name:<{width}}" if not at else f"{name:>{width}}" for at, (name, width) in enumerate(COLUMNS))
    lines = [head + "   expected", "-" * (len(head) + 12)]
    for row in rows:
        if row.run is None:
            lines.append(f"{row.name:<{COLUMNS[0][1]}}  {row.note}")
            continue
        usage = row.run.usage
        cells = (
            str(row.run.frames),
            f"{usage.seconds:.1f}",
            f"{row.run.frames_per_second:.1f}",
            _cell(usage.cpu_seconds, 1),
            _cell(usage.memory and usage.memory / MEGA, 0),
            _cell(usage.first_progress, 1),
            f"{100 * row.run.growth:+.1f}%",
            f"{row.ratio:.1f}x" if row.ratio is not None else "",
        )
        line = f"{row.name:<{COLUMNS[0][1]}}" + "".join(
            f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS[1:], strict=True)
        )
        lines.append(line + "   " + verdict(row))
    return "\n".join(lines)


def verdict(row: Row) -> str:
    """`pass`, or what falls short."""
    missed = [check.text for check in row.checks if not check.passed]
    return "FAIL: " + "; ".join(missed) if missed else "pass" if row.checks else ""


def phases(row: Row) -> str:
    """Where the time of a run went, per output frame. Phases run side by side: their sum may exceed the time taken."""
    if row.run is None:
        return ""
    told = row.run.performance["phases"]
    busy = sum(phase["seconds"] for phase in told) or 1.0
    lines = [f"{row.name}: {row.note}" if row.note else f"{row.name}:"]
    for phase in told:
        each = 1000 * phase["seconds"] / max(1, row.run.frames)
        lines.append(
            f"    {phase['name']:<10}{phase['seconds']:>8.1f} s{each:>9.2f} ms per output frame"
            f"{100 * phase['seconds'] / busy:>7.1f} %"
        )
    outside = row.run.usage.seconds - row.run.performance["seconds"]
    lines.append(f"    {'start':<10}{outside:>8.1f} s of the process before and after the job")
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the results; 1 with `--strict` if something falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAMES", help=f"some of: {', '.join(CASES)}")
    parser.add_argument("--all", action="store_true", help="everything, also what takes an hour")
    parser.add_argument("--strict", action="store_true", help="end with status 1 if an expectation is not met")
    parser.add_argument("--processes", type=int, default=None, help="how many processes may render")
    parser.add_argument("--clip", type=Path, default=CLIP, help="a clip of one face, 16 to 9; else a portrait is used")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.only.split(",") if name]
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    about, rows = machine(), list[Row]()
    with tempfile.TemporaryDirectory(prefix="lipwright-bench-") as scratch:
        bench = Bench(
            Path(scratch), Workshop(Path(scratch), chosen.clip), everything=chosen.all, processes=chosen.processes
        )
        for name in names or CASES:
            busy = load()
            try:
                found = list(bench.rows(CASES[name]))
            except CommandFailed as error:
                found = [Row(name, None, note=f"failed: {str(error).splitlines()[-1]}", failed=True)]
            for row in found:
                row.load_before = busy
                rows.append(row)
                print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    found_all = {"machine": about, "face": bench.workshop.shows, "rows": [row.as_json() for row in rows]}
    chosen.output.write_text(json.dumps(found_all, indent=2) + "\n", encoding="utf-8")
    print(table(rows), *filter(None, map(phases, rows)), sep="\n\n")
    print(f"\n{about['processor']}, {about['cores']} cores, load before {about['load_before']}; {bench.workshop.shows}")
    print(chosen.output)
    short = any(row.failed or not all(check.passed for check in row.checks) for row in rows)
    return int(chosen.strict and short)


if __name__ == "__main__":
    sys.exit(main())
