"""The API without a server: the real application over SQLite and objects in memory, with a queue that only takes note.

    async with api(tmp_path) as here:
        answer = await here.http.post("/v2/generate", json=here.body())

`api` is also a fixture of tests/integration/service. Nothing runs the jobs: tests move rows along themselves, through
`here.services.database`. Addresses under https://media.test answer, but for those with "missing" in them.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tests.servers.prober import NearProber

from lipwright.service.api.app import create_app
from lipwright.service.config import ServiceConfig
from lipwright.service.jobs.children import ChildLimits
from lipwright.service.jobs.queue import Waiting
from lipwright.service.net.fetch import Fetcher, Kind, Remote
from lipwright.service.net.policy import AddressPolicy
from lipwright.service.services import Services, media_limits
from lipwright.service.storage import access
from lipwright.service.storage.database import Database
from lipwright.service.storage.links import Links
from lipwright.service.storage.opening import memory_objects
from lipwright.service.storage.tables import Generation, Organisation

MEDIA = "https://media.test"
SETTINGS: dict[str, Any] = {"rate_generate": "1000000/minute", "rate_other": "1000000/minute", "fetch_seconds": 5}


class NotedQueue:
    """A job queue that does nothing and remembers what it was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.depth: dict[str, Waiting] = {}

    def __getattr__(self, name: str) -> Any:
        def note(*arguments: Any) -> None:
            self.calls.append((name, arguments))

        if name.startswith("_"):
            raise AttributeError(name)
        return note

    def states(self, ids: list[str]) -> dict[str, str]:
        """Nothing is known."""
        return {}

    def waiting(self) -> dict[str, Waiting]:
        """What the test says."""
        return dict(self.depth)

    def asked(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of all calls of one kind."""
        return [arguments for call, arguments in self.calls if call == name]


class NotedFetcher(Fetcher):
    """Addresses under `MEDIA` are there; everything else goes the real way, in a world without names."""

    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__(policy, resolver=_nobody)
        self.asked: list[str] = []

    async def head(self, url: str, *, field: str, kind: Kind) -> Remote:
        """What is at `url`."""
        self.asked.append(url)
        if url.startswith(f"{MEDIA}/") and "missing" not in url:
            return Remote(url, 206, "video/mp4", 1000, b"")
        return await super().head(url, field=field, kind=kind)


@dataclass
class Api:
    """A running application and what stands behind it; `http` calls it with a valid key."""

    app: FastAPI
    services: Services
    key: str
    organisation: str
    http: httpx.AsyncClient
    queue: NotedQueue = field(default_factory=NotedQueue)

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """Another client, with another key or none."""
        return _client(self.app, key)

    def new_key(self, organisation: str = "another", **given: Any) -> str:
        """A key of an organisation, which is made if there is none of that name."""
        with self.services.database.writing() as session:
            return access.create_key(session, organisation, **given)

    def body(self, **more: Any) -> dict[str, Any]:
        """The body of a plain request."""
        video, audio = {"type": "video", "url": f"{MEDIA}/v.mp4"}, {"type": "audio", "url": f"{MEDIA}/a.wav"}
        return {"model": "lipsync-2", "input": [video, audio], **more}

    async def create(self, **more: Any) -> dict[str, Any]:
        """A generation that was taken."""
        answer = await self.http.post("/v2/generate", json=self.body(**more))
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def change(self, generation: str, **values: Any) -> None:
        """Set columns of a generation, as a worker would."""
        with self.services.database.writing() as session:
            row = session.get_one(Generation, generation)
            for name, value in values.items():
                setattr(row, name, value)

    def add(self, *rows: Any) -> None:
        """Add rows."""
        with self.services.database.writing() as session:
            session.add_all(rows)


@asynccontextmanager
async def api(folder: Path, **settings: Any) -> AsyncIterator[Api]:
    """The application with its files in `folder` and an organisation with a key."""
    config = ServiceConfig(data_dir=folder, **{**SETTINGS, **settings})
    config.work_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(_empty(), folder / "lipwright.sqlite")
    database, objects, queue = Database(config.database), memory_objects(), NotedQueue()
    services = Services(
        config=config,
        database=database,
        objects=objects,
        links=Links(objects, b"a secret of thirty-two bytes or so", config.base_url),
        fetcher=NotedFetcher(AddressPolicy(ports=config.fetch_ports, allow=config.fetch_allow)),
        queue=queue,
        prober=NearProber(ChildLimits.of(config), media_limits(config)),
    )
    with database.writing() as session:
        key = access.create_key(session)
        organisation = access.organisation_named(session, access.DEFAULT_ORGANISATION).id
    app = create_app(config, services)
    async with app.router.lifespan_context(app), _client(app, key) as http:
        yield Api(app, services, key, organisation, http, queue)


def organisation_of(here: Api, name: str) -> str:
    """The id of the organisation of that name."""
    with here.services.database.writing() as session:
        found: Organisation = access.organisation_named(session, name)
        return found.id


def _client(app: FastAPI, key: str | None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"x-api-key": key} if key else {}
    return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers, timeout=60)


async def _nobody(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known here")


@cache
def _empty() -> Path:
    """A database file with all tables and no rows, made once per test run."""
    path = Path(tempfile.mkdtemp(prefix="lipwright-empty-")) / "empty.sqlite"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    database.close()
    return path
