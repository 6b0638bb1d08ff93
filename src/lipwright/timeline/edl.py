"""The edit decision list: what every output frame and every stretch of output sound is made of.

A plan is a list of clips that cover the output exactly, without overlap, and a list of sound spans that cover it too.
It holds rational times only and knows nothing about files: `ref` names an audio input, and source frames are indices
on the decoded frame grid of the video. Frames are not listed but generated, so that the plan of a day of video is as
small as that of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from lipwright.timeline.clip import Clip, Direction, LipDrive
from lipwright.timeline.frames import FrameWalk, OutputFrame
from lipwright.timeline.grid import FrameGrid, Span
from lipwright.timeline.options import SyncMode
from lipwright.timeline.timemap import TimeMap

__all__ = [
    "Clip",
    "Direction",
    "EditDecisionList",
    "FrameGrid",
    "LipDrive",
    "Original",
    "OutputFrame",
    "SegmentReport",
    "Silence",
    "SoundContent",
    "SoundSpan",
    "Span",
    "Speech",
    "TimeMap",
]


@dataclass(frozen=True, slots=True)
class Original:
    """The video's own sound from source time `start` on (0 is the start of the presentation, as for frames)."""

    start: Fraction


@dataclass(frozen=True, slots=True)
class Speech:
    """Audio input `ref` from `start` seconds into it."""

    ref: str
    start: Fraction


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing."""


SoundContent = Original | Speech | Silence


@dataclass(frozen=True, slots=True)
class SoundSpan:
    """What sounds over one stretch of output.

    Spans may overlap: then they are added. That happens only between the speech of different speakers, and between
    speech (or silence) and the original kept under it, which then has a `gain` below 1.
    """

    output: Span
    content: SoundContent
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What became of one segment.

    Attributes:
        index: its place in the request; -1 for a whole-video sync.
        ref: the audio that drives it.
        mode: the sync mode in force, None where the segment is pinned (`preserve_timing`) or a still is shown.
        requested: the range asked for, in seconds of the source (frames turned into seconds).
        source: the range used, clamped to the video and snapped to frames.
        frames: that range as source frames, half-open.
        output: where it ended up; empty for a segment without frames.
        audio_requested: the part of the audio asked for.
        audio: the part that sounds.
        happened: plain sentences on everything that is not simply as asked.
    """

    index: int
    ref: str
    mode: SyncMode | None
    requested: Span
    source: Span
    frames: tuple[int, int]
    output: Span
    audio_requested: Span
    audio: Span
    happened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EditDecisionList:
    """The whole plan.

    Attributes:
        grid: the source's frames; for a still the virtual grid of its repetitions, of which `Clip.first` and `stop`
            are indices too.
        still: every output frame shows source frame 0.
        frame_duration: the nominal duration of a frame in seconds.
        held: source frames that stand still for long (screen recordings and calls leave out frames while nothing
            moves). Where lips have to move on one it is shown again and again at the nominal rate.
        clips: in output order, covering [0, duration) without gap or overlap.
        sound: in order of start, covering [0, duration) without gap; see `SoundSpan` for overlaps.
        segments: what became of each segment, in request order.
        warnings: everything a user should be told, whole sentences.
    """

    grid: FrameGrid
    still: bool
    frame_duration: Fraction
    held: frozenset[int]
    clips: tuple[Clip, ...]
    sound: tuple[SoundSpan, ...]
    segments: tuple[SegmentReport, ...]
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> Fraction:
        """Length of the output in seconds."""
        return self.clips[-1].output.stop

    @property
    def time_map(self) -> TimeMap:
        """Source time <-> output time."""
        return TimeMap(self.clips)

    @property
    def time_base(self) -> Fraction:
        """A time base in which the time of every output frame is a whole number."""
        return Fraction(1, self._walk().per_second)

    @property
    def frame_count(self) -> int:
        """How many frames `output_frames` gives, without walking through them."""
        return self._walk().count()

    @property
    def clip_frames(self) -> tuple[tuple[int, int], ...]:
        """The output frames, half-open, of every clip."""
        return self._walk().clip_frames()

    def output_frames(self, first: int = 0, stop: int | None = None) -> Iterator[OutputFrame]:
        """Output frames first..stop-1 (all of them) in order, made on the way: constant memory however many."""
        return self._walk().frames(first, stop)

    def _walk(self) -> FrameWalk:
        return FrameWalk(self.grid, self.clips, self.frame_duration, self.held, still=self.still)
