"""Where to cut an output into pieces."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from lipwright.generation.ranges import Range

SHORTEST = Fraction(2)
"""Seconds: in less the encoder's new beginning would cost more than is won."""


def suggest_pieces(
    frames: int, frame_duration: Fraction, seconds: Fraction, edges: Sequence[int] = ()
) -> tuple[Range, ...]:
    """Output frames 0..frames cut into half-open pieces of about `seconds` each, none shorter than two seconds.

    Args:
        frames: of the output.
        frame_duration: the nominal one, in seconds.
        seconds: how long a piece should be.
        edges: frames, ascending, before which it is best to cut; one of them is taken if it lies within a quarter of a
            piece of where an even cut would be.
    """
    if frames <= 0:
        return ()
    least = min(frames, ceil(SHORTEST / frame_duration))
    wanted = max(least, round(seconds / frame_duration))
    count = max(1, min(round(Fraction(frames, wanted)), frames // least))
    pieces: list[Range] = []
    at = 0
    for left in range(count, 1, -1):
        # The rest is shared out anew after every cut, so that one edge does not move all borders after it.
        ideal = at + round(Fraction(frames - at, left))
        reach = (ideal - at) // 4
        low, high = max(at + least, ideal - reach), min(frames - least * (left - 1), ideal + reach)
        border = _nearest(edges, ideal, low, high)
        pieces.append((at, border))
        at = border
    return (*pieces, (at, frames))


def _nearest(edges: Sequence[int], ideal: int, low: int, high: int) -> int:
    """The edge in low..high that is nearest to `ideal`, the earlier of two; `ideal` itself if there is none."""
    near = edges[bisect_left(edges, low) : bisect_left(edges, high + 1)]
    return min(near, key=lambda edge: (abs(edge - ideal), edge), default=ideal)
