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
from itertools import islice
from math import ceil, floor, lcm

from lipwright.timeline.clip import Clip, Direction, LipDrive
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
class OutputFrame:
    """One frame of the output: when it is shown, for how long, and which source frame it shows.

    `clip` is the index in `EditDecisionList.clips` of the clip it belongs to.
    """

    index: int
    time: Fraction
    duration: Fraction
    source: int
    clip: int


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
        return Fraction(1, lcm(self.grid.time_base.denominator, self.frame_duration.denominator))

    @property
    def frame_count(self) -> int:
        """How many frames `output_frames` gives, without walking through them."""
        return sum(self._clip_frames(clip) for clip in self.clips) - self._last_is_too_short()

    def output_frames(self) -> Iterator[OutputFrame]:
        """Every output frame in order, made on the way: constant memory however long the output.

        Each frame is shown until the next one starts and the last until the output ends.
        """
        held: tuple[Fraction, int, int] | None = None
        index = 0
        for shown in islice(self._shown(), self.frame_count):
            if held is not None:
                yield OutputFrame(index, held[0], shown[0] - held[0], held[1], held[2])
                index += 1
            held = shown
        if held is not None:
            yield OutputFrame(index, held[0], self.duration - held[0], held[1], held[2])

    def _shown(self) -> Iterator[tuple[Fraction, int, int]]:
        """Output time, source frame and clip of every frame."""
        for number, clip in enumerate(self.clips):
            for time, source in self._walk(clip):
                yield time, 0 if self.still else source, number

    def _walk(self, clip: Clip) -> Iterator[tuple[Fraction, int]]:
        """Output time and source frame of every frame of one clip."""
        if clip.rate == 1:
            forward = clip.direction is Direction.FORWARD
            for frame in range(clip.first, clip.stop) if forward else range(clip.stop - 1, clip.first - 1, -1):
                at = self._at(clip, frame)
                yield at, frame
                for part in range(1, self._parts(clip, frame)):
                    yield at + part * self.frame_duration, frame
        else:
            for step in range(self._clip_frames(clip)):
                at = clip.output.start + step * self.frame_duration
                yield at, min(max(self.grid.frame_at(clip.source_time(at)), clip.first), clip.stop - 1)

    def _at(self, clip: Clip, frame: int) -> Fraction:
        """When source frame `frame` of a clip at its own speed is first shown."""
        if clip.direction is Direction.FORWARD:
            return clip.output.start + self.grid.time(frame) - self.grid.time(clip.first)
        return clip.output.start + self.grid.time(clip.stop) - self.grid.time(frame + 1)

    def _parts(self, clip: Clip, frame: int) -> int:
        """How many output frames source frame `frame` of a clip at its own speed becomes; see `held`."""
        if not clip.lips or frame not in self.held:
            return 1
        shown = min(self.grid.duration_of(frame), clip.output.stop - self._at(clip, frame))
        return max(1, floor(shown / self.frame_duration))

    def _clip_frames(self, clip: Clip) -> int:
        if clip.rate != 1:
            return ceil(clip.output.duration / self.frame_duration)
        more = (self._parts(clip, frame) - 1 for frame in self.held if clip.first <= frame < clip.stop)
        return clip.stop - clip.first + sum(more)

    def _last_is_too_short(self) -> bool:
        """Whether the end of the output leaves less than half a nominal frame of a frame that lasts longer.

        Such a sliver is left out, and the frame before it is held: players and encoders stumble over it.
        """
        clip = self.clips[-1]
        count = self._clip_frames(clip)
        if clip.rate != 1:
            shown = clip.output.duration - (count - 1) * self.frame_duration
            last = self.frame_duration
        else:
            edge = clip.stop - 1 if clip.direction is Direction.FORWARD else clip.first
            before = (self._parts(clip, edge) - 1) * self.frame_duration
            shown = clip.output.stop - self._at(clip, edge) - before
            last = self.grid.duration_of(edge) - before
        only = len(self.clips) == 1 and count == 1
        return shown < last and shown * 2 < self.frame_duration and not only
