"""The API behind a real HTTP server, for what needs sockets: streams, slow bodies, clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from tests.servers.api import Api
from tests.servers.ports import free_ports


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
