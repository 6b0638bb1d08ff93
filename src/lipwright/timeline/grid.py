"""The frame grid of a video: exact presentation times of its decoded frames, and how times and frames meet.

All arithmetic is on whole ticks and fractions; a frame rate is never assumed. The grid may be irregular (VFR). A time
is turned into a frame by asking which frame is on screen, and a segment's edge is moved to the nearest frame start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from math import floor

_SAMPLES = 2000
_STANDARD_RATES = tuple(
    sorted({Fraction(n) for n in (10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 96, 100, 120, 144, 240)}
           | {Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 96, 120, 240)})
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range [start, stop) in seconds."""

    start: Fraction
    stop: Fraction

    @property
    def duration(self) -> Fraction:
        """Length in seconds."""
        return self.stop - self.start

    def __contains__(self, time: Fraction) -> bool:
        return self.start <= time < self.stop


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """The decoded frames of a video in display order: `pts[i] * time_base` is when frame i starts.

    `end` is the PTS at which the last frame stops being shown. PTS are strictly increasing. Times are relative to the
    start of the video's presentation, so the first is usually 0 but need not be: a first frame that comes later is
    taken to be on screen from 0 on, as players do.
    """

    pts: Sequence[int]
    time_base: Fraction
    end: int

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def start(self) -> Fraction:
        """When the video starts, in seconds: 0, or the first frame's time if that is earlier."""
        return min(Fraction(0), int(self.pts[0]) * self.time_base)

    @property
    def stop(self) -> Fraction:
        """When the last frame ends, in seconds."""
        return self.end * self.time_base

    @property
    def duration(self) -> Fraction:
        """How long the video is, in seconds."""
        return self.stop - self.start

    def time(self, frame: int) -> Fraction:
        """When frame `frame` (0..len) starts, in seconds; the frame after the last starts at `stop`."""
        if frame <= 0:
            return self.start
        return self.stop if frame >= len(self.pts) else int(self.pts[frame]) * self.time_base

    def duration_of(self, frame: int) -> Fraction:
        """How long frame `frame` is shown, in seconds."""
        return self.time(frame + 1) - self.time(frame)

    def frame_at(self, time: Fraction) -> int:
        """The frame on screen at `time` seconds; the first before the video starts, the last after it ends."""
        return max(0, bisect_right(self.pts, floor(time / self.time_base)) - 1)

    def first_from(self, time: Fraction) -> int:
        """The first frame that starts at or after `time`; len if there is none."""
        frame = self.frame_at(time)
        while frame < len(self.pts) and self.time(frame) < time:
            frame += 1
        return frame

    def nearest_edge(self, time: Fraction) -> int:
        """The frame (0..len) whose start is nearest to `time`; of two equally near ones the earlier."""
        before = self.frame_at(time)
        return before if time - self.time(before) <= self.time(before + 1) - time else before + 1

    def longer_than(self, duration: Fraction) -> frozenset[int]:
        """The frames that are shown for longer than `duration` seconds."""
        if isinstance(self.pts, range) and self.pts.step * self.time_base <= duration:
            return frozenset()
        most = floor(duration / self.time_base)
        gaps = enumerate(pairwise(chain(self.pts, (self.end,))))
        return frozenset(frame for frame, (start, stop) in gaps if stop - start > most)

    def frame_duration(self) -> Fraction:
        """The nominal duration of a frame in seconds.

        The average, unless it is far from the median (long holds in a VFR recording), and then the median. A rate
        within a thousandth of a standard one is that one: containers with a coarse time base round their PTS.
        """
        count = len(self.pts)
        average = (self.end - int(self.pts[0])) * self.time_base / count
        if count > 2:
            step = max(1, (count - 1) // _SAMPLES)
            gaps = sorted(int(self.pts[i + 1]) - int(self.pts[i]) for i in range(0, count - 1, step))
            median = gaps[len(gaps) // 2] * self.time_base
            if abs(average - median) > max(median / 10, self.time_base):
                average = median
        rate = 1 / average
        near = min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))
        if abs(near - rate) * 1000 <= near:
            return 1 / near
        return max(1, round(average / self.time_base)) * self.time_base
