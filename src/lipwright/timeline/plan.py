"""From a request to an edit decision list.

The segments are put in order of their place in the video and walked through once: what lies between them is taken as it
is, and each becomes a block of its own, made by its sync mode. Under the literal reading of the contract (section 7.6)
a block may be longer or shorter than its range, and what follows moves with it. Segments with `preserve_timing` keep
their length, and only they may overlap.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil

from lipwright.timeline import modes
from lipwright.timeline.edl import Clip, EditDecisionList, LipDrive, SegmentReport
from lipwright.timeline.grid import FrameGrid, Span
from lipwright.timeline.place import Placed, groups, place
from lipwright.timeline.request import AudioLengths, FrameRange, GenerationRequest, VisualKind
from lipwright.timeline.sound import sound_of
from lipwright.timeline.validate import check
from lipwright.timeline.words import seconds

STILL_FRAME = Fraction(1, 25)
"""How long a frame of a still is shown."""

LONG_HOLD = Fraction(1, 8)
"""A frame that is shown for longer, and for longer than two nominal frames, is repeated where lips have to move."""


def plan(grid: FrameGrid, lengths: AudioLengths, request: GenerationRequest) -> EditDecisionList:
    """The plan for `request` on a video with frames `grid` and audio of the given exact `lengths` (seconds, by ref).

    For a still (`request.video.kind`) `grid` is not looked at: its one frame is shown 25 times a second.

    Raises:
        RequestError: segments that do not fit the media or each other; every fault is in it.
    """
    still = request.video.kind is VisualKind.IMAGE
    if still:
        grid = _still_grid(lengths, request)
    frame_duration = STILL_FRAME if still else grid.frame_duration()
    check(request)
    placed = place(grid, lengths, request, frame_duration)
    walk = _Walk(grid, frame_duration, still)
    for group in groups(placed):
        walk.gap(group[0].first)
        if group[0].pinned:
            walk.pinned(group)
        else:
            walk.literal(group[0])
    walk.gap(len(grid))
    reports = tuple(walk.report(one) for one in sorted(placed, key=lambda one: one.index))
    clips = tuple(walk.clips)
    return EditDecisionList(
        grid=grid,
        still=still,
        frame_duration=frame_duration,
        held=frozenset() if still else grid.longer_than(max(LONG_HOLD, 2 * frame_duration)),
        clips=clips,
        sound=sound_of(clips, still=still),
        segments=reports,
        warnings=(*request.warnings, *(sentence for report in reports for sentence in report.happened)),
    )


def _still_grid(lengths: AudioLengths, request: GenerationRequest) -> FrameGrid:
    """A virtual grid as long as the last segment, or as the audio where there are no segments."""
    if request.segments:
        ranges = [segment.range for segment in request.segments]
        frames = max(r.stop if isinstance(r, FrameRange) else ceil(r.stop / STILL_FRAME) for r in ranges)
    else:
        frames = ceil(lengths[request.audio[0].ref] / STILL_FRAME)
    return FrameGrid(range(max(1, frames)), STILL_FRAME, max(1, frames))


class _Walk:
    """The output as far as it is made: `out` seconds of it, from source frames before `frame`."""

    def __init__(self, grid: FrameGrid, frame_duration: Fraction, still: bool) -> None:
        self.grid, self.frame_duration, self.still = grid, frame_duration, still
        self.out = Fraction(0)
        self.frame = 0
        self.clips: list[Clip] = []
        self.outcome: dict[int, tuple[Span, Span, tuple[str, ...]]] = {}

    def gap(self, stop: int) -> None:
        """The source as it is, up to frame `stop`."""
        if self.frame < stop:
            self._add(modes.forward(self.grid, self.frame, stop), None, ())

    def literal(self, one: Placed) -> None:
        """A segment that is made as long as its audio by its sync mode."""
        frames = (one.first, one.stop)
        length = self._time(one.stop) - self._time(one.first)
        spoken = one.audio.duration
        exact = one.stop == len(self.grid)
        if spoken == 0:
            runs = [modes.forward(self.grid, *frames)]
        elif self.still:
            runs = modes.fit_still(self.grid, frames, spoken, exact=exact)
        else:
            mode = one.options.sync_mode
            runs = modes.fit(self.grid, frames, spoken, mode, exact=exact, frame_duration=self.frame_duration)
        made = sum((run.duration for run in runs), Fraction(0))
        output = Span(self.out, self.out + made)
        drive = self._drive(one, output)
        for run in runs:
            self._add(run, one.index, (drive,))
        self.frame = one.stop
        self.outcome[one.index] = (output, drive.audio, self._told(one, length, made, drive.audio))

    def pinned(self, group: list[Placed]) -> None:
        """Segments that keep their place and length; where they overlap several faces move."""
        shift = self.out - self._time(group[0].first)
        drives = []
        for one in group:
            output = Span(self._time(one.first) + shift, self._time(one.stop) + shift)
            drives.append(self._drive(one, output))
            made = output.duration
            self.outcome[one.index] = (
                output,
                drives[-1].audio,
                self._told(one, made, made, drives[-1].audio),
            )
        edges = sorted({edge for one in group for edge in (one.first, one.stop)})
        for first, stop in pairwise(edges):
            active = tuple(
                drive for one, drive in zip(group, drives, strict=True) if one.first < stop and first < one.stop
            )
            self._add(modes.forward(self.grid, first, stop), active[0].segment, active)

    def report(self, one: Placed) -> SegmentReport:
        """What became of `one`, which has been walked past."""
        source = Span(self._time(one.first), self._time(one.stop))
        nothing = Span(self._out_at(one.first), self._out_at(one.first))
        output, audio, told = self.outcome.get(one.index, (nothing, Span(one.audio.start, one.audio.start), ()))
        return SegmentReport(
            index=one.index,
            ref=one.ref,
            mode=None if one.pinned or self.still else one.options.sync_mode,
            requested=one.requested,
            source=source,
            frames=(one.first, one.stop),
            output=output,
            audio_requested=one.audio_requested,
            audio=audio,
            happened=one.happened + told,
        )

    def _add(self, run: modes.Run, segment: int | None, lips: tuple[LipDrive, ...]) -> None:
        output = Span(self.out, self.out + run.duration)
        self.clips.append(Clip(output, run.source, run.first, run.stop, run.direction, run.rate, segment, lips))
        self.out, self.frame = output.stop, run.stop

    def _drive(self, one: Placed, output: Span) -> LipDrive:
        audio = Span(one.audio.start, min(one.audio.stop, one.audio.start + output.duration))
        return LipDrive(one.index, one.ref, audio, output, one.options)

    def _told(self, one: Placed, length: Fraction, made: Fraction, audio: Span) -> tuple[str, ...]:
        """Sentences on how the segment, `length` seconds of source, became `made` seconds of output.

        A still has no length of its own and no sync mode, so as a whole it is never lengthened or shortened.
        """
        whole = one.index < 0
        name, of_it = ("The video", "the video") if whole else (f"segments[{one.index}]",) * 2
        how = "" if self.still else f" ({one.options.sync_mode.value})"
        change = f"from {seconds(length)} to {seconds(made)}{how}"
        told = []
        if not (self.still and whole):
            if made > length:
                told.append(f"{name} was lengthened {change} to hold its audio.")
            elif made < length:
                told.append(f"{name} was shortened {change}, the length of its audio.")
        if one.audio.duration - audio.duration > self.frame_duration:  # less is mere rounding to frames
            told.append(
                f"The audio of {of_it} was cut from {seconds(one.audio.duration)} to {seconds(audio.duration)}."
            )
        return tuple(told)

    def _out_at(self, frame: int) -> Fraction:
        """Where source frame `frame`, which lies in a gap or at an edge, starts in the output."""
        for clip in self.clips:
            if clip.segment is None and clip.first <= frame < clip.stop:
                return clip.output.start + self._time(frame) - self._time(clip.first)
            if clip.first >= frame and clip.segment is not None:
                return clip.output.start
        return self.out

    def _time(self, frame: int) -> Fraction:
        return self.grid.time(frame)
