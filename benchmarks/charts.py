"""Small line charts as SVG: panels side by side, each with measured points and the straight line fitted to them.

Written out by hand, as the charts of speech are drawn by hand: five panels of dots do not make up for a plotting
library in the locks, and the file is text that a change shows up in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from pathlib import Path

WIDTH, HEIGHT = 330, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 34, 44
_INK, _GRID, _DOT, _LINE = "#3c3c3c", "#e4e4e4", "#2563a8", "#e07b28"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart.

    Attributes:
        points: (x, y) as measured.
        line: intercept and slope of the line laid through them, None for none.
    """

    title: str
    across: str
    up: str
    points: Sequence[tuple[float, float]]
    line: tuple[float, float] | None = None


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Intercept, slope and R squared of the least-squares line through at least two points."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    xx = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / xx
    intercept = mean_y - slope * mean_x
    left = sum((y - intercept - slope * x) ** 2 for x, y in points)
    whole = sum((y - mean_y) ** 2 for _, y in points)
    return intercept, slope, 1 - left / whole if whole else 1.0


def ticks(most: float, wanted: int = 5) -> list[float]:
    """Round numbers from 0 to at least `most`, about `wanted` of them."""
    step = most / wanted
    size = 10 ** floor(log10(step))
    step = next(nice * size for nice in (1, 2, 2.5, 5, 10) if nice * size >= step * 0.999)
    count = 0
    while count * step < most * 0.999:
        count += 1
    return [number * step for number in range(count + 1)]


def draw(panels: Sequence[Panel], path: Path, columns: int = 3) -> None:
    """Write the panels, `columns` in a row."""
    rows = -(-len(panels) // columns)
    width, height = WIDTH * min(columns, len(panels)), HEIGHT * rows
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="{_INK}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        parts += [f'<g transform="translate({column * WIDTH} {row * HEIGHT})">', *_panel(panel), "</g>"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _panel(panel: Panel) -> list[str]:
    """The elements of one panel."""
    xs, ys = ticks(max(x for x, _ in panel.points)), ticks(max(y for _, y in panel.points))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            round(LEFT + x / xs[-1] * (right - LEFT), 1),
            round(bottom - y / ys[-1] * (bottom - TOP), 1),
        )

    parts = [f'<text x="{LEFT}" y="20" font-size="13" font-weight="bold">{escape(panel.title)}</text>']
    for x in xs:
        left = at(x, 0)[0]
        parts.append(f'<line x1="{left}" y1="{TOP}" x2="{left}" y2="{bottom}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{left}" y="{bottom + 15}" text-anchor="middle">{x:g}</text>')
    for y in ys:
        top = at(0, y)[1]
        parts.append(f'<line x1="{LEFT}" y1="{top}" x2="{right}" y2="{top}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{top + 4}" text-anchor="end">{y:g}</text>')
    middle, half = (LEFT + right) / 2, (TOP + bottom) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 33}" text-anchor="middle">{escape(panel.across)}</text>')
    parts.append(f'<text transform="translate(13 {half}) rotate(-90)" text-anchor="middle">{escape(panel.up)}</text>')
    if panel.line is not None:
        intercept, slope = panel.line
        first, last = min(x for x, _ in panel.points), max(x for x, _ in panel.points)
        (x1, y1), (x2, y2) = at(first, intercept + slope * first), at(last, intercept + slope * last)
        parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{_LINE}" stroke-width="1.5"/>')
    for point in panel.points:
        x, y = at(*point)
        parts.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{_DOT}"/>')
    return parts
