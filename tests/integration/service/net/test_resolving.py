"""Names whose servers are silent keep nobody else waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lipwright.service.net.connect import system_resolver

pytestmark = pytest.mark.anyio


async def test_threads_of_handlers_are_free_while_names_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    answered = threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        answered.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    lookups = [asyncio.create_task(system_resolver(f"{one}.test", 443)) for one in range(4)]
    await asyncio.sleep(0.05)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
    finally:
        answered.set()
    assert await asyncio.gather(*lookups) == [["192.0.2.1"]] * 4
