"""The batch API (contract 10) through the Python SDK, and the file of results."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sync.common import BadRequestError, BatchMetrics, BatchResponse, NotFoundError, ValidationResponse
from tests.acceptance.service.batches import LEAST, jsonl
from tests.acceptance.service.loopback import Receiver
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import Service
from tests.acceptance.service.signatures import valid_raw


def test_dry_run(sdk: Sdk, rows: bytes) -> None:
    before = sdk(lambda client: client.batch.list())
    checked = sdk(lambda client: client.batch.create(input=("rows.jsonl", rows), dry_run=True))
    assert isinstance(checked, ValidationResponse)
    assert checked.status == "VALIDATED"
    assert len(sdk(lambda client: client.batch.list())) == len(before)


def test_create_answers_a_batch(batch: tuple[BatchResponse, BatchResponse], webhooks: Receiver) -> None:
    created, _ = batch
    assert isinstance(created, BatchResponse)
    assert created.status in ("PENDING", "JOBS_CREATED", "PROCESSING")
    assert isinstance(created.metrics, BatchMetrics)
    assert created.metrics.total_generations == LEAST
    assert created.created_at is not None
    assert created.webhook_url == webhooks.url("batch")
    assert created.output_url == ""


def test_get_and_list(sdk: Sdk, batch: tuple[BatchResponse, BatchResponse]) -> None:
    created, done = batch
    assert done.status == "COMPLETED"
    assert done.metrics == BatchMetrics(
        total_generations=LEAST, success_count=1, failed_count=LEAST - 1, pending_count=0
    )
    assert sdk(lambda client: client.batch.get(created.id)) == done
    old, late = dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    found = sdk(lambda client: client.batch.list(status="COMPLETED", created_after=old, created_before=late))
    assert created.id in [one.id for one in found]
    assert sdk(lambda client: client.batch.list(created_before=old)) == []
    assert created.id not in [one.id for one in sdk(lambda client: client.batch.list(status="FAILED"))]
    with pytest.raises(NotFoundError):
        sdk(lambda client: client.batch.get(str(uuid4())))


def test_results_are_behind_a_redirect(service: Service, batch: tuple[BatchResponse, BatchResponse]) -> None:
    _, done = batch
    answer = service.http.get(done.output_url)
    assert answer.status_code == 302
    results = httpx.get(httpx.URL(done.output_url).join(answer.headers["location"]))
    assert results.status_code == 200
    told = {row["request_id"]: row for row in map(json.loads, results.text.splitlines())}
    assert len(told) == LEAST
    assert told["row-0"]["status"] == "COMPLETED"
    assert httpx.get(told["row-0"]["output_url"]).status_code == 200
    assert service.get(told["row-0"]["generation_id"])["status"] == "COMPLETED"
    assert told["row-1"]["status"] in ("FAILED", "REJECTED")
    assert told["row-1"]["error_code"] == "generation_input_video_inaccessible"
    assert told["row-1"]["error"]


def test_webhook_of_a_batch(
    service: Service, batch: tuple[BatchResponse, BatchResponse], webhooks: Receiver, secret: str
) -> None:
    created, _ = batch
    [call] = webhooks.wait("batch")
    assert valid_raw(call, secret)
    assert call.json["id"] == created.id
    assert call.json["status"] == "COMPLETED"
    assert call.json["metrics"]["success_count"] == 1
    assert call.json["created_at"]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("batch_insufficient_records", lambda all: []),
        ("batch_duplicate_request_id", lambda all: [*all[:-1], all[0]]),
        ("batch_invalid_endpoint", lambda all: [*all[:-1], {**all[-1], "endpoint": "/v2/tts"}]),
        ("batch_too_many_requests", lambda all: [{**all[0], "request_id": f"n{n}"} for n in range(1001)]),
    ],
)
def test_a_wrong_file_is_refused(python: Sdk, rows: bytes, code: str, change: Any) -> None:
    content = jsonl(change([json.loads(line) for line in rows.splitlines()]))
    with pytest.raises(BadRequestError) as caught:
        python(lambda client: client.batch.create(input=content, dry_run=True))
    assert caught.value.body.errorCode == code


def test_a_line_that_is_no_json_is_named(python: Sdk, rows: bytes) -> None:
    content = rows.splitlines(keepends=True)
    content[4] = b"{not json\n"
    with pytest.raises(BadRequestError) as caught:
        python(lambda client: client.batch.create(input=b"".join(content), dry_run=True))
    assert caught.value.body.errorCode == "batch_invalid_jsonl"
    assert "5" in str(caught.value.body.message)
