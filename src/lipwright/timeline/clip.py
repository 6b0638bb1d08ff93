"""A clip: one run through the source, and the faces that speak during it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from lipwright.timeline.grid import Span
from lipwright.timeline.options import SegmentOptions


@dataclass(frozen=True, slots=True)
class LipDrive:
    """One face to move during a clip: which face, by which part of which audio, from when on the output timeline.

    At output time t the face says what `ref` holds at `audio.start + (t - output.start)`; from `audio.stop` on (and for
    an empty `audio`) the mouth is at rest. `output` is the whole segment, which may be made of several clips.
    `segment` is the index in the request, or -1 where one audio drives the whole video.
    """

    segment: int
    ref: str
    audio: Span
    output: Span
    options: SegmentOptions

    def speech_time(self, time: Fraction) -> Fraction | None:
        """Where in the audio the face is at output time `time`; None while the mouth is at rest."""
        at = self.audio.start + (time - self.output.start)
        return at if self.audio.start <= at < self.audio.stop and self.output.start <= time < self.output.stop else None


class Direction(StrEnum):
    """Which way a clip runs through its source range."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of output made of one run through the source.

    Attributes:
        output: where it is on the output timeline.
        source: the source time it runs through, from the start, or from the stop when `direction` is backward.
        first, stop: the source frames it shows are first..stop-1.
        direction: forward or backward.
        rate: source seconds per output second. At 1 every source frame is shown for its own duration; at any other
            rate frames of the nominal duration are picked by time; 0 holds frame `first`.
        segment: index of the (first) segment it belongs to, -1 for a whole-video sync, None in a gap.
        lips: the faces to move; empty in a gap.
    """

    output: Span
    source: Span
    first: int
    stop: int
    direction: Direction
    rate: Fraction
    segment: int | None
    lips: tuple[LipDrive, ...] = ()

    def source_time(self, time: Fraction) -> Fraction:
        """The source time shown at output time `time`, which lies in `output`."""
        gone = (time - self.output.start) * self.rate
        return self.source.start + gone if self.direction is Direction.FORWARD else self.source.stop - gone
