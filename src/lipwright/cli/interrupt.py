"""Ctrl-C and the polite `kill` stop a job in an orderly way.

The first signal cancels the job's token: the job stops at its next check, removes what it was making and raises
`Cancelled`. A second one does not wait any longer. Exit codes follow the shell's custom: 128 plus the signal's number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from lipwright.errors import Cancelled
from lipwright.progress import CancelToken


class Interrupted(Exception):
    """The user stopped the job; `exit_code` is what the shell is told."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("Stopped; nothing was left behind.")
        self.exit_code = exit_code


@contextlib.contextmanager
def cancelled_by_signals() -> Iterator[CancelToken]:
    """A token that SIGINT and SIGTERM cancel; a job cancelled that way ends in `Interrupted`."""
    token = CancelToken()
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        token.cancel()
        with contextlib.suppress(OSError, ValueError):  # not print: it may be what was interrupted
            os.write(sys.stderr.fileno(), b"Stopping ...\n")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield token
    except Cancelled:
        raise Interrupted(128 + (received[0] if received else signal.SIGINT)) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
