"""What a child may use: limits of the operating system, put on by the child itself before it looks at anything.

Media come from strangers and FFmpeg is a large program, so the process that opens them gets no network (a namespace of
its own where the kernel lets an ordinary user make one; FFmpeg is told to open local files only in any case), no core
dumps, a bound on memory, open files and the size of what it writes, and fewer and more patient turns on the processor.
Everything here is best effort on systems that lack it; the parent watches memory and time as well.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any

_log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SPACE = 8 << 30
"""Address space over twice the memory allowed: libraries reserve far more than they use, and fail in odd ways without.
The parent's watch is what holds a child to its memory; this only stops one that asks for everything at once."""


def confine(limits: dict[str, Any], *, network: bool) -> None:
    """Put `limits` (memory, threads, nice, file_size) on this process; without `network` none can be reached."""
    die_with_parent()
    threads = limits.get("threads")
    if threads:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(threads)
        if hasattr(os, "sched_setaffinity"):
            with suppress(OSError):
                os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    with suppress(OSError, AttributeError):
        os.nice(int(limits.get("nice") or 0))
    _limit_resources(limits)
    if not network and not no_network():
        _log.warning("this system lets the child keep the network; FFmpeg is told not to use it")


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies (Linux)."""
    if sys.platform == "linux":
        parent = os.getppid()
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if parent == 1 and os.getppid() != parent:  # it died before the kernel was told
            os._exit(3)


def no_network() -> bool:
    """Leave the network, if the kernel allows it; whether it did."""
    if sys.platform != "linux":
        return False
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    return bool(unshare(flags) == 0)


def _limit_resources(limits: dict[str, Any]) -> None:
    if sys.platform == "win32":
        return
    import resource

    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 1024}
    if limits.get("memory"):
        wanted[resource.RLIMIT_AS] = 2 * int(limits["memory"]) + _SPACE
    if limits.get("file_size"):
        wanted[resource.RLIMIT_FSIZE] = int(limits["file_size"])
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        with suppress(ValueError, OSError):
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
