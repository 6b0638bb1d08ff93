"""How a range of the video is made as long as its audio: the five sync modes (contract section 7.5).

Each mode is a list of `Run`s through the source, one after the other. A run shows whole source frames, so that what
follows a segment stays on the frame grid: where a segment ends with its audio, it ends with the frame that is on screen
at that moment, less than a frame later. Only at the very end of the output (`exact`) is the last frame cut short, and
the length is then the audio's to the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from lipwright.timeline.edl import Direction
from lipwright.timeline.grid import FrameGrid, Span
from lipwright.timeline.options import SyncMode

ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class Run:
    """One run through source frames first..stop-1 that takes `duration` seconds of output; see `Clip`."""

    first: int
    stop: int
    source: Span
    duration: Fraction
    direction: Direction = Direction.FORWARD
    rate: Fraction = ONE


def fit(
    grid: FrameGrid, frames: tuple[int, int], audio: Fraction, mode: SyncMode, *, exact: bool, frame_duration: Fraction
) -> list[Run]:
    """The runs that show source frames `frames` (half-open, not empty) to `audio` seconds of sound under `mode`.

    A difference of up to one nominal frame is none: the picture is then left as it is.
    """
    first, stop = frames
    length = grid.time(stop) - grid.time(first)
    if abs(audio - length) <= frame_duration:
        return [forward(grid, first, stop)]
    if mode is SyncMode.REMAP:
        return [_remap(grid, first, stop, audio if exact else _whole(audio, frame_duration))]
    if audio < length:
        return [forward(grid, first, stop)] if mode is SyncMode.SILENCE else [_start(grid, first, stop, audio, exact)]
    if mode is SyncMode.CUT_OFF:
        return [forward(grid, first, stop)]
    if mode is SyncMode.LOOP:
        return _loop(grid, first, stop, audio, exact)
    if mode is SyncMode.BOUNCE and stop - first > 1:
        return _bounce(grid, first, stop, audio, exact)
    rest = audio - length
    return [forward(grid, first, stop), hold(grid, stop - 1, rest if exact else _whole(rest, frame_duration))]


def fit_still(grid: FrameGrid, frames: tuple[int, int], audio: Fraction, *, exact: bool) -> list[Run]:
    """The runs that show a still for `audio` seconds: its sync mode has no meaning, its length is the audio's."""
    first, stop = frames
    rest = audio - (grid.time(stop) - grid.time(first))
    if rest <= 0:
        return [_start(grid, first, stop, audio, exact)]
    frame_duration = grid.time_base
    return [forward(grid, first, stop), hold(grid, stop - 1, rest if exact else _whole(rest, frame_duration))]


def forward(grid: FrameGrid, first: int, stop: int) -> Run:
    """Frames first..stop-1 as they are."""
    span = Span(grid.time(first), grid.time(stop))
    return Run(first, stop, span, span.duration)


def hold(grid: FrameGrid, frame: int, duration: Fraction) -> Run:
    """Frame `frame` standing still."""
    at = grid.time(frame)
    return Run(frame, frame + 1, Span(at, at), duration, rate=ZERO)


def _whole(duration: Fraction, frame_duration: Fraction) -> Fraction:
    """`duration` rounded up to whole frames."""
    return ceil(duration / frame_duration) * frame_duration


def _start(grid: FrameGrid, first: int, stop: int, want: Fraction, exact: bool) -> Run:
    """The first `want` seconds of frames first..stop-1, or all of them if they are shorter."""
    edge = grid.time(first) + want
    last = min(grid.first_from(edge), stop)
    span = Span(grid.time(first), min(edge, grid.time(stop)) if exact else grid.time(last))
    return Run(first, last, span, span.duration)


def _back(grid: FrameGrid, first: int, stop: int, want: Fraction, exact: bool) -> Run:
    """The last `want` seconds of frames first..stop-1 backwards, or all of them if they are shorter."""
    edge = grid.time(stop) - want
    start = max(grid.frame_at(edge), first)
    span = Span(max(edge, grid.time(first)) if exact else grid.time(start), grid.time(stop))
    return Run(start, stop, span, span.duration, Direction.BACKWARD)


def _loop(grid: FrameGrid, first: int, stop: int, want: Fraction, exact: bool) -> list[Run]:
    whole = forward(grid, first, stop)
    times, rest = divmod(want, whole.duration)
    return [whole] * times + ([_start(grid, first, stop, rest, exact)] if rest else [])


def _bounce(grid: FrameGrid, first: int, stop: int, want: Fraction, exact: bool) -> list[Run]:
    """Forward, backward and so on; the frame at which it turns is shown once, not twice."""
    there = forward(grid, first, stop)
    back = _back(grid, first, stop - 1, grid.time(stop), exact=False)
    again = forward(grid, first + 1, stop)
    times, rest = divmod(want - there.duration, back.duration + again.duration)
    runs = [there] + [back, again] * times
    if rest:
        runs.append(_back(grid, first, stop - 1, rest, exact))
        rest -= runs[-1].duration
    if rest > 0:
        runs.append(_start(grid, first + 1, stop, rest, exact))
    return runs


def _remap(grid: FrameGrid, first: int, stop: int, duration: Fraction) -> Run:
    """All of the range in `duration` seconds, faster or slower."""
    span = Span(grid.time(first), grid.time(stop))
    return Run(first, stop, span, duration, rate=span.duration / duration)
