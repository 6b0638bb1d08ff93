"""GET /metrics: how the installation does, for Prometheus.

It tells of all organisations and nothing that is theirs: counts, times and bytes. What is in the databases is read when
it is asked for, with one grouped query for each kind, and kept for seconds, so that several scrapers cost as much as
one; how large the data folder is takes long to find out, so it is found out beside, now and then.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lipwright import __version__
from lipwright.service.api.measuring import Requests
from lipwright.service.api.state import caller_of
from lipwright.service.api.watching import Watches
from lipwright.service.api.wire import documented, text
from lipwright.service.services import Services
from lipwright.service.storage import deliveries, generations
from lipwright.service.storage.tables import Delivery, Executor, Generation

router = APIRouter(tags=["service"])

_KEPT = 2.0
"""Seconds for which what was read from the databases is told again."""

_ENDED_KEPT = 30.0
"""The same for counts of what has ended, which are of most of the rows there are."""

_FOLDER_EVERY = 300.0
"""Seconds after which the data folder is measured again."""

_PREFIX = 8
"""Characters of a key's id that stand for it; they tell nothing of the key itself."""


@router.get("/metrics", **documented("service.metrics", text("text/plain", "lipwright_workers 1.0\n")))
async def metrics(request: Request) -> Response:
    """How the installation does, as Prometheus reads it. Needs a key unless it is set up otherwise."""
    if not request.app.state.config.metrics_open:
        await caller_of(request)
    registry = cast(CollectorRegistry, request.app.state.registry)
    return Response(await asyncio.to_thread(generate_latest, registry), media_type=CONTENT_TYPE_LATEST)


def new_registry() -> tuple[CollectorRegistry, Requests]:
    """A registry of one application, and the series that count its requests."""
    registry = CollectorRegistry()
    return registry, Requests(registry)


class Installation(Collector):
    """What can be said of the databases, the workers and the data folder."""

    def __init__(self, services: Services, watches: Watches) -> None:
        self._services, self._watches = services, watches
        self._folder = Folder(services.config.data_dir)
        self._lock = threading.Lock()
        self._read_at = -_KEPT
        self._read: list[Metric] = []
        self._ended_at = -_ENDED_KEPT
        self._ended: tuple[dict[str, int], dict[str, int]] = {}, {}

    def describe(self) -> list[Metric]:
        """Nothing, which spares a look at the databases when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, as they are now."""
        with self._lock:
            if time.monotonic() - self._read_at >= _KEPT:
                self._read = [*self._tables(), *self._queues()]
                self._read_at = time.monotonic()
            yield from self._read
        yield from self._disk()
        yield _gauge("lipwright_event_listeners", "Clients that listen to a generation.", self._watches.listeners)
        about = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("lipwright_build", "What runs here.", value=about)

    def _tables(self) -> Iterator[Metric]:
        with self._services.database.reading() as session:
            if time.monotonic() - self._ended_at >= _ENDED_KEPT:
                delivered = (deliveries.DELIVERED, deliveries.FAILED)
                self._ended = _counted(session, Generation, generations.ENDED), _counted(session, Delivery, delivered)
                self._ended_at = time.monotonic()
            counts = _counted(session, Generation, generations.ACTIVE) | self._ended[0]
            yield _by("lipwright_generations", "Generations by status.", "status", counts)
            query = (
                select(Generation.api_key_id, func.count())
                .where(Generation.status.in_(generations.ACTIVE))
                .group_by(Generation.api_key_id)
            )
            keys = {key[:_PREFIX]: count for key, count in session.execute(query)}
            yield _by("lipwright_key_active_generations", "Generations in work by API key (its id).", "key", keys)
            sent = _counted(session, Delivery, (deliveries.PENDING,)) | self._ended[1]
            yield _by("lipwright_webhook_deliveries", "Webhook deliveries by status.", "status", sent)
            at = self._services.database.clock(session)
            since = at - self._services.config.dead_after_seconds
            beats = session.execute(select(Executor.id, Executor.seen_at).where(Executor.seen_at >= since))
            ages = {worker: max(0.0, at - seen) for worker, seen in beats}
            yield _gauge("lipwright_workers", "Workers that were heard of lately.", len(ages))
            said = "Seconds since a worker was last heard of."
            yield _by("lipwright_worker_heartbeat_age_seconds", said, "worker", ages)

    def _queues(self) -> Iterator[Metric]:
        waiting = self._services.queue.waiting()
        depth = {name: one.count for name, one in waiting.items()}
        oldest = {name: round(one.seconds, 3) for name, one in waiting.items()}
        yield _by("lipwright_queue_depth", "Jobs that wait in a queue.", "queue", depth)
        yield _by("lipwright_queue_oldest_seconds", "Seconds that the oldest waiting job waits.", "queue", oldest)

    def _disk(self) -> Iterator[Metric]:
        with suppress(OSError):
            free = shutil.disk_usage(self._services.config.data_dir).free
            yield _gauge("lipwright_data_free_bytes", "Free space where the data folder is.", free)
        size = self._folder.size()
        if size is not None:
            yield _gauge("lipwright_data_bytes", "Size of the data folder, as of some minutes ago.", size)


class Folder:
    """A folder that is measured by a thread of its own when its size is asked for and not known lately."""

    def __init__(self, path: Path, every: float = _FOLDER_EVERY, patience: float = 0.02) -> None:
        self._path, self._every, self._patience = path, every, patience
        self._size: int | None = None
        self._measured = -every
        self._measuring = threading.Lock()

    def size(self) -> int | None:
        """Bytes in it when it was last measured; None if that is not done yet."""
        if time.monotonic() - self._measured >= self._every and self._measuring.acquire(blocking=False):
            thread = threading.Thread(target=self._measure, name="lipwright-folder", daemon=True)
            thread.start()
            thread.join(self._patience)
        return self._size

    def _measure(self) -> None:
        try:
            self._size = _bytes_in(self._path)
        finally:
            self._measured = time.monotonic()
            self._measuring.release()


def _bytes_in(path: Path | str) -> int:
    """Bytes of all files under `path`; what vanishes meanwhile has none."""
    total = 0
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += _bytes_in(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _counted(session: Session, table: type[Generation] | type[Delivery], statuses: tuple[str, ...]) -> dict[str, int]:
    """How many rows have each of these statuses."""
    query = select(table.status, func.count()).where(table.status.in_(statuses)).group_by(table.status)
    return dict.fromkeys(statuses, 0) | {row[0]: row[1] for row in session.execute(query)}


def _by(name: str, said: str, label: str, values: dict[str, int] | dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, said, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(name, said, value=value)
