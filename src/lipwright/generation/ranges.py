"""Which source frames have to be looked at: those whose mouth moves, and enough around them to learn the mouth from.

Face analysis is the dearest step per frame, so a short segment of a long video must not cost the whole video. But an
engine that re-renders a speaker with the speaker's own mouth wants to have seen that mouth do more than the segment
shows. The ranges of the plan are therefore widened evenly on both sides until they hold some seconds of footage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from lipwright.timeline.edl import EditDecisionList

Range = tuple[int, int]

ENOUGH = Fraction(12)
"""Seconds of footage from which a mouth can be learnt well; more did not make exemplars better."""


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """`ranges` in order, those that touch or overlap joined, empty ones dropped."""
    out: list[Range] = []
    for start, stop in sorted(r for r in ranges if r[0] < r[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return tuple(out)


def driven(edl: EditDecisionList) -> tuple[Range, ...]:
    """The source frames of all clips in which a mouth moves."""
    return merged((0, 1) if edl.still else (clip.first, clip.stop) for clip in edl.clips if clip.lips)


def widened(ranges: Sequence[Range], frames: int, wanted: int) -> tuple[Range, ...]:
    """`ranges` grown evenly at both ends, inside 0..frames, by as little as makes them hold `wanted` frames."""

    def grown(by: int) -> tuple[Range, ...]:
        return merged((max(0, start - by), min(frames, stop + by)) for start, stop in ranges)

    if not ranges:
        return ()
    low, high = 0, frames
    while low < high:
        middle = (low + high) // 2
        if count(grown(middle)) >= min(wanted, frames):
            high = middle
        else:
            low = middle + 1
    return grown(low)


def to_analyse(edl: EditDecisionList) -> tuple[Range, ...]:
    """The source frames that face analysis has to cover for `edl`."""
    if edl.still:
        return driven(edl)
    return widened(driven(edl), len(edl.grid.pts), int(ENOUGH / edl.frame_duration))


def count(ranges: Iterable[Range]) -> int:
    """How many frames `ranges` (that do not overlap) hold."""
    return sum(stop - start for start, stop in ranges)
