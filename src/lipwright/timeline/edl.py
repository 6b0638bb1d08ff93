"""The edit decision list: what every output frame and every stretch of output sound is made of.

A plan is a list of clips that cover the output exactly, without overlap. It holds rational times only and knows nothing
about files: `ref` names an audio input, and source frames are indices on the decoded frame grid of the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from lipwright.timeline.options import SegmentOptions


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range [start, stop) in seconds."""

    start: Fraction
    stop: Fraction

    @property
    def duration(self) -> Fraction:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """The decoded frames of a video in display order: `pts[i] * time_base` is when frame i starts.

    `end` is the PTS at which the last frame stops being shown. PTS are strictly increasing. Times are relative to the
    start of the video's presentation, so the first is usually 0 but need not be.
    """

    pts: Sequence[int]
    time_base: Fraction
    end: int


@dataclass(frozen=True, slots=True)
class OutputFrame:
    """One frame of the output: when it is shown, for how long, and which source frame it shows."""

    index: int
    time: Fraction
    duration: Fraction
    source: int
    clip: int


@dataclass(frozen=True, slots=True)
class LipDrive:
    """One face to move during a clip: which face, by which part of which audio, from when on the output timeline.

    At output time t the face says what `ref` holds at `audio.start + (t - output.start)`; from `audio.stop` on (and for
    an empty `audio`) the mouth is at rest.
    """

    segment: int
    ref: str
    audio: Span
    output: Span
    options: SegmentOptions
