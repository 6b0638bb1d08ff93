"""The batch API as clients see it: creating, refusing, reading, listing, and the address of the results."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sync import AsyncSync
from sync.common import BadRequestError, BatchMetrics, BatchResponse, NotFoundError, ValidationResponse
from tests.integration.service.batching import (
    HOOK,
    complete,
    fail,
    in_work,
    jsonl,
    line,
    made,
    missing,
    post,
    rows_of,
    told,
)
from tests.servers.api import Api, api

from lipwright.service.storage.tables import Batch, now

pytestmark = pytest.mark.anyio

AT_ONCE = 2


@pytest.fixture(name="api")
async def narrow_api(tmp_path: Path) -> AsyncIterator[Api]:
    """Two rows of a batch at once, and two batches."""
    async with api(tmp_path / "data", batch_rows_at_once=AT_ONCE, batch_concurrency=2) as here:
        yield here


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
