"""Progress on the command line."""

from __future__ import annotations

import io

from lipwright.cli.progress import Bars, Lines, ProgressDisplay, show_progress
from lipwright.progress import ProgressEvent


class Clock:
    """A clock that stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stream_that_is_no_terminal_gets_lines_and_quiet_gets_nothing() -> None:
    assert isinstance(show_progress(io.StringIO()), Lines)
    assert type(show_progress(io.StringIO(), quiet=True)) is ProgressDisplay


def test_lines_tell_start_middle_and_end_with_speed_and_time_left() -> None:
    stream, clock = io.StringIO(), Clock()
    with Lines(stream, clock) as lines:
        for done in range(0, 101, 10):
            lines(ProgressEvent("render", done, 100))
            clock.now += 1.0
        lines(ProgressEvent("render", 100, 100))
    told = stream.getvalue().splitlines()
    assert told[0] == "render"
    assert told[1] == "render: 50 of 100 frames, 10.0 frames/s, 5 s left"
    assert told[-1] == "render: 100 of 100 frames, 10.0 frames/s"
    assert len(told) == 3


def test_a_phase_of_unknown_length_counts() -> None:
    stream, clock = io.StringIO(), Clock()
    lines = Lines(stream, clock)
    lines(ProgressEvent("listen", 0, 0, "s"))
    clock.now = 6.0
    lines(ProgressEvent("listen", 60, 0, "s"))
    assert stream.getvalue().splitlines() == ["listen", "listen: 60 s, 10.0 s/s"]


def test_bars_take_events_of_several_phases_even_when_not_started() -> None:
    bars = Bars()
    bars(ProgressEvent("render", 1, 2))
    with bars:
        bars(ProgressEvent("render", 1, 2))
        bars(ProgressEvent("faces", 0, 0))
        bars(ProgressEvent("render", 2, 2))
    assert bars._bars is not None
    assert [(t.description, t.completed, t.total) for t in bars._bars.tasks] == [("render", 2, 2), ("faces", 0, None)]
