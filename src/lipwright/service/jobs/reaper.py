"""Heartbeats, and giving the jobs of dead workers to the living.

The open job queue does not notice that a worker died: its jobs would wait for it forever. So every worker says now and
then that it is alive, by the database's clock, and looks for those that have not said so for long; theirs are put back
into the queue. Any number of workers may do that for the same dead one: putting back is a compare-and-set on the dead
one's id, and what it may still write itself is refused. One whose process is seen to be gone is not waited for.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from dbos import DBOS
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Executor

_log = logging.getLogger(__name__)


def recover(executors: Sequence[str]) -> int:
    """Put the unfinished jobs of these executors back into the queue; how many there were.

    The one place that calls what DBOS keeps to itself; a test holds it to what is expected of it.
    """
    return len(DBOS._recover_pending_workflows(list(executors)))


class Reaper:
    """Beats for one worker and buries others, in a thread of its own, until it is stopped."""

    def __init__(
        self,
        database: Database,
        executor: str,
        beat: float,
        dead_after: float,
        recover: Callable[[Sequence[str]], int] = recover,
    ) -> None:
        self._database, self._executor = database, executor
        self._beat_every, self._dead_after, self._recover = beat, dead_after, recover
        self._stop = threading.Event()
        self._host = this_host()
        self._thread = threading.Thread(target=self._run, name="lipwright-heart", daemon=True)

    def start(self) -> None:
        """Beat once, then go on in the background."""
        self.beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop beating and say goodbye, so that nobody waits for this worker's death."""
        self._stop.set()
        self._thread.join(timeout=10)
        with self._database.writing() as session:
            session.execute(update(Executor).where(Executor.id == self._executor).values(seen_at=0.0))

    def beat(self) -> float:
        """Say that this worker is alive; the database's time."""
        with self._database.writing() as session:
            at = self._database.clock(session)
            row = session.get(Executor, self._executor)
            if row is None:
                session.add(Executor(id=self._executor, host=self._host, pid=os.getpid(), seen_at=at))
            else:
                row.seen_at = at
            return at

    def bury(self, at: float) -> list[str]:
        """Give the jobs of dead workers to the living; who was dead."""
        with self._database.reading() as session:
            dead = [row.id for row in session.scalars(select(Executor)) if self._is_dead(row, at)]
        for executor in dead:
            count = self._recover([executor])
            _log.warning("worker %s is dead; %d of its jobs were put back", executor, count)
            with self._database.writing() as session:
                session.execute(delete(Executor).where(Executor.id == executor))
        return dead

    def _is_dead(self, row: Executor, at: float) -> bool:
        if row.id == self._executor:
            return False
        silent = at - row.seen_at
        if row.host == self._host and silent > self._beat_every / 2 and not _running(row.pid):
            return True
        return silent > self._dead_after

    def _run(self) -> None:
        while True:
            try:
                self.bury(self.beat())
            except Exception:
                _log.exception("the heartbeat failed; it is tried again")
            if self._stop.wait(self._beat_every):
                return


def alive(session: Session, database: Database, dead_after: float) -> int:
    """How many workers were heard of lately."""
    since = database.clock(session) - dead_after
    return len(session.scalars(select(Executor.id).where(Executor.seen_at >= since)).all())


def this_host() -> str:
    """A name for where process ids mean what they mean here: machine, start of it, and namespace (containers)."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return "/".join(parts)


def _running(pid: int) -> bool:
    """Whether a process of this machine exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return True
