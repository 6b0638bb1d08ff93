"""Comparing like with like: a strength on the output's frames against that of source frames in the same band.

Frames are sorted into bands of something that drives the strength by itself (how far lips are open, how fast they
move), and only bands that both sides have are compared. What is compared is always one face of one segment with the
source beneath it: thrown together, the frames of a sharp segment would meet the source of a soft one, and the figure of
the whole could lie outside those of its parts. Sums of parts are added instead, so the whole is their weighted mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.quality.report import Reading, Unmeasured

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likes:
    """Sum of log ratios, each weighted by the output's frames behind it, and the number of those frames."""

    logs: float = 0.0
    frames: int = 0

    def __add__(self, other: Likes) -> Likes:
        return Likes(self.logs + other.logs, self.frames + other.frames)

    def reading(self, of_what: str) -> Reading:
        """The geometric mean of the ratios; without any, that there are no frames of like `of_what`."""
        if not self.frames:
            return Unmeasured(f"output and source have no frames of like {of_what} to compare")
        return float(np.exp(self.logs / self.frames))


def by_band(values: F64, sorted_by: F64, edges: F64) -> list[F64]:
    """The (n,) `values` in each band of `sorted_by`; frames where either is NaN are left out."""
    seen = np.isfinite(values) & np.isfinite(sorted_by)
    band = np.digitize(sorted_by[seen], edges) - 1
    return [values[seen][band == b] for b in range(len(edges) - 1)]


def compare(output: Sequence[F64], source: Sequence[F64], level: Callable[[F64], float], fewest: int) -> Likes:
    """The bands of the output against those of the source; `level` takes the values of a band to one positive figure.

    Bands with fewer than `fewest` frames on either side are not compared.
    """
    total = Likes()
    for mine, theirs in zip(output, source, strict=True):
        if len(mine) >= fewest and len(theirs) >= fewest:
            total += Likes(float(np.log(level(mine) / level(theirs))) * len(mine), len(mine))
    return total
