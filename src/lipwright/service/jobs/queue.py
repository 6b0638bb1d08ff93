"""Putting work into the queue, and taking it out again: all that the API knows of jobs.

Only a client of the queue's database: no workflow runs in the process that holds it. The id of a workflow is the id of
the row it works for, so that asking twice is asking once.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import func, select

from lipwright.service.jobs.serial import JsonSerializer

APPLICATION = "lipwright"
SCHEMA_VERSION = "lipwright-1"
"""The version of our workflows: raise it when steps are added, removed or reordered; workers finish what is theirs."""

GENERATIONS, PIECES, DELIVERIES, LIGHT = "generations", "pieces", "deliveries", "light"

_CLASS = 100_000_000
"""Turns that one class of priority has room for."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many workflows wait in a queue, and for how many seconds the oldest does."""

    count: int
    seconds: float


def faces_workflow(asset: str, number: int) -> str:
    """The id of the workflow that finds the faces of an asset for the time `number`."""
    return f"{asset}.faces.{number}"


_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_AT_ONCE = 500


class JobQueue(Protocol):
    """Where work goes."""

    def generate(self, generation: str, turn: int, priority: int = 0) -> None:
        """Do a generation; lower turns first, and before them all of a higher priority."""
        ...

    def deliver(self, delivery: str) -> None:
        """Deliver a webhook."""
        ...

    def redeliver(self, delivery: str, attempt: int) -> None:
        """Deliver a webhook once more, which had `attempt` tries so far."""
        ...

    def find_faces(self, asset: str, number: int) -> None:
        """Find the faces of an asset; `number` tells one time of asking from another."""
        ...

    def cancel(self, generation: str) -> None:
        """Stop a generation, its pieces included."""
        ...

    def forget(self, ids: list[str]) -> None:
        """Delete what is known of workflows that have ended."""
        ...

    def prune(self, before: datetime) -> int:
        """Delete what is known of workflows that ended before then; how many there were."""
        ...

    def states(self, ids: list[str]) -> dict[str, str]:
        """The queue's own status of these workflows, as far as it knows them."""
        ...

    def waiting(self) -> dict[str, Waiting]:
        """What waits in each queue."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class DurableQueue:
    """The queue in its database."""

    def __init__(self, url: str) -> None:
        """`url` as `ServiceConfig.queue_database` has it; `prepare` has to have been called once."""
        self._client = DBOSClient(system_database_url=url, serializer=JsonSerializer(), application_name=APPLICATION)

    @staticmethod
    def prepare(url: str) -> None:
        """Create the queue's tables or bring them up to date; WAL on SQLite, which the queue does not set itself."""
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path)
            try:
                connection.execute("pragma journal_mode=wal")
            finally:
                connection.close()
        DBOS.migrate(url)

    def generate(self, generation: str, turn: int, priority: int = 0) -> None:
        """See `JobQueue`."""
        place = max(0, 9 - priority) * _CLASS + min(turn, _CLASS - 1)
        self._enqueue("generation", GENERATIONS, generation, generation, priority=max(1, place))

    def deliver(self, delivery: str) -> None:
        """See `JobQueue`."""
        self._enqueue("delivery", DELIVERIES, delivery, delivery)

    def redeliver(self, delivery: str, attempt: int) -> None:
        """See `JobQueue`."""
        self._enqueue("delivery", DELIVERIES, f"{delivery}.{attempt}", delivery)

    def find_faces(self, asset: str, number: int) -> None:
        """See `JobQueue`."""
        self._enqueue("faces", LIGHT, faces_workflow(asset, number), asset)

    def cancel(self, generation: str) -> None:
        """See `JobQueue`."""
        self._client.cancel_workflow(generation, cancel_children=True)

    def forget(self, ids: list[str]) -> None:
        """See `JobQueue`."""
        if ids:
            self._client.delete_workflows(ids, delete_children=True)

    def prune(self, before: datetime) -> int:
        """See `JobQueue`."""
        count = 0
        while True:
            old = self._client.list_workflows(
                status=list(_ENDED),
                completed_before=before.isoformat(),
                limit=_AT_ONCE,
                load_input=False,
                load_output=False,
            )
            self.forget([one.workflow_id for one in old])
            count += len(old)
            if len(old) < _AT_ONCE:
                return count

    def states(self, ids: list[str]) -> dict[str, str]:
        """See `JobQueue`."""
        if not ids:
            return {}
        found = self._client.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
        return {one.workflow_id: one.status for one in found}

    def waiting(self) -> dict[str, Waiting]:
        """See `JobQueue`.

        The queue's own listing gives every workflow; this counts them where they are, by an index that is made for it.
        """
        table = self._client._sys_db.tables.workflow_status.c
        query = (
            select(table.queue_name, func.count(), func.min(table.created_at))
            .where(table.status == "ENQUEUED", table.queue_name.is_not(None))
            .group_by(table.queue_name)
        )
        found = dict.fromkeys((GENERATIONS, PIECES, DELIVERIES, LIGHT), Waiting(0, 0.0))
        with self._client._sys_db.engine.connect() as connection:
            at = time.time()
            for name, count, since in connection.execute(query):
                found[name] = Waiting(count, max(0.0, at - since / 1000))
        return found

    def close(self) -> None:
        """See `JobQueue`."""
        self._client.destroy()

    def _enqueue(self, workflow: str, queue: str, identity: str, argument: str, priority: int | None = None) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": queue,
            "workflow_id": identity,
            "app_version": SCHEMA_VERSION,
        }
        if priority is not None:
            options["priority"] = priority
        self._client.enqueue(options, argument)
