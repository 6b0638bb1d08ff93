"""How a batch goes on when its generations end, are cancelled, deleted or forgotten, and how it ends itself."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.service.batching import (
    HOOK,
    complete,
    fail,
    in_work,
    line,
    made,
    missing,
    results,
    rows_of,
    told,
)
from tests.servers.api import MEDIA, Api, api

from lipwright.errors import OutputError, VideoInaccessible
from lipwright.service.jobs.batches import advance
from lipwright.service.jobs.steps import Steps
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.storage.tables import Batch, BatchRow, Delivery, now

pytestmark = pytest.mark.anyio

AT_ONCE = 2


@pytest.fixture(name="api")
async def narrow_api(tmp_path: Path) -> AsyncIterator[Api]:
    """Two rows of a batch at once, and two batches."""
    async with api(tmp_path / "data", batch_rows_at_once=AT_ONCE, batch_concurrency=2) as here:
        yield here


async def test_from_the_file_to_the_results(api: Api) -> None:
    rows = [line(api, 1), line(api, 2, payload=missing(api)), line(api, 3), line(api, 4)]
    batch = await made(api, *rows, webhook_url=HOOK)
    first = await told(api, batch)
    assert first["status"] == "JOBS_CREATED"
    assert first["metrics"] == {"total_generations": 4, "success_count": 0, "failed_count": 1, "pending_count": 3}
    assert (first["webhookUrl"], first["outputUrl"]) == (HOOK, "")
    assert [row.status for row in rows_of(api, batch)] == ["PROCESSING", "FAILED", "PROCESSING", "PENDING"]

    one, three = (row.generation_id or "" for row in rows_of(api, batch) if row.status == "PROCESSING")
    await fail(api, three)
    assert (await told(api, batch))["status"] == "PROCESSING"
    assert [row.status for row in rows_of(api, batch)] == ["PROCESSING", "FAILED", "FAILED", "PROCESSING"]
    four = rows_of(api, batch)[3].generation_id or ""
    await complete(api, four)
    assert api.queue.asked("deliver") == []
    await complete(api, one)

    last = await told(api, batch)
    assert last["status"] == "COMPLETED"
    assert last["metrics"] == {"total_generations": 4, "success_count": 2, "failed_count": 2, "pending_count": 0}
    lines = await results(api, batch)
    assert [one["request_id"] for one in lines] == ["r1", "r2", "r3", "r4"]
    assert [one["status"] for one in lines] == ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]
    assert [one["generation_id"] for one in lines] == [one_id(rows_of(api, batch), n) for n in range(4)]
    assert [one["error_code"] for one in lines] == [
        None, "generation_input_video_inaccessible", "generation_pipeline_failed", None,
    ]  # fmt: skip
    for one in lines:
        assert one["requestId"] == one["request_id"]
        assert one["generationId"] == one["generation_id"]
        assert one["errorCode"] == one["error_code"]
        assert one["output_url"] == one["outputUrl"] == one["outputMediaUrl"]
        assert bool(one["error"]) == (one["status"] == "FAILED") == (one["output_url"] is None)
    async with api.client() as client:
        assert (await client.get(lines[0]["output_url"])).content == b"content"


def one_id(rows: list[BatchRow], number: int) -> str | None:
    return rows[number].generation_id


async def test_the_end_is_told_once_to_the_webhook(api: Api) -> None:
    batch = await made(api, line(api, 1), webhook_url=HOOK)
    await complete(api, in_work(api)[0].id)
    await asyncio.gather(*(advance(api.services, batch) for _ in range(3)))
    assert len(api.queue.asked("deliver")) == 1
    with api.services.database.reading() as session:
        [delivery] = session.query(Delivery)
        ended = session.get_one(Batch, batch).finished_at
    assert (delivery.id,) == api.queue.asked("deliver")[0]
    assert (delivery.url, delivery.batch_id, delivery.generation_id) == (HOOK, batch, None)
    assert json.loads(delivery.body) == await told(api, batch)
    assert ended is not None


async def test_a_batch_without_any_row_that_works_has_failed(api: Api) -> None:
    batch = await made(api, *(line(api, number, payload=missing(api)) for number in range(5)), webhook_url=HOOK)
    last = await told(api, batch)
    assert last["status"] == "FAILED"
    assert last["metrics"]["failed_count"] == 5
    assert last["error"]
    assert {one["error_code"] for one in await results(api, batch)} == {"generation_input_video_inaccessible"}
    assert len(api.queue.asked("deliver")) == 1
    assert in_work(api) == []


async def test_rows_stand_behind_other_work_and_outside_the_keys_limit(tmp_path: Path) -> None:
    async with api(tmp_path / "data", concurrency_per_key=1, batch_rows_at_once=2) as here:
        batch = await made(here, *(line(here, number) for number in range(3)))
        own = await here.create()
        assert len(in_work(here)) == 3
        assert (await here.http.post("/v2/generate", json=here.body())).status_code == 429
    places = {call[0]: call for call in here.queue.asked("generate")}
    behind = [places[row.id] for row in in_work(here) if row.batch_id == batch]
    assert all(priority < places[own["id"]][2] for _, _, priority in behind)
    assert len({turn for _, turn, _ in places.values()}) == 3


async def test_a_cancelled_row_makes_room_for_the_next(api: Api) -> None:
    batch = await made(api, *(line(api, number) for number in range(3)))
    first = rows_of(api, batch)[0].generation_id
    assert (await api.http.post(f"/v2/generations/{first}/cancel")).status_code == 200
    rows = rows_of(api, batch)
    assert [row.status for row in rows] == ["FAILED", "PROCESSING", "PROCESSING"]
    assert rows[0].error_code == "generation_cancelled"


async def test_upkeep_takes_over_where_a_process_died(api: Api) -> None:
    upkeep = Upkeep(Steps(api.services))
    batch = Batch(id=str(uuid4()), organisation_id=api.organisation, api_key_id="a key that is gone", webhook_url=HOOK)
    api.add(batch)
    api.add(*(BatchRow(batch_id=batch.id, line=n, request_id=f"r{n}", payload=api.body()) for n in (1, 2, 3)))
    while (await told(api, batch.id))["status"] != "COMPLETED":
        await upkeep.move_batches()
        assert 0 < len(in_work(api)) <= AT_ONCE
        for row in in_work(api):  # ended by a process that died before it looked at the batch
            api.change(row.id, status="COMPLETED", finished_at=now())
        await upkeep.move_batches()
    assert [one["status"] for one in await results(api, batch.id)] == ["COMPLETED"] * 3
    assert len(api.queue.asked("deliver")) == 1
    assert await upkeep.move_batches() == 0


async def test_a_deleted_generation_leaves_its_row_as_it_ended(api: Api) -> None:
    batch = await made(api, line(api, 1), line(api, 2))
    one, two = (row.generation_id or "" for row in rows_of(api, batch))
    api.change(one, status="COMPLETED", finished_at=now())  # and the batch has not noticed yet
    assert (await api.http.delete(f"/v2/generations/{one}")).status_code == 200
    assert (await told(api, batch))["metrics"]["success_count"] == 1
    await complete(api, two)
    assert (await api.http.delete(f"/v2/generations/{two}")).status_code == 200
    last = await told(api, batch)
    assert last["status"] == "COMPLETED"
    assert last["metrics"]["success_count"] == 2
    told_one, told_two = await results(api, batch)
    assert (told_one["status"], told_one["generation_id"], told_one["output_url"]) == ("COMPLETED", None, None)
    assert told_two["generation_id"] == two


async def test_retention_removes_batches_with_all_that_is_theirs(tmp_path: Path) -> None:
    async with api(tmp_path / "data", retention_days=1) as here:
        old, new = await made(here, line(here, 1), webhook_url=HOOK), await made(here, line(here, 1))
        for row in in_work(here):
            await complete(here, row.id)
        await made(here, line(here, 1))
        with here.services.database.writing() as session:
            session.get_one(Batch, old).finished_at = now() - dt.timedelta(days=2)
        await Upkeep(Steps(here.services)).retire()
        assert (await here.http.get(f"/v2/batch/{old}")).status_code == 404
        assert len((await here.http.get("/v2/batch")).json()) == 2
        assert rows_of(here, old) == []
        assert len(await results(here, new)) == 1
        kept = [stored.key async for stored in here.services.objects.list("batches")]
        assert kept == [f"batches/{here.organisation}/{new}/result.jsonl"]
        with here.services.database.reading() as session:
            assert session.query(Delivery).count() == 0


async def test_a_store_that_fails_for_a_while_fails_no_row(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(key: str) -> None:
        raise OutputError("The object could not be looked up.")

    asset = api.services.links.reference(f"assets/{api.organisation}/1/v.mp4")
    video, audio = {"type": "video", "url": asset}, {"type": "audio", "url": f"{MEDIA}/a.wav"}
    await api.services.objects.put_bytes(f"assets/{api.organisation}/1/v.mp4", b"video")
    with monkeypatch.context() as patched:
        patched.setattr(api.services.objects, "head", broken)
        batch = await made(api, line(api, 1, payload=api.body(input=[video, audio])))
        assert [row.status for row in rows_of(api, batch)] == ["PENDING"]
    await advance(api.services, batch)
    assert [row.status for row in rows_of(api, batch)] == ["PROCESSING"]


async def test_whoever_waits_does_not_wait_for_all_that_cannot_be_reached(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def slow(url: str, **_: Any) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.3)
        raise VideoInaccessible("The provided video URL is inaccessible.")

    monkeypatch.setattr(api.services.fetcher, "head", slow)
    batch = await made(api, *(line(api, number) for number in range(12)))
    first = asked
    assert AT_ONCE <= first / 2 < 12  # two addresses a line
    assert (await told(api, batch))["status"] == "PENDING"
    await Upkeep(Steps(api.services)).move_batches()
    assert (await told(api, batch))["status"] == "FAILED"
    assert asked == 24
