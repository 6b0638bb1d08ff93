"""Watching generations for whoever wants to know: one query at a time for each, however many clients listen.

A watch begins with its first listener and ends with its last, or when the generation has ended. It looks at the row
twice a second, which is how often a worker writes it; a listener that is slower than that gets the latest and misses
what was between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lipwright.service.services import Services
from lipwright.service.storage.generations import ENDED
from lipwright.service.storage.tables import Generation

_log = logging.getLogger(__name__)

EVERY = 0.5
"""Seconds between two looks."""

Read = Callable[[str], Generation | None]


class Gone(Exception):
    """The generation was deleted while it was watched."""


class Watch:
    """One generation under observation."""

    def __init__(self, read: Read, generation: str) -> None:
        self._read, self._generation = read, generation
        self._row: Generation | None = None
        self._number = self._begun = 0
        self._over = False
        self._looked = asyncio.Event()
        self.listeners = 0
        self.task = asyncio.create_task(self._look())

    @property
    def begun(self) -> int:
        """How many looks have begun."""
        return self._begun

    async def after(self, seen: Generation, since: int) -> Generation:
        """The generation once it is another than `seen`, by a look later than the first `since`.

        Times of changes cannot tell which of two is the later: they come from the clocks of different machines.

        Raises:
            Gone: it was deleted.
        """
        while True:
            looked = self._looked
            if self._number > since or self._over:
                if self._row is None:
                    raise Gone
                if _version(self._row) != _version(seen):
                    return self._row
            await looked.wait()

    async def _look(self) -> None:
        while not self._over:
            self._begun += 1
            try:
                self._row = await asyncio.to_thread(self._read, self._generation)
            except Exception:
                _log.exception("a generation could not be looked at; it is tried again")
            else:
                self._number = self._begun
                self._over = self._row is None or self._row.status in ENDED
                looked, self._looked = self._looked, asyncio.Event()
                looked.set()
            await asyncio.sleep(EVERY)


class Watches:
    """All watches of this process."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._watches: dict[str, Watch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return sum(watch.listeners for watch in self._watches.values())

    def _read(self, generation: str) -> Generation | None:
        with self._database.reading() as session:
            return session.get(Generation, generation)

    @contextmanager
    def of(self, generation: str) -> Iterator[Watch]:
        """Listen to a generation."""
        watch = self._watches.get(generation)
        if watch is None:
            watch = self._watches[generation] = Watch(self._read, generation)
        watch.listeners += 1
        try:
            yield watch
        finally:
            watch.listeners -= 1
            if not watch.listeners:
                self._watches.pop(generation, None)
                watch.task.cancel()


def _version(row: Generation) -> tuple[object, ...]:
    return row.updated_at, row.status
