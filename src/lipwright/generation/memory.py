"""Giving freed memory back to the system.

A job works in phases with large arrays of their own, on several threads. The C library keeps what they freed for
itself, in an arena per thread, where the next phase hardly finds it: measured on a 720p job, 200 of 600 MB were held
so. glibc hands it back when asked; other C libraries do so by themselves or not at all, and are left alone.

It also learns from the largest block it saw freed that blocks of that size are better kept. That is right for the
arrays of a mouth, which come and go by the hundred in every frame, and wrong for whole planes of a picture, so it is
told to hand these back at once (`steady`). Kept mouths are cheaper than fetched ones, by a twentieth of a job's time in
720p, but beside 4K pictures there is no room for many.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import lru_cache

OFTEN = 64 << 20
"""Bytes of pictures that the render loop lets pass between two requests: rare enough to cost nothing, often enough for
memory to stay flat."""

_LARGE = 1 << 20
"""Bytes of a block that goes back to the system as soon as it is freed."""
_KEPT, _KEPT_LEAN = 32 << 20, 4 << 20
"""Bytes at the end of an arena that are kept for what comes next; and where memory is short."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    """The C library if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL(None)
        library.malloc_trim.argtypes, library.malloc_trim.restype = [ctypes.c_size_t], ctypes.c_int
        library.mallopt.argtypes, library.mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    except (OSError, AttributeError):
        return None
    return library


def give_back() -> None:
    """Ask the C library to return the memory it holds but does not use; does nothing where it cannot."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def steady(*, lean: bool = False) -> None:
    """Begin a phase with pictures: let go of what the one before left lying about, and keep no large blocks.

    `lean` keeps less of the small ones, too.
    """
    gc.collect()  # decoders and their frames hang in cycles
    library = _glibc()
    if library is not None:
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_LEAN if lean else _KEPT)
    give_back()
