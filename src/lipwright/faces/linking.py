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
    pieces = _Pieces.of(order)
    for j in range(len(order)):
        scores = _scores(pieces, j, cut_frames, rules)
        candidates += [(float(scores[i]), int(i), j) for i in np.flatnonzero(scores > 0)]
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


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What matching needs to know of n tracklets.

    Attributes:
        first, last: (n,) their first and last frames.
        first_box, last_box: (n, 4) where the face is on these.
        start, end: (n, 4) the median boxes of a few frames.
        start_look, end_look: (n, k) their mean tiny pictures; brightness and contrast are taken out, so that the
            product of two is their correlation.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    first_box: F64
    last_box: F64
    start: F64
    end: F64
    start_look: F64
    end_look: F64

    @classmethod
    def of(cls, order: Sequence[Tracklet]) -> _Pieces:
        heads, tails = [t.rows[:_ENDS] for t in order], [t.rows[-_ENDS:] for t in order]
        return cls(
            np.array([t.first for t in order], np.int64),
            np.array([t.last for t in order], np.int64),
            np.array([_box(t.rows[0]) for t in order]).reshape(-1, 4),
            np.array([_box(t.rows[-1]) for t in order]).reshape(-1, 4),
            np.array([_region(rows) for rows in heads]).reshape(-1, 4),
            np.array([_region(rows) for rows in tails]).reshape(-1, 4),
            np.array([_look(rows) for rows in heads]),
            np.array([_look(rows) for rows in tails]),
        )


def _scores(pieces: _Pieces, later: int, cuts: NDArray[np.int64], rules: LinkRules) -> F64:
    """(n,) how well tracklet `later` continues each of the others; 0 where it must not."""
    gap = pieces.first[later] - pieces.last
    same_shot = np.searchsorted(cuts, pieces.last, "right") == np.searchsorted(cuts, pieces.first[later], "right")
    touching = roi.overlap(pieces.last_box, pieces.first_box[[later]])[:, 0]
    shared = roi.overlap(pieces.end, pieces.start[[later]])[:, 0]
    likeness = pieces.end_look @ pieces.start_look[later]
    next_to = np.where(touching >= rules.adjacent_overlap, 1.0 + touching, 0.0)
    # Of two equally good matches the nearer in time is the better.
    good = 0.5 * shared + 0.5 * likeness - 1e-6 * np.minimum(gap, 100_000)
    elsewhere = np.where((shared >= rules.overlap) & (likeness >= rules.likeness), good, 0.0)
    return np.asarray(np.where(gap > 0, np.where((gap <= 2) & same_shot, next_to, elsewhere), 0.0))


def _box(row: Rows) -> F64:
    return roi.upright_box(row["crop"].astype(np.float64))


def _region(rows: Rows) -> F64:
    """The median box of a few rows."""
    return np.asarray(np.median(np.stack([_box(r) for r in rows]), axis=0))


def _look(rows: Rows) -> F64:
    """The mean tiny picture of a few rows, of mean 0 and length 1; all 0 if it shows nothing."""
    look = rows["look"].astype(np.float64).mean(axis=0).ravel()
    look -= look.mean()
    return np.asarray(look / max(float(np.linalg.norm(look)), 1e-9))
