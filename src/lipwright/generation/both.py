"""Two independent steps at once; when one fails, the other is stopped before the failure is passed on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lipwright.errors import Cancelled
from lipwright.progress import CancelToken, Progress

A = TypeVar("A")
B = TypeVar("B")


class LinkedToken(CancelToken):
    """A token that is cancelled with another one, and can be cancelled without it."""

    def __init__(self, parent: CancelToken) -> None:
        super().__init__()
        self._parent = parent

    @property
    def cancelled(self) -> bool:
        """Whether this token or the one it is linked to was cancelled."""
        return super().cancelled or self._parent.cancelled


def both(here: Callable[[Progress], A], there: Callable[[Progress], B], progress: Progress) -> tuple[A, B]:
    """What `here`, run in this thread, and `there`, run in another, return.

    Each is handed a progress that listens to `progress`'s token. If one raises, the other is cancelled and waited for,
    and the first failure is raised; that of `here` if both fail on their own.
    """
    token = LinkedToken(progress.token)
    shared = Progress(progress.listener, token)

    def guarded() -> B:
        try:
            return there(shared)
        except BaseException:
            token.cancel()
            raise

    with ThreadPoolExecutor(1, "lipwright-beside") as pool:
        beside = pool.submit(guarded)
        try:
            first = here(shared)
        except BaseException as error:
            token.cancel()
            reason = beside.exception()
            if isinstance(error, Cancelled) and reason is not None and not progress.token.cancelled:
                raise reason from None
            raise
        return first, beside.result()
