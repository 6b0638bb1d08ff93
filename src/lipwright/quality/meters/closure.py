"""The range of a mouth, from closed to open, and whether the lips really met at each p, b and m.

Nothing gives a dubbed mouth away like an /m/ said with open lips, so this counts the instants, not the average. What
"closed" reads like differs between subjects (beards, thin lips, teeth that show at rest), hence `MouthRange`: closed is
what the subject's own closed lips read like in the source, kept under an absolute bound so that a source whose mouth
never closes cannot excuse an output that does not either; open is the widest the output itself goes (95th percentile).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.quality.report import Reading, Unmeasured

F64 = NDArray[np.float64]

CLOSED_AT_MOST: Final = 0.03
"""No gap above this (outer eye distances) is taken for a closed mouth, whatever the source does."""

CLOSED_SHARE: Final = 0.15
"""Lips count as closed up to this share of the open range: the reading noise of a closed mouth is about a tenth."""

_LEAST_SPAN: Final = 0.02  # an output that opens less does not speak; shares of its range would be noise


@dataclass(frozen=True, slots=True)
class MouthRange:
    """What closed and wide open read like, in outer eye distances."""

    closed: float
    open: float

    def relative(self, openings: F64) -> F64:
        """`openings` as shares of the range: 0 closed, 1 open; of two readings either may be passed by a little."""
        return np.asarray((openings - self.closed) / max(self.open - self.closed, _LEAST_SPAN), dtype=np.float64)


def mouth_range(source: F64, output: F64) -> MouthRange:
    """The range from the openings of the source's track and of the output's driven frames ((n,), NaN left out)."""
    source, output = source[np.isfinite(source)], output[np.isfinite(output)]
    both = np.concatenate([source, output])
    if len(both) == 0:
        return MouthRange(0.0, 0.0)
    closed = min(float(np.percentile(source if len(source) else both, 5)), CLOSED_AT_MOST)
    return MouthRange(closed, float(np.percentile(output, 95)) if len(output) else closed)


@dataclass(frozen=True, slots=True)
class Closures:
    """How many p, b and m were seen, and how many of them with the lips closed."""

    seen: int
    closed: int

    def __add__(self, other: Closures) -> Closures:
        return Closures(self.seen + other.seen, self.closed + other.closed)

    def readings(self) -> dict[str, Reading]:
        """The figures bilabial_closure and bilabials."""
        if self.seen == 0:
            none = Unmeasured("the speech holds no p, b or m over edited frames")
            return {"bilabial_closure": none, "bilabials": 0}
        return {"bilabial_closure": self.closed / self.seen, "bilabials": self.seen}


def closures(times: F64, openings: F64, instants: F64, slack: float = 0.03) -> Closures:
    """Count the bilabials of one stretch of frames.

    Args:
        times: (n,) seconds in the audio at which each frame is shown, ascending.
        openings: (n,) lip opening read off the output as a share of the subject's range, NaN where none was.
        instants: (k, 2) start and end of each p, b or m in seconds of the same audio.
        slack: seconds by which a closure may come early or late; alignments are good to 20 or 30 ms.

    Returns:
        The counts. One that no readable frame shows (passed through, outside the crop, between two frames) is not
        counted as seen.
    """
    seen = closed = 0
    for start, end in instants:
        near = openings[np.searchsorted(times, start - slack) : np.searchsorted(times, end + slack, side="right")]
        near = near[np.isfinite(near)]
        if len(near):
            seen += 1
            closed += bool(near.min() <= CLOSED_SHARE)
    return Closures(seen, closed)


def bilabial_instants(bilabial: NDArray[np.bool_], rate: int) -> F64:
    """(k, 2) start and end in seconds of the runs of True in `bilabial` (100 Hz; a viseme track's p, b, m rows)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bilabial, [False]]).astype(np.int8)))
    return (edges.reshape(-1, 2) / rate).astype(np.float64)
