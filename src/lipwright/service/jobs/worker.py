"""A worker process: takes jobs out of the queue until it is told to stop.

It is the only kind of process that runs workflows. Its id is new each time it starts, because two processes with one id
would each take the other's jobs for its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import uuid

from dbos import DBOS, DBOSConfig

from lipwright.service.config import ServiceConfig
from lipwright.service.jobs.isolation import die_with_parent
from lipwright.service.jobs.queue import APPLICATION, DELIVERIES, GENERATIONS, LIGHT, PIECES, SCHEMA_VERSION
from lipwright.service.jobs.reaper import Reaper
from lipwright.service.jobs.serial import JsonSerializer
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.services import open_services, prepare

_log = logging.getLogger(__name__)


def run_worker(config: ServiceConfig, *, with_parent: bool = False) -> None:
    """Work until SIGTERM or SIGINT; jobs that are not finished then go on elsewhere, or when a worker is started.

    `with_parent` ends the process when its standard input ends, as it does when the process that started it is gone.
    """
    from lipwright.service.jobs import workflows

    if with_parent:
        die_with_parent()
        threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare(config)
    executor = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    settings: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": config.queue_database,
        "application_version": SCHEMA_VERSION,
        "executor_id": executor,
        "serializer": JsonSerializer(),
        "log_level": "WARNING",
        "notification_listener_polling_interval_sec": 0.25,
    }
    services = open_services(config)
    steps = workflows.use(services)
    DBOS(config=settings)
    DBOS.listen_queues([GENERATIONS, PIECES, DELIVERIES, LIGHT])
    reaper = Reaper(services.database, executor, config.heartbeat_seconds, config.dead_after_seconds)
    reaper.start()
    DBOS.launch()
    for name, slots in ((GENERATIONS, config.worker_slots), (PIECES, config.worker_slots), (LIGHT, 1)):
        DBOS.register_queue(
            name, worker_concurrency=slots, polling_interval_sec=config.poll_seconds, on_conflict="always_update"
        )
    DBOS.register_queue(DELIVERIES, polling_interval_sec=max(0.5, config.poll_seconds), on_conflict="always_update")
    _log.info("worker %s takes jobs, %d at once", executor, config.worker_slots)
    upkeep = threading.Thread(target=lambda: asyncio.run(Upkeep(steps).run()), name="lipwright-upkeep", daemon=True)
    upkeep.start()
    try:
        _until_told()
    finally:
        _log.info("worker %s stops", executor)
        DBOS.destroy(workflow_completion_timeout_sec=0)
        reaper.stop()


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(3)


def _until_told() -> None:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while not told.wait(1.0):
        pass
