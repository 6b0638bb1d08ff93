"""How far a job is, on a terminal as one bar per phase, elsewhere as a plain line now and then.

Progress goes to standard error, so that what a script reads on standard output stays clean. Events may come from any
thread.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from lipwright.progress import ProgressEvent

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY = 5.0
"""Seconds between two plain lines of one phase."""


def show_progress(stream: TextIO | None = None, *, quiet: bool = False) -> ProgressDisplay:
    """The display that fits `stream` (standard error by default)."""
    stream = stream or sys.stderr
    if quiet:
        return ProgressDisplay()
    return Bars() if stream.isatty() else Lines(stream)


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """Shows nothing; the base of the others."""

    def __call__(self, event: ProgressEvent) -> None:
        """Take note of `event`."""

    def __exit__(self, *exc: object) -> None:
        return None


@dataclass(slots=True)
class _Phase:
    started: float
    told: float
    done: int = 0
    total: int = 0
    unit: str = ""


class Lines(ProgressDisplay):
    """Plain lines: one when a phase starts, one every few seconds, one when it ends."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}

    def __call__(self, event: ProgressEvent) -> None:
        with self._lock:
            now = self._clock()
            phase = self._phases.get(event.phase)
            if phase is None:
                phase = self._phases[event.phase] = _Phase(now, now)
                finished = event.total > 0 and event.done >= event.total
                if not finished:
                    self._stream.write(f"{event.phase}\n")
            elif phase.total and phase.done >= phase.total:
                return
            phase.done, phase.total, phase.unit = event.done, event.total, event.unit
            ended = phase.total > 0 and phase.done >= phase.total
            if ended or now - phase.told >= LINE_EVERY:
                phase.told = now
                self._stream.write(_line(event.phase, phase, now - phase.started) + "\n")
            self._stream.flush()


def _line(name: str, phase: _Phase, elapsed: float) -> str:
    """`render: 120 of 500 frames, 24.0 frames/s, 16 s left`."""
    amount = f"{phase.done} of {phase.total} {phase.unit}" if phase.total else f"{phase.done} {phase.unit}"
    if elapsed < 0.05 or phase.done == 0:
        return f"{name}: {amount}"
    speed = phase.done / elapsed
    rest = f", {max(0, phase.total - phase.done) / speed:.0f} s left" if phase.done < phase.total else ""
    return f"{name}: {amount}, {speed:.1f} {phase.unit}/s{rest}"


class Bars(ProgressDisplay):
    """One bar per phase with speed and time left, drawn by rich."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Bars:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<18}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[amount]:>14}"),
            TextColumn("{task.fields[speed]:>14}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=Console(stderr=True),
            refresh_per_second=5,
        )
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, event: ProgressEvent) -> None:
        if self._bars is None:
            return
        with self._lock:
            if event.phase not in self._tasks:
                self._tasks[event.phase] = self._bars.add_task(event.phase, total=None, amount="", speed="")
            at = self._tasks[event.phase]
        task = next(t for t in self._bars.tasks if t.id == at)
        speed = f"{event.done / task.elapsed:.1f} {event.unit}/s" if task.elapsed and event.done else ""
        self._bars.update(
            at,
            total=event.total or None,
            completed=event.done,
            amount=f"{event.done}/{event.total}" if event.total else str(event.done),
            speed=speed,
        )
