"""The parts of a running installation, put together from its configuration: what the API and the workers work with."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lipwright.errors import OutputError
from lipwright.service.config import ServiceConfig
from lipwright.service.jobs.children import ChildLimits
from lipwright.service.jobs.prober import Prober
from lipwright.service.jobs.queue import DurableQueue, JobQueue
from lipwright.service.net.fetch import Fetcher, FetchLimits
from lipwright.service.net.policy import AddressPolicy
from lipwright.service.storage.database import Database
from lipwright.service.storage.links import Links
from lipwright.service.storage.objects import Objects
from lipwright.service.storage.opening import open_objects

SECRET_FILE = "secret"


@dataclass(slots=True)
class Services:
    """Everything that has a connection, a process or a secret."""

    config: ServiceConfig
    database: Database
    objects: Objects
    links: Links
    fetcher: Fetcher
    queue: JobQueue
    prober: Prober
    extras: dict[str, Any] = field(default_factory=dict)

    async def close(self) -> None:
        """Let go of everything."""
        await self.prober.close()
        self.queue.close()
        self.database.close()


def prepare(config: ServiceConfig) -> None:
    """Make the data folder and both databases ready; harmless to do again, by several processes at once."""
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies in it is the users' own
        config.work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The data folder {str(config.data_dir)!r} cannot be used: {error.strerror}; name another with --data-dir.",
            field="data_dir",
        ) from None
    database = Database(config.database)
    try:
        database.migrate()
    finally:
        database.close()
    DurableQueue.prepare(config.queue_database)


def open_services(config: ServiceConfig) -> Services:
    """The parts of the installation that `config` describes; `prepare` has to have been called once."""
    objects = open_objects(config.objects, config.objects_options)
    policy = AddressPolicy(ports=config.fetch_ports, allow=config.fetch_allow)
    return Services(
        config=config,
        database=Database(config.database),
        objects=objects,
        links=Links(objects, signing_secret(config), config.base_url),
        fetcher=Fetcher(policy, FetchLimits(total_seconds=config.fetch_seconds)),
        queue=DurableQueue(config.queue_database),
        prober=Prober(ChildLimits.of(config), media_limits(config)),
    )


def media_limits(config: ServiceConfig) -> dict[str, Any]:
    """What media may measure, as the stages take it."""
    return {"seconds": config.max_duration, "pixels": config.max_pixels, "bytes": config.max_upload}


def signing_secret(config: ServiceConfig) -> bytes:
    """What links are signed with: as configured, or made once and kept in the data folder, for its owner only."""
    if config.signing_secret.get_secret_value():
        return config.signing_secret.get_secret_value().encode()
    path = Path(config.data_dir) / SECRET_FILE
    if not path.exists():
        _make_secret(path)
    return path.read_bytes()


def _make_secret(path: Path) -> None:
    """Write a new secret to `path`, unless another process that starts at the same time was faster."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # for its owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)  # a name is taken once; renaming would replace what somebody has read already
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
