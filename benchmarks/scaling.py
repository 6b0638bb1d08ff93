"""How the cost of a job grows with its length, edited seconds, resolution, segments and faces.

One thing is varied at a time, each job is `lipwright sync` in a process of its own, and a straight line is laid through
what was measured. Figures go to benchmarks/results/scaling.json, the charts to docs/images/scaling.svg.

    python -m benchmarks.scaling [--only length,faces] [--quick] [--cpu]

`--quick` measures the ends of each series only; `--cpu` fits CPU seconds, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.charts import Panel, draw, fit
from benchmarks.inputs import CLIP, RATE, ROOT, Wanted, Workshop
from benchmarks.jobs import Order, Run, can_copy, machine, run

from lipwright import analyse_faces

RESULTS = ROOT / "benchmarks" / "results" / "scaling.json"
CHARTS = ROOT / "docs" / "images" / "scaling.svg"
HD = (1280, 720)
SIZES = ((854, 480), HD, (1920, 1080), (2560, 1440), (3840, 2160))
START = 4
"""Where segments start, seconds; inside a group of pictures of every input would say no more."""


@dataclass(frozen=True, slots=True)
class Series:
    """One thing that is varied.

    Attributes:
        across: what the axis counts.
        each: one of it.
        flat: the cost should hardly grow with it.
        order: gives the place on the axis, and the order, of a value.
    """

    title: str
    across: str
    each: str
    flat: bool
    values: Sequence[int]
    order: Callable[[Shop, int], tuple[float, Order]]


@dataclass(frozen=True, slots=True)
class Shop:
    """Where inputs come from and outputs go."""

    folder: Path
    workshop: Workshop
    processes: int | None

    def order(self, wanted: Wanted, segments: Sequence[str], seconds: int, *, preserve: bool = False) -> Order:
        """The order for `segments` of "a", a speech of `seconds`; every one sees its video for the first time."""
        cache = Path(tempfile.mkdtemp(prefix="cache-", dir=self.folder))
        return Order(
            self.workshop.video(wanted), {"a": self.workshop.speech(seconds)}, self.folder / "out.mp4", cache,
            segments, preserve=preserve, processes=self.processes,
        )  # fmt: skip


def by_length(shop: Shop, minutes: int) -> tuple[float, Order]:
    """Three seconds in the middle of a longer and longer video."""
    middle = 30 * minutes
    return minutes, shop.order(Wanted(*HD, 60 * minutes), [f"{middle}-{middle + 3}=a"], 3)


def by_edited(shop: Shop, seconds: int) -> tuple[float, Order]:
    """A longer and longer segment of a video of ten minutes."""
    return seconds, shop.order(Wanted(*HD, 600), [f"{START}-{START + seconds}=a"], seconds)


def by_size(shop: Shop, place: int) -> tuple[float, Order]:
    """Three seconds of a minute in larger and larger pictures."""
    width, height = SIZES[place]
    return width * height / 1e6, shop.order(Wanted(width, height, 60, turn=2), [f"{START}-{START + 3}=a"], 3)


def by_segments(shop: Shop, count: int) -> tuple[float, Order]:
    """Twenty seconds in more and more pieces, with gaps as long between them, all within the same forty seconds."""
    frames = 20 * RATE // count
    pieces = []
    for number in range(count):
        start = START * RATE + 2 * number * frames
        spoken = f"{number * frames / RATE:g}-{(number + 1) * frames / RATE:g}"
        pieces.append(f"f{start}-f{start + frames}=a@{spoken}")
    return count, shop.order(Wanted(*HD, 600), pieces, 20)


def by_faces(shop: Shop, count: int) -> tuple[float, Order]:
    """Three seconds in which more and more of six faces speak at once."""
    wanted = Wanted(1920, 1080, 60, faces=6)
    first = START * RATE
    found = analyse_faces(shop.workshop.video(wanted), frames=(first, first + 1), use_cache=False)
    points = sorted(
        (round(float(y) / 400), round(float(x)), round(float(y)))
        for x, y in (np.asarray(track.landmarks([0])[0])[:, :2].mean(axis=0) for track in found.tracks)
    )
    if len(points) < count:
        raise SystemExit(f"only {len(points)} of six faces are found in the grid")
    segments = [f"{START}-{START + 3}=a/{first}:{x},{y}" for _, x, y in points[:count]]
    return count, shop.order(wanted, segments, 3, preserve=True)


SERIES = {
    "length": Series(
        "Length of the video", "minutes, of which 3 s are edited", "minute", True, (1, 5, 10, 20, 40, 60), by_length
    ),
    "edited": Series(
        "Edited seconds", "edited seconds of 10 minutes", "edited second", False, (1, 5, 10, 20, 40, 60), by_edited
    ),
    "size": Series("Resolution", "megapixels (480p to 4K), 3 s edited", "megapixel", False, range(len(SIZES)), by_size),
    "segments": Series("Segments", "segments, together 20 s", "segment", True, (1, 5, 20, 100, 250, 500), by_segments),
    "faces": Series("Faces", "faces that speak, 3 s", "speaking face", False, (1, 2, 3, 4, 5, 6), by_faces),
}


def measure(series: Series, shop: Shop, quick: bool) -> Iterator[tuple[float, Run]]:
    """The place on the axis and the run of each measurement."""
    values = list(series.values)
    for value in [values[0], values[-1]] if quick else values:
        at, order = series.order(shop, value)
        made = run(order)
        print(
            f"{series.title}: {at:g} -> {made.usage.seconds:.1f} s, {made.usage.cpu_seconds or 0:.1f} s of CPU, "
            f"{(made.usage.memory or 0) / 1e6:.0f} MB, {made.copied} frames copied",
            file=sys.stderr,
            flush=True,
        )
        yield at, made


def statement(series: Series, points: Sequence[tuple[float, float]], unit: str) -> str:
    """How linear or how flat, as a sentence."""
    intercept, slope, linear = fit(points)
    off = max(abs(y - intercept - slope * x) / y for x, y in points)
    (first, least), (last, most) = points[0], points[-1]
    said = f"{series.title}: {intercept:.1f} {unit} and {slope:.3g} more for each {series.each}"
    if len(points) > 2:
        said += f" (R² {linear:.3f}, the line is off by {100 * off:.0f} % at most)"
    else:
        said += ", by its two ends alone"
    if series.flat:
        said += f"; {last / first:g} times as many take {most / least:.2f} times as long"
    return said + "."


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the results, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAMES", help=f"some of: {', '.join(SERIES)}")
    parser.add_argument("--quick", action="store_true", help="only the ends of each series")
    parser.add_argument("--cpu", action="store_true", help="fit and draw CPU seconds")
    parser.add_argument("--processes", type=int, default=None, help="how many processes may render")
    parser.add_argument("--clip", type=Path, default=CLIP, help="a clip of one face, 16 to 9; else a portrait is used")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--charts", type=Path, default=CHARTS, help="where the SVG goes")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.only.split(",") if name] or list(SERIES)
    if unknown := [name for name in names if name not in SERIES]:
        parser.error(f"no such series: {', '.join(unknown)}; there are {', '.join(SERIES)}")
    if not can_copy():
        print("This version encodes everything: what is flat else grows with the length here.", file=sys.stderr)
    about, told, panels = machine(), dict[str, Any](), list[Panel]()
    for name in names:
        series = SERIES[name]
        # A folder for each series: inputs are kept no longer than they are needed.
        with tempfile.TemporaryDirectory(prefix="lipwright-scaling-") as scratch:
            shop = Shop(Path(scratch), Workshop(Path(scratch), chosen.clip), chosen.processes)
            runs = list(measure(series, shop, chosen.quick))
        points = [(at, _cost(made, chosen.cpu)) for at, made in runs]
        intercept, slope, linear = fit(points)
        told[name] = {
            "across": series.across,
            "unit": _unit(chosen.cpu),
            "intercept": intercept,
            "slope": slope,
            "r_squared": linear,
            "statement": statement(series, points, _unit(chosen.cpu)),
            "runs": [{"at": at, **made.as_json()} for at, made in runs],
        }
        panels.append(Panel(series.title, series.across, _unit(chosen.cpu), points, (intercept, slope)))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps({"machine": about, "series": told}, indent=2) + "\n", encoding="utf-8")
    draw(panels, chosen.charts)
    print(*(one["statement"] for one in told.values()), sep="\n")
    print(f"{about['processor']}, {about['cores']} cores, load before {about['load_before']}")
    print(chosen.output, chosen.charts, sep="\n")
    return 0


def _cost(made: Run, cpu: bool) -> float:
    return made.usage.cpu_seconds or 0.0 if cpu else made.usage.seconds


def _unit(cpu: bool) -> str:
    return "CPU seconds" if cpu else "seconds"


if __name__ == "__main__":
    sys.exit(main())
