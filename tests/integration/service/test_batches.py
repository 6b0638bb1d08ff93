"""The batch API over the application without workers: rows are ended here as a worker would end them."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sync import AsyncSync
from sync.common import BadRequestError, BatchMetrics, BatchResponse, NotFoundError, ValidationResponse
from tests.servers.api import MEDIA, Api, api

from lipwright.service.jobs.batches import advance
from lipwright.service.jobs.steps import Steps
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.storage import batches, generations
from lipwright.service.storage.tables import Batch, BatchRow, Delivery, Generation, now

pytestmark = pytest.mark.anyio

HOOK = "https://hooks.test/batch"
AT_ONCE = 2


@pytest.fixture(name="api")
async def narrow_api(tmp_path: Path) -> AsyncIterator[Api]:
    """Two rows of a batch at once, and two batches."""
    async with api(tmp_path / "data", batch_rows_at_once=AT_ONCE, batch_concurrency=2) as here:
        yield here


def line(here: Api, number: int, **changes: Any) -> dict[str, Any]:
    return {"request_id": f"r{number}", "endpoint": "/v2/generate", "payload": here.body(), **changes}


def missing(here: Api) -> dict[str, Any]:
    """A payload whose video is not there."""
    video, audio = {"type": "video", "url": f"{MEDIA}/missing.mp4"}, {"type": "audio", "url": f"{MEDIA}/a.wav"}
    return here.body(input=[video, audio])


def jsonl(*rows: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


async def post(here: Api, *rows: Any, **form: str) -> httpx.Response:
    return await here.http.post("/v2/batch", files={"input": ("rows.jsonl", jsonl(*rows))}, data=form)


async def made(here: Api, *rows: Any, **form: str) -> str:
    """The id of a batch that was taken."""
    answer = await post(here, *rows, **form)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def told(here: Api, batch: str) -> dict[str, Any]:
    answer = await here.http.get(f"/v2/batch/{batch}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def in_work(here: Api) -> list[Generation]:
    with here.services.database.reading() as session:
        return generations.page(session, generations.Filter(here.organisation, generations.ACTIVE), None, None)


def rows_of(here: Api, batch: str) -> list[BatchRow]:
    with here.services.database.reading() as session:
        return [row for row, _ in batches.outcomes(session, batch)]


async def complete(here: Api, generation: str) -> None:
    """End a generation as the worker's last step does."""
    prefix = f"work/{here.organisation}/{generation}"
    keys = {name: f"{prefix}/{name}" for name in ("output.mp4", "report.json")}
    for key in keys.values():
        await here.services.objects.put_bytes(key, b"content")
    with here.services.database.writing() as session:
        generations.begin(session, generation)
    report = {"engine": "demo", "output": {"video_seconds": 1.0, "frames": 25}, "segments": []}
    await Steps(here.services).finish(generation, {"keys": keys, "report": report})


async def fail(here: Api, generation: str) -> None:
    await Steps(here.services).fail(generation, {"code": "generation_pipeline_failed", "message": "Rendering failed."})


async def results(here: Api, batch: str) -> list[dict[str, Any]]:
    """What the address of the results leads to, for a client without a key."""
    async with here.client() as client:
        answer = await client.get((await told(here, batch))["outputUrl"], follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return [json.loads(one) for one in answer.text.splitlines()]


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


async def test_a_dry_run_creates_nothing(api: Api) -> None:
    answer = await post(api, line(api, 1, payload=missing(api)), dry_run="true")
    assert (answer.status_code, answer.json()) == (200, {"status": "VALIDATED"})
    wrong = await post(api, line(api, 1, endpoint="/v2/tts"), dry_run="true")
    assert wrong.json()["errorCode"] == "batch_invalid_endpoint"
    assert (await api.http.get("/v2/batch")).json() == []
    assert in_work(api) == []


async def test_rows_as_json(api: Api) -> None:
    body = {"rows": [line(api, 1)], "webhookUrl": HOOK}
    assert (await api.http.post("/v2/batches", json={**body, "dryRun": True})).json() == {"status": "VALIDATED"}
    assert (await api.http.post("/v2/batches", json={**body, "dry_run": "maybe"})).json()["field"] == "dry_run"
    created = await api.http.post("/v2/batches", json=body)
    assert created.status_code == 201
    assert created.json()["webhookUrl"] == HOOK
    found = await api.http.get(f"/v2/batches/{created.json()['id']}")
    assert found.json()["metrics"]["total_generations"] == 1
    assert [one["id"] for one in (await api.http.get("/v2/batches")).json()] == [created.json()["id"]]


@pytest.mark.parametrize("parts", [{"file": b"x"}, {"input": b"x"}])
async def test_the_names_of_the_file(api: Api, parts: dict[str, bytes]) -> None:
    files = {name: ("rows.jsonl", jsonl(line(api, 1))) for name in parts}
    assert (await api.http.post("/v2/batch", files=files, data={"dryRun": "true"})).status_code == 200
    neither = await api.http.post("/v2/batch", files={"other": b"x"})
    assert (neither.status_code, neither.json()["field"]) == (400, "input")


async def test_every_fault_of_every_line_in_one_answer(api: Api) -> None:
    wrong = line(api, 3, payload=api.body(model="nobody", segments=[{"startTime": 2, "endTime": 1}]))
    answer = await post(api, line(api, 1), line(api, 2, endpoint="/v2/tts"), wrong, line(api, 1))
    assert answer.status_code == 400
    body = answer.json()
    assert (body["errorCode"], body["lineNumber"], body["field"]) == ("batch_invalid_endpoint", 2, "endpoint")
    assert {fault["lineNumber"] for fault in body["faults"]} == {2, 3, 4}
    third = [fault for fault in body["faults"] if fault["lineNumber"] == 3]
    assert ("payload.model", "generation_unsupported_model") in [(one["field"], one["errorCode"]) for one in third]
    assert any(one["field"].startswith("payload.segments[0]") for one in third)
    assert [fault["message"] for fault in body["faults"]] == body["message"]
    assert body["faults"][-1]["errorCode"] == "batch_duplicate_request_id"
    assert (await api.http.get("/v2/batch")).json() == []


async def test_files_and_addresses_that_are_refused(api: Api) -> None:
    big = await api.http.post("/v2/batch", files={"input": b" " * (60 << 20)})
    assert (big.status_code, big.json()["errorCode"]) == (400, "batch_file_too_large")
    for url in ("http://hooks.test/x", "https://127.0.0.1/x", "nonsense"):
        assert (await post(api, line(api, 1), webhook_url=url)).json()["field"] == "webhookUrl"
    inside = await post(api, line(api, 1, payload=api.body(webhookUrl="http://10.0.0.1/")))
    assert (inside.json()["field"], inside.json()["lineNumber"]) == ("payload.webhookUrl", 1)


async def test_so_many_batches_and_no_more(api: Api) -> None:
    first = await made(api, line(api, 1))
    await made(api, line(api, 1))
    answer = await post(api, line(api, 1))
    assert (answer.status_code, answer.json()["errorCode"]) == (429, "batch_concurrency_limit_reached")
    assert answer.json()["message"].startswith("Batch concurrency limit reached.")
    assert answer.headers["Retry-After"] == str(answer.json()["retryAfterSeconds"])
    async with api.client(api.new_key()) as another:
        assert (await another.post("/v2/batch", json={"rows": [line(api, 1)]})).status_code == 201
    await fail(api, rows_of(api, first)[0].generation_id or "")
    assert (await post(api, line(api, 1))).status_code == 201


async def test_of_another_organisation_nothing_is_seen(api: Api) -> None:
    batch = await made(api, line(api, 1))
    await complete(api, in_work(api)[0].id)
    address = f"/v2/batch/{batch}/result"
    async with api.client(api.new_key()) as another:
        for path in (f"/v2/batch/{batch}", address, f"/v2/batch/{uuid4()}", "/v2/batch/no%00id"):
            answer = await another.get(path)
            assert (answer.status_code, answer.json()["errorCode"]) == (404, "batch_not_found"), path
        assert (await another.get("/v2/batch")).json() == []


async def test_the_address_of_the_results(api: Api) -> None:
    batch = await made(api, line(api, 1))
    assert (await api.http.get(f"/v2/batch/{batch}/result")).status_code == 409
    await complete(api, in_work(api)[0].id)
    url = (await told(api, batch))["outputUrl"]
    assert url == (await told(api, batch))["outputUrl"]
    path, query = url.split("?")
    assert path == f"{api.services.config.base_url}/v2/batch/{batch}/result"
    async with api.client() as nobody:
        hop = await nobody.get(url)
        assert hop.status_code == 302
        assert (await nobody.head(url)).status_code == 302
        assert (await nobody.get(path)).status_code == 401
        assert (await nobody.get(path + "?signature=x&expires=99999999999")).status_code == 403
        assert (await nobody.get(url.replace("expires=1", "expires=9"))).status_code == 403
        assert (await nobody.get(url.replace(batch, str(uuid4())))).status_code == 403
        # A permit opens the results and nothing else.
        assert (await nobody.get(f"{path.removesuffix('/result')}?{query}")).status_code == 401
    with_key = await api.http.get(path)
    assert with_key.status_code == 302
    assert api.key not in hop.headers["location"]
    assert (await api.http.get(path + "?signature=expired&expires=1")).status_code == 302


async def test_the_list_newest_first_and_its_filters(api: Api) -> None:
    old = await made(api, line(api, 1))
    await fail(api, in_work(api)[0].id)
    new = await made(api, line(api, 1))
    api_list = api.http.get

    async def ids(**query: str) -> list[str]:
        answer = await api_list("/v2/batch", params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]

    between = (await told(api, new))["created_at"]
    with api.services.database.writing() as session:
        session.get_one(Batch, old).created_at = now() - dt.timedelta(days=2)
    assert await ids() == [new, old]
    assert await ids(status="COMPLETED") == [old]
    assert await ids(status="JOBS_CREATED") == [new]
    assert await ids(created_before=between) == [old]
    day = (now() - dt.timedelta(days=1)).isoformat()
    assert await ids(created_after=day) == [new]
    assert (await api_list(f"/v2/batch?created_before={day}")).json()[0]["id"] == old  # with a bare plus sign
    for query in ({"status": "DONE"}, {"created_after": "yesterday"}, {"status": "PENDING,FAILED"}):
        assert (await api_list("/v2/batch", params=query)).status_code == 400


async def test_as_the_official_sdk_sees_it(api: Api) -> None:
    async with api.client() as transport:
        client = AsyncSync(base_url="http://api.test", api_key=api.key, httpx_client=transport)
        checked = await client.batch.create(input=jsonl(line(api, 1)), dry_run=True)
        assert checked == ValidationResponse(status="VALIDATED")
        created = await client.batch.create(input=jsonl(line(api, 1)), webhook_url=HOOK)
        assert isinstance(created, BatchResponse)
        assert isinstance(created.created_at, dt.datetime)
        assert created.output_url == ""
        assert created.webhook_url == HOOK
        assert created.metrics == BatchMetrics(total_generations=1, success_count=0, failed_count=0, pending_count=1)
        await complete(api, in_work(api)[0].id)
        done = await client.batch.get(created.id)
        assert done.status == "COMPLETED"
        assert done.metrics.success_count == 1
        assert await client.batch.list(created_after=dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) == [done]
        async with api.client() as nobody:
            assert (await nobody.get(done.output_url, follow_redirects=True)).status_code == 200
        with pytest.raises(NotFoundError):
            await client.batch.get(str(uuid4()))
        with pytest.raises(BadRequestError) as caught:
            await client.batch.create(input=b"{")
        assert caught.value.body.errorCode == "batch_invalid_jsonl"


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
    from lipwright.errors import OutputError

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
