"""Progress as a stream of events, over a real connection."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from tests.servers.api import Api
from tests.servers.running import listening

from lipwright.service.storage import generations

pytestmark = pytest.mark.anyio


@dataclass
class Stream:
    """Events as they arrive, each with its name, its data and when it came."""

    response: httpx.Response
    lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.response.aiter_lines()

    async def next(self) -> tuple[str, Any, float] | None:
        """The next event; None at the end."""
        name, data = "", ""
        async for line in self.lines:
            if line.startswith("event:"):
                name = line.partition(":")[2].strip()
            elif line.startswith("data:"):
                data += line.partition(":")[2].strip()
            elif not line and name:
                return name, json.loads(data), time.monotonic()
        return None

    async def rest(self) -> list[tuple[str, Any, float]]:
        """All events until the stream closes."""
        found = []
        while (one := await self.next()) is not None:
            found.append(one)
        return found


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over a socket."""
    async with listening(api) as port:
        limits = httpx.Limits(max_connections=None)
        headers = {"x-api-key": api.key}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, limits=limits
        ) as found:
            yield found


@contextmanager
def reads_of_generations(here: Api) -> Iterator[list[str]]:
    """The queries of generations that are made meanwhile."""
    found: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "FROM generations" in statement:
            found.append(statement)

    event.listen(here.services.database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(here.services.database.engine, "before_cursor_execute", note)


def tell(here: Api, generation: str, percent: float) -> None:
    """Note progress as a worker does."""
    with here.services.database.writing() as session:
        generations.tell(session, generation, {"percent": percent, "phase": "render", "frames": 3, "totalFrames": 9})


def start(here: Api, generation: str) -> None:
    """Begin as a worker does."""
    with here.services.database.writing() as session:
        generations.begin(session, generation)


def end(here: Api, generation: str) -> None:
    """End as a worker does."""
    with here.services.database.writing() as session:
        generations.end(session, generation, "FAILED", error="It broke.", error_code="generation_pipeline_failed")


async def test_progress_comes_at_once_then_on_change_and_the_generation_at_the_end(
    api: Api, client: httpx.AsyncClient
) -> None:
    id = (await api.create())["id"]
    async with client.stream("GET", f"/v2/generations/{id}/events", headers={"Last-Event-ID": "7"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        first = await stream.next()
        assert first is not None
        assert first[:2] == ("progress", (await api.http.get(f"/v2/generate/{id}?include=progress")).json()["progress"])
        start(api, id)
        second = await stream.next()
        assert second is not None
        assert second[1]["status"] == "PROCESSING"
        tell(api, id, 42.5)
        third = await stream.next()
        assert third is not None
        assert (third[1]["percent"], third[1]["frames"]) == (42.5, 3)
        end(api, id)
        *_, last = await stream.rest()
    assert last[0] == "end"
    assert last[1] == (await api.http.get(f"/v2/generate/{id}")).json()
    assert last[1]["status"] == "FAILED"
    assert len(api.app.state.watches) == 0


async def test_what_has_ended_is_told_at_once(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    end(api, id)
    before = time.monotonic()
    async with client.stream("GET", f"/v2/generations/{id}/events") as response:
        names = [name for name, _, _ in await Stream(response).rest()]
    assert names == ["progress", "end"]
    assert time.monotonic() - before < 0.4


async def test_there_are_at_most_two_a_second_and_the_latest_wins(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    start(api, id)

    async def work() -> None:
        for percent in range(1, 31):
            await asyncio.to_thread(tell, api, id, float(percent))
            await asyncio.sleep(0.05)
        await asyncio.to_thread(end, api, id)

    async with client.stream("GET", f"/v2/generations/{id}/events") as response:
        stream = Stream(response)
        told, _ = await asyncio.gather(stream.rest(), work())
    at = [moment for name, _, moment in told if name == "progress"]
    assert all(later - earlier > 0.4 for earlier, later in pairwise(at))
    percents = [data["percent"] for name, data, _ in told if name == "progress"][:-1]
    assert percents == sorted(percents)
    assert 3 <= len(at) <= 8


async def test_many_listeners_cost_as_much_as_one(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    start(api, id)

    async def listen(ready: asyncio.Barrier) -> list[str]:
        async with client.stream("GET", f"/v2/generations/{id}/events") as response:
            stream = Stream(response)
            await stream.next()
            await ready.wait()
            return [name for name, _, _ in await stream.rest()]

    ready = asyncio.Barrier(51)
    listeners = [asyncio.create_task(listen(ready)) for _ in range(50)]
    await ready.wait()
    assert len(api.app.state.watches) == 1
    with reads_of_generations(api) as reads:
        await asyncio.sleep(2.0)
        assert 3 <= len(reads) <= 5
    end(api, id)
    assert all(names[-1] == "end" for names in await asyncio.gather(*listeners))
    assert len(api.app.state.watches) == 0


async def test_a_client_that_leaves_leaves_nothing_behind(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    tasks = len(asyncio.all_tasks())
    for _ in range(3):
        async with client.stream("GET", f"/v2/generations/{id}/events") as response:
            stream = Stream(response)
            await stream.next()
            await asyncio.sleep(0.1)
            assert api.app.state.watches.listeners == 1
    until = time.monotonic() + 5
    while api.app.state.watches.listeners or len(asyncio.all_tasks()) > tasks + 3:
        assert time.monotonic() < until, asyncio.all_tasks()
        await asyncio.sleep(0.05)
    assert len(api.app.state.watches) == 0
    with reads_of_generations(api) as reads:
        await asyncio.sleep(1.0)
    assert reads == []


async def test_a_generation_deleted_meanwhile_is_an_error_event(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    async with client.stream("GET", f"/v2/generations/{id}/events") as response:
        stream = Stream(response)
        await stream.next()
        with api.services.database.writing() as session:
            generations.remove(session, id)
        [(name, data, _)] = await stream.rest()
    assert name == "error"
    assert data["errorCode"] == "generation_not_found"
    assert data["requestId"] == response.headers["x-request-id"]


async def test_the_database_may_fail_for_a_moment(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = (await api.create())["id"]
    watches = api.app.state.watches
    read, failures = watches._read, [OSError("no"), OSError("no")]

    def broken(generation: str) -> Any:
        if failures:
            raise failures.pop()
        return read(generation)

    monkeypatch.setattr(watches, "_read", broken)
    async with client.stream("GET", f"/v2/generations/{id}/events") as response:
        stream = Stream(response)
        await stream.next()
        end(api, id)
        assert (await stream.rest())[-1][0] == "end"
    assert failures == []


async def test_a_silent_stream_is_kept_open_by_comments(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwright.service.api.events.PING", 0.2)
    id = (await api.create())["id"]
    async with client.stream("GET", f"/v2/generations/{id}/events") as response:
        lines = response.aiter_lines()
        while not (await anext(lines)).startswith(": "):
            pass


@pytest.mark.parametrize("wrong", ["0" * 36, "nothing"])
async def test_a_wrong_id_is_an_ordinary_error(api: Api, client: httpx.AsyncClient, wrong: str) -> None:
    answer = await client.get(f"/v2/generations/{wrong}/events")
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "invalid_generation_id"


async def test_somebody_elses_generation_is_not_found(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    answer = await client.get(f"/v2/generations/{id}/events", headers={"x-api-key": api.new_key()})
    assert answer.status_code == 404


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_shows_events_as_they_come(api: Api, client: httpx.AsyncClient) -> None:
    id = (await api.create())["id"]
    command = [
        "curl",
        "-sN",
        "-H",
        f"x-api-key: {api.key}",
        f"{str(client.base_url).rstrip('/')}/v2/generations/{id}/events",
    ]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 10)
    assert line.strip() == b"event: progress"
    end(api, id)
    rest, _ = await asyncio.wait_for(process.communicate(), 10)
    assert b"event: end" in rest
    assert process.returncode == 0
