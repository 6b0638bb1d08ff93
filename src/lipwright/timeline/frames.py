"""Walking through the output frames of a plan without listing them.

Times are counted in whole ticks of one time base in which every output frame starts on a tick, because a fraction is
only needed once per frame, at the end: a plan of hours is walked through at some hundred thousand frames a second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, islice
from math import ceil, lcm

from lipwright.timeline.clip import Clip, Direction
from lipwright.timeline.grid import FrameGrid


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


class FrameWalk:
    """The frames of `clips` on `grid`; the other arguments are those of `EditDecisionList`."""

    def __init__(
        self, grid: FrameGrid, clips: Sequence[Clip], frame_duration: Fraction, held: frozenset[int], *, still: bool
    ) -> None:
        self.grid, self.clips, self.held, self.still = grid, clips, held, still
        self.per_second = lcm(grid.time_base.denominator, frame_duration.denominator)
        self._per_pts = int(grid.time_base * self.per_second)
        self._nominal = int(frame_duration * self.per_second)

    def count(self) -> int:
        """How many frames there are."""
        return self.clip_frames()[-1][1]

    def clip_frames(self) -> tuple[tuple[int, int], ...]:
        """The frames, half-open, that each clip has."""
        stops = list(accumulate(self._clip_frames(clip) for clip in self.clips))
        ranges = list(zip((0, *stops), stops, strict=False))
        ranges[-1] = (ranges[-1][0], ranges[-1][1] - self._last_is_too_short())
        return tuple(ranges)

    def frames(self, first: int = 0, stop: int | None = None) -> Iterator[OutputFrame]:
        """Frames first..stop-1 in order; each is shown until the next one starts, and the last until the output ends.

        Clips before the first frame are passed over without walking through them.
        """
        count = self.count()
        stop = count if stop is None else min(stop, count)
        held: tuple[int, int, int] | None = None
        index = first
        # One frame more is looked at, since it ends the one before.
        for shown in islice(self._shown(first), max(0, min(stop + 1, count) - first)):
            if held is not None:
                gone = Fraction(shown[0] - held[0], self.per_second)
                yield OutputFrame(index, Fraction(held[0], self.per_second), gone, held[1], held[2])
                index += 1
            held = shown
        if held is not None and index < stop:
            time = Fraction(held[0], self.per_second)
            yield OutputFrame(index, time, self.clips[-1].output.stop - time, held[1], held[2])

    def _shown(self, first: int) -> Iterator[tuple[int, int, int]]:
        """Output tick, source frame and clip of every frame from output frame `first` on."""
        for number, (clip, (begin, end)) in enumerate(zip(self.clips, self.clip_frames(), strict=True)):
            if end <= first:
                continue
            walk = self._walk if clip.rate == 1 else self._picked
            for tick, source in walk(clip, max(0, first - begin)):
                yield tick, 0 if self.still else source, number

    def _walk(self, clip: Clip, skipped: int) -> Iterator[tuple[int, int]]:
        """Output tick and source frame of every frame of a clip at its own speed, save the first `skipped`."""
        forward = clip.direction is Direction.FORWARD
        begin = self._ticks(clip.output.start)
        turn = self._tick(clip.first) if forward else self._tick(clip.stop)
        repeat = bool(clip.lips and self.held)
        frames = range(clip.first, clip.stop) if forward else range(clip.stop - 1, clip.first - 1, -1)
        if not repeat:
            frames, skipped = frames[skipped:], 0
        for frame in frames:
            at = begin + (self._tick(frame) - turn if forward else turn - self._tick(frame + 1))
            for part in range(self._parts(clip, frame) if repeat else 1):
                if skipped:
                    skipped -= 1
                else:
                    yield at + part * self._nominal, frame

    def _picked(self, clip: Clip, skipped: int) -> Iterator[tuple[int, int]]:
        """The same for a clip at another speed, or standing still: frames of nominal length picked by time."""
        begin = self._ticks(clip.output.start)
        start = clip.source.start / self.grid.time_base
        step = Fraction(self._nominal, self.per_second) * clip.rate / self.grid.time_base
        whole = lcm(start.denominator, step.denominator)
        first, more = int(start * whole), int(step * whole)
        for part in range(skipped, self._clip_frames(clip)):
            source = bisect_right(self.grid.pts, (first + part * more) // whole) - 1
            yield begin + part * self._nominal, min(max(source, clip.first), clip.stop - 1)

    def _ticks(self, time: Fraction) -> int:
        return int(time * self.per_second)

    def _tick(self, frame: int) -> int:
        """When source frame `frame` starts, as `FrameGrid.time` has it."""
        if 0 < frame < len(self.grid.pts):
            return int(self.grid.pts[frame]) * self._per_pts
        return self._ticks(self.grid.time(frame))

    def _at(self, clip: Clip, frame: int) -> int:
        """The tick at which source frame `frame` of a clip at its own speed is first shown."""
        begin = self._ticks(clip.output.start)
        if clip.direction is Direction.FORWARD:
            return begin + self._tick(frame) - self._tick(clip.first)
        return begin + self._tick(clip.stop) - self._tick(frame + 1)

    def _parts(self, clip: Clip, frame: int) -> int:
        """How many output frames source frame `frame` of a clip at its own speed becomes; see `held`."""
        if not clip.lips or frame not in self.held:
            return 1
        left = clip.output.stop * self.per_second - self._at(clip, frame)
        shown = min(Fraction(self._tick(frame + 1) - self._tick(frame)), left)
        return max(1, int(shown / self._nominal))

    def _clip_frames(self, clip: Clip) -> int:
        if clip.rate != 1:
            return ceil(clip.output.duration * self.per_second / self._nominal)
        more = (self._parts(clip, frame) - 1 for frame in self.held if clip.first <= frame < clip.stop)
        return clip.stop - clip.first + sum(more)

    def _last_is_too_short(self) -> bool:
        """Whether the end of the output leaves less than half a nominal frame of a frame that lasts longer.

        Such a sliver is left out, and the frame before it is held: players and encoders stumble over it.
        """
        clip = self.clips[-1]
        count = self._clip_frames(clip)
        if clip.rate != 1:
            start = self._ticks(clip.output.start) + (count - 1) * self._nominal
            lasts = self._nominal
        else:
            edge = clip.stop - 1 if clip.direction is Direction.FORWARD else clip.first
            before = (self._parts(clip, edge) - 1) * self._nominal
            start = self._at(clip, edge) + before
            lasts = self._tick(edge + 1) - self._tick(edge) - before
        shown = clip.output.stop * self.per_second - start
        only = len(self.clips) == 1 and count == 1
        return shown < lasts and shown * 2 < self._nominal and not only
