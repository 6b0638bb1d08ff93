"""How good viseme tracks are against known labels: frames, closures as events, and the openness curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.speech.openness import openness_of
from lipwright.speech.phones import FF, PP, SIL
from lipwright.speech.visemes import VISEMES

Labels = NDArray[np.integer]
F32 = NDArray[np.float32]

TOLERANCE = 3  # rows of 10 ms by which a closure may miss and still count as found


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one set.

    Attributes:
        seconds: length.
        accuracy: share of speech frames with the right class.
        per_class: F1 of each class over all frames, in the order of `VISEMES`.
        closures: how many p/b/m there are.
        recall: share of them with a PP frame within 30 ms.
        precision: share of the stretches called PP that have a true one within 30 ms.
        offset: median of (found - true) middle of matched closures, in milliseconds.
        spread: 90th percentile of its absolute value, in milliseconds.
        openness: correlation of the openness curves.
    """

    seconds: float
    accuracy: float
    per_class: tuple[float, ...]
    closures: int
    recall: float
    precision: float
    offset: float
    spread: float
    openness: float

    def row(self) -> str:
        """The main figures as cells of a Markdown table."""
        cells = [
            f"{self.seconds:.0f} s",
            f"{self.accuracy:.2f}",
            f"{self.closures}",
            f"{self.recall:.3f}",
            f"{self.precision:.3f}",
            f"{self.offset:+.0f} / {self.spread:.0f}",
            f"{self.per_class[FF]:.2f}",
            f"{self.per_class[SIL]:.2f}",
            f"{self.openness:.2f}",
        ]
        return " | ".join(cells)


_COLUMNS = (
    "set",
    "length",
    "speech frames",
    "closures",
    "recall",
    "precision",
    "offset median / p90, ms",
    "FF F1",
    "sil F1",
    "openness r",
)
HEADER = f"| {' | '.join(_COLUMNS)} |\n" + "|---" * len(_COLUMNS) + "|"


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The half-open spans where `flags` is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def measure(truth: Sequence[Labels], found: Sequence[F32]) -> Figures:
    """Figures of probability tracks (n, 14) against class labels (n,), both at 100 Hz; lengths may differ a little."""
    pairs = [(t[: len(p)].astype(int), p[: len(t)]) for t, p in zip(truth, found, strict=True)]
    true = np.concatenate([t for t, _ in pairs])
    classes = np.concatenate([p.argmax(1) for _, p in pairs])
    speaking = true != SIL
    f1 = tuple(
        2 * float(((true == c) & (classes == c)).sum()) / max(1, int((true == c).sum() + (classes == c).sum()))
        for c in range(len(VISEMES))
    )
    hits = events = good = called = 0
    offsets: list[float] = []
    for t, p in pairs:
        real, guess = t == PP, p.argmax(1) == PP
        for first, last in runs(real):
            events += 1
            near = guess[max(0, first - TOLERANCE) : last + TOLERANCE]
            hits += bool(near.any())
        for first, last in runs(guess):
            called += 1
            good += bool(real[max(0, first - TOLERANCE) : last + TOLERANCE].any())
            middle = (first + last) / 2
            partners = [(a + b) / 2 for a, b in runs(real) if a - TOLERANCE <= middle <= b + TOLERANCE]
            offsets += [(middle - partner) * 10 for partner in partners[:1]]
    wanted = np.concatenate([openness_of(np.eye(len(VISEMES), dtype=np.float32)[t]) for t, _ in pairs])
    got = np.concatenate([openness_of(np.ascontiguousarray(p)) for _, p in pairs])
    return Figures(
        seconds=len(true) / 100,
        accuracy=float((true == classes)[speaking].mean()) if speaking.any() else 0.0,
        per_class=f1,
        closures=events,
        recall=hits / max(1, events),
        precision=good / max(1, called),
        offset=float(np.median(offsets)) if offsets else 0.0,
        spread=float(np.percentile(np.abs(offsets), 90)) if offsets else 0.0,
        openness=float(np.corrcoef(wanted, got)[0, 1]) if wanted.std() and got.std() else 0.0,
    )
