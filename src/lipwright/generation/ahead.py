"""Run an iterator ahead of its consumer in a thread of its own.

The render loop is a chain of iterators (decode, render, measure, encode) whose heavy parts leave the interpreter lock,
so running each link `Ahead` lets them overlap on several cores while every link still sees its items one at a time and
in order: what comes out cannot depend on how the threads are scheduled. The queue between two links is bounded, by its
items and by what they weigh, so a slow consumer holds the producer back and memory stays constant, also in 4K. A
failure in any link travels down the chain as the exception it is; closing the last link stops the ones before it and
waits for their threads, so none is left behind.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

BYTES = 16 << 20
"""What the items waiting in one queue may weigh together."""

_POLL = 0.1
"""Seconds between looks at the stop flag while a queue is full or empty."""


class _End:
    """Put behind the last item: the producer is done, or has failed with `error`."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Ahead(Generic[T], Iterator[T]):
    """An iterator that is being run in its own thread; close it, or use it in a `with` block.

    Args:
        items: what to run; if it is a generator it is closed, in its own thread, when this is closed.
        capacity: how many finished items may wait for the consumer.
        name: of the thread, for debuggers.
        weight: the bytes an item holds, if they may be many; fewer items wait then, but one always may. They are taken
            to weigh what the first one does.
    """

    def __init__(
        self,
        items: Iterable[T],
        capacity: int = 3,
        name: str = "ahead",
        weight: Callable[[T], int] | None = None,
    ) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue(maxsize=max(1, capacity))
        self._weight = weight
        self._stop = threading.Event()
        self._finished = False
        self._thread = threading.Thread(target=self._produce, args=(items,), name=f"lipwright-{name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __next__(self) -> T:
        while not self._finished:
            try:
                item = self._queue.get(timeout=_POLL)
            except queue.Empty:
                continue
            if not isinstance(item, _End):
                return item
            self._finished = True
            self._thread.join()
            if item.error is not None:
                raise item.error
        raise StopIteration

    def close(self) -> None:
        """Stop the producer and wait for its thread; safe to call at any time, any number of times."""
        self._stop.set()
        self._finished = True
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                while True:
                    self._queue.get_nowait()
            self._thread.join(timeout=_POLL)

    def _produce(self, items: Iterable[T]) -> None:
        end = _End()
        try:
            iterator = iter(items)
            try:
                for item in iterator:
                    if self._weight is not None:
                        room = BYTES // max(1, self._weight(item))
                        self._queue.maxsize = max(1, min(self._queue.maxsize, room))
                        self._weight = None
                    if not self._put(item):
                        break
                    del item  # do not hold a frame while the next one is being made
            finally:
                if isinstance(iterator, Generator | Ahead):
                    iterator.close()
        except BaseException as error:  # whatever it is, it is raised again in the consumer's thread
            end = _End(error)
        self._put(end)

    def _put(self, item: T | _End) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False


def mapped(function: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """`map` as a generator that closes `items` when it is closed, so that a chain of links closes from its end."""
    iterator = iter(items)
    try:
        for item in iterator:
            yield function(item)
            del item
    finally:
        if isinstance(iterator, Generator | Ahead):
            iterator.close()
