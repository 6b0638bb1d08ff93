"""One thread for each OpenCV call while the stages of a job run side by side.

Decoding, drawing, measuring and encoding each have a thread of their own, and so have the two passes of face analysis:
the cores are busy already. OpenCV splitting a call over threads again costs waking and waiting, more than the call
itself at the size of a mouth. The setting belongs to the process, so it is put back when the last stage has ended.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import cv2

_lock = threading.Lock()
_users = 0
_before = 0


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep OpenCV to the calling thread inside the `with` block; blocks may overlap in time."""
    global _users, _before
    with _lock:
        if _users == 0:
            _before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                cv2.setNumThreads(_before)
