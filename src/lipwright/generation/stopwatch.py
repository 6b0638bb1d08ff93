"""How long each phase of a job was busy, and the process's peak memory.

Phases run side by side in threads, so a phase counts the time it worked, not the time it waited for its neighbours:
`with watch.phase("render", 1)` around the work of one frame.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lipwright.quality.report import Performance, Phase


class Stopwatch:
    """Adds up the busy seconds and the finished units of named phases; may be used from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._busy: dict[str, tuple[int, float, str]] = {}
        self._started = clock()

    @contextlib.contextmanager
    def phase(self, name: str, done: int = 0, unit: str = "frames") -> Iterator[None]:
        """Count the time inside the `with` block, and `done` units, towards phase `name`."""
        started = self._clock()
        try:
            yield
        finally:
            self.add(name, self._clock() - started, done, unit)

    def add(self, name: str, seconds: float, done: int = 0, unit: str = "frames") -> None:
        """Count `seconds` and `done` units towards phase `name`."""
        with self._lock:
            before, busy, _ = self._busy.get(name, (0, 0.0, unit))
            self._busy[name] = (before + done, busy + seconds, unit)

    def performance(self, output_frames: int) -> Performance:
        """The figures for the report: phases in the order in which they first worked."""
        with self._lock:
            phases = tuple(Phase(name, done, round(busy, 3), unit) for name, (done, busy, unit) in self._busy.items())
        return Performance(round(self._clock() - self._started, 3), output_frames, phases, peak_memory())


def peak_memory() -> int | None:
    """The process's peak resident size in bytes since it started; None where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        # On Linux getrusage tells what the process was before it became this program, too.
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
