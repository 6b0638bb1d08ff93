"""Progress events and cancellation, shared by every layer.

A long step calls `Progress.advance` once per frame and `Progress.check` between units of work; who listens (a terminal
bar, an HTTP event stream, nobody) is not its business. Cancelling is cooperative: `CancelToken.cancel` may be called
from any thread or signal handler, and the next `check` raises `Cancelled`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from lipwright.errors import Cancelled


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How far one phase is: `done` of `total` units (0 = not known)."""

    phase: str
    done: int
    total: int
    unit: str = "frames"


class CancelToken:
    """A flag that a user of the library sets to stop a running job."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop at the next check."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()


@dataclass(slots=True)
class Progress:
    """What a long step is handed: somewhere to tell how far it is, and a way to be stopped."""

    listener: Callable[[ProgressEvent], None] | None = None
    token: CancelToken = field(default_factory=CancelToken)

    def check(self) -> None:
        """Raise `Cancelled` if the job was cancelled."""
        if self.token.cancelled:
            raise Cancelled

    def advance(self, phase: str, done: int, total: int, unit: str = "frames") -> None:
        """Tell the listener how far `phase` is; also a cancellation point."""
        self.check()
        if self.listener is not None:
            self.listener(ProgressEvent(phase, done, total, unit))
