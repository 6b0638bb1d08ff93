"""The API behind a real HTTP server, for what needs sockets: streams, slow bodies, clients that leave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from tests.servers.api import Api, api
from tests.servers.ports import free_ports

Prepare = Callable[[Api], Awaitable[dict[str, str]]]


@asynccontextmanager
async def listening(here: Api) -> AsyncIterator[int]:
    """Serve the application of `here` in this event loop, on a port of this machine."""
    [port] = free_ports(1)
    config = uvicorn.Config(
        here.app, host="127.0.0.1", port=port, lifespan="off", log_config=None, access_log=False,
        h11_max_incomplete_event_size=64 << 10,
    )  # fmt: skip
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


@dataclass
class Running:
    """A server in a thread of its own, for tests that are not asynchronous; `ids` is what `prepare` made."""

    port: int
    here: Api
    ids: dict[str, str]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def in_thread(folder: Path, prepare: Prepare | None = None, **settings: Any) -> Iterator[Running]:
    """The application with its files in `folder`, served by a thread; `prepare` is run there first."""
    ready: Future[Running] = Future()
    stop = threading.Event()

    async def serve() -> None:
        try:
            async with api(folder, **settings) as here, listening(here) as port:
                ready.set_result(Running(port, here, await prepare(here) if prepare is not None else {}))
                while not stop.is_set():
                    await asyncio.sleep(0.05)
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield ready.result(60)
    finally:
        stop.set()
        thread.join()
