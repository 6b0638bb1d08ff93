"""From tracklets to tracks: joining pieces of one face across cuts, gaps and separately analysed ranges.

There is no face recognition here (no embedding with a licence we could ship), so pieces are joined only where being
wrong is unlikely: the face is at the same place and size as when it was last seen and looks the same. That covers a
cut away and back in a fixed camera set-up and ranges analysed apart; a person seen from a new angle becomes a new
track, and the user can name it by a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.faces import roi
from lipwright.faces.rows import Rows

F64 = NDArray[np.float64]

_ENDS = 5


@dataclass(frozen=True, slots=True)
class LinkRules:
    """When two pieces are one face.

    Attributes:
        overlap: least intersection over union of the last and first boxes.
        likeness: least correlation of their tiny pictures.
        adjacent_overlap: overlap that is enough between consecutive frames of one shot (no cut between).
    """

    overlap: float = 0.5
    likeness: float = 0.8
    adjacent_overlap: float = 0.5


@dataclass(frozen=True, slots=True)
class Tracklet:
    """A run of rows of one face without a cut or long gap inside, frames increasing."""

    rows: Rows

    @property
    def first(self) -> int:
        return int(self.rows["frame"][0])

    @property
    def last(self) -> int:
        return int(self.rows["frame"][-1])


def link(tracklets: Sequence[Tracklet], cuts: Sequence[int], rules: LinkRules | None = None) -> list[list[Tracklet]]:
    """Group tracklets into tracks, each in time order; groups in order of their first frame.

    Best matches are made first; a tracklet gets at most one predecessor and one successor, and two tracklets of one
    group never share a frame.
    """
    rules = rules or LinkRules()
    order = sorted(tracklets, key=lambda t: (t.first, t.last))
    cut_frames = np.array(sorted(cuts), np.int64)
    candidates: list[tuple[float, int, int]] = []
    for j, later in enumerate(order):
        for i, earlier in enumerate(order):
            if earlier.last < later.first:
                score = _match(earlier, later, cut_frames, rules)
                if score > 0:
                    candidates.append((score, i, j))
    group = list(range(len(order)))
    members: dict[int, list[int]] = {i: [i] for i in group}
    for _, i, j in sorted(candidates, key=lambda c: (-c[0], c[1], c[2])):
        a, b = group[i], group[j]
        if a == b or not _apart([order[k] for k in members[a]], [order[k] for k in members[b]]):
            continue
        members[a] = sorted(members[a] + members.pop(b))
        for k in members[a]:
            group[k] = a
    return [[order[k] for k in members[a]] for a in sorted(members)]


def prominence(tracklets: Sequence[Tracklet]) -> float:
    """How prominent a face is: the area its regions cover, summed over its frames."""
    return float(sum((t.rows["crop"][:, 2].astype(np.float64) ** 2 * t.rows["presence"]).sum() for t in tracklets))


def _apart(a: Sequence[Tracklet], b: Sequence[Tracklet]) -> bool:
    """Whether no piece of `a` overlaps a piece of `b` in time."""
    return all(x.last < y.first or y.last < x.first for x in a for y in b)


def _match(earlier: Tracklet, later: Tracklet, cuts: NDArray[np.int64], rules: LinkRules) -> float:
    """How well `later` continues `earlier`; 0 if it must not."""
    end, start = _region(earlier.rows[-_ENDS:]), _region(later.rows[:_ENDS])
    same_shot = np.searchsorted(cuts, earlier.last, "right") == np.searchsorted(cuts, later.first, "right")
    if later.first - earlier.last <= 2 and same_shot:
        shared = float(roi.overlap(_box(earlier.rows[-1]), _box(later.rows[0]))[0, 0])
        return 1.0 + shared if shared >= rules.adjacent_overlap else 0.0
    shared = float(roi.overlap(end, start)[0, 0])
    if shared < rules.overlap:
        return 0.0
    likeness = _likeness(earlier.rows[-_ENDS:], later.rows[:_ENDS])
    if likeness < rules.likeness:
        return 0.0
    # Of two equally good matches the nearer in time is the better.
    return 0.5 * shared + 0.5 * likeness - 1e-6 * min(later.first - earlier.last, 100_000)


def _box(row: Rows) -> F64:
    return roi.upright_box(row["crop"].astype(np.float64))


def _region(rows: Rows) -> F64:
    """The median box of a few rows."""
    return np.median(np.stack([_box(r) for r in rows]), axis=0)


def _likeness(a: Rows, b: Rows) -> float:
    """Correlation (-1..1) of the mean tiny pictures: brightness and contrast drop out, colour layout stays."""
    x, y = (z["look"].astype(np.float64).mean(axis=0).reshape(-1, 3) for z in (a, b))
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / max(np.sqrt((x**2).sum() * (y**2).sum()), 1e-9))
