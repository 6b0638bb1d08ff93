"""A command in a process of its own, and what it cost: time, memory of the whole process tree, the first sign of life.

Memory is summed over the process and everything it started. Each process counts by its proportional share (PSS: a page
that n processes share counts 1/n in each), so that nothing counts twice; where the kernel does not tell that, by its
resident size. Sums are sampled, so a short spike may fall between two samples; beside them stands the kernel's own
high-water mark of the main process, which misses nothing but knows only that process.

The first sign of life is the first line of progress on standard error: what somebody who waits gets to see, with the
start of the interpreter and all imports in it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.2
"""Seconds between two samples. Adding up the pages of a process takes the kernel some milliseconds."""
_TICK = 0.01
"""Seconds between two looks whether the process has ended."""
_PROGRESS = re.compile(r"^[a-z][a-z ]*(:.*)?$")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command cost.

    Attributes:
        seconds: from its start to its end.
        cpu_seconds: of all its processes, user and system; None where the system does not tell.
        tree_memory: most bytes that its processes held together, sampled; None where there is no /proc.
        own_memory: the kernel's high-water mark of the main process, bytes; None where there is no /proc.
        processes: most processes at once, sampled.
        first_progress: seconds until the first line of progress; None if there was none.
    """

    seconds: float
    cpu_seconds: float | None
    tree_memory: int | None
    own_memory: int | None
    processes: int
    first_progress: float | None

    @property
    def memory(self) -> int | None:
        """The most memory seen by either measure, bytes."""
        return max((known for known in (self.tree_memory, self.own_memory) if known is not None), default=None)


class CommandFailed(Exception):
    """A command ended with an error; the message is what it wrote."""


def measured(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Usage:
    """Run `command` to its end.

    Raises:
        CommandFailed: it did not end well.
    """
    lines: list[tuple[float, str]] = []
    started = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        env=None if environment is None else dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )

    def listen() -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                lines.append((time.monotonic() - started, line.rstrip("\n")))

    listener = threading.Thread(target=listen, name="stderr", daemon=True)
    listener.start()
    watch = _Watch(process.pid)
    try:
        cpu = _await(process, watch)
    except BaseException:
        process.kill()
        process.wait()
        raise
    seconds = time.monotonic() - started
    listener.join(5)
    if process.returncode:
        raise CommandFailed("\n".join(line for _, line in lines[-20:]) or f"ended with {process.returncode}")
    first = next((at for at, line in lines if _PROGRESS.match(line)), None)
    return Usage(seconds, cpu, watch.tree, watch.own, watch.processes, first)


def _await(process: subprocess.Popen[str], watch: _Watch) -> float | None:
    """Sample until the process has ended; the CPU seconds of it and of the children it waited for."""
    if sys.platform == "win32":
        process.wait()
        return None
    due = 0.0
    while True:
        # wait4 tells what this one child used, where getrusage would tell the sum over all there ever were.
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return used.ru_utime + used.ru_stime
        if time.monotonic() >= due:
            watch.sample()
            due = time.monotonic() + EVERY
        time.sleep(_TICK)


class _Watch:
    """The highest memory seen of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.tree: int | None = None
        self.own: int | None = None
        self.processes = 0

    def sample(self) -> None:
        """Look once; a process that ends meanwhile is left out."""
        tree = descendants(self._pid)
        shares = [share for pid in tree if (share := memory_of(pid)) is not None]
        if shares:
            self.tree = max(self.tree or 0, sum(shares))
            self.processes = max(self.processes, len(shares))
        own = _field(_PROC / str(self._pid) / "status", "VmHWM:")
        self.own = own if own is not None else self.own


def descendants(pid: int) -> list[int]:
    """`pid` and every process that comes from it; only `pid` where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*/stat") if _PROC.is_dir() else ():
        try:
            text = entry.read_text(errors="replace")
        except OSError:
            continue
        # The name, in brackets, may hold anything; behind it come the state and the parent.
        parent = int(text[text.rindex(")") + 1 :].split()[1])
        children.setdefault(parent, []).append(int(entry.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, ())
    return found


def memory_of(pid: int) -> int | None:
    """Bytes that a process holds: its proportional share, else its resident size; None where that is not told."""
    share = _field(_PROC / str(pid) / "smaps_rollup", "Pss:")
    return share if share is not None else _field(_PROC / str(pid) / "status", "VmRSS:")


def _field(path: Path, name: str) -> int | None:
    """Bytes in the line `name` of a file of kilobytes."""
    try:
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return None
