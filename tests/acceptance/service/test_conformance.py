"""The conformance checklist of the wire contract (section 19), item by item, against the official SDKs.

Each test is the whole item in its shortest form; the other modules here go into each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sync.common import (
    Asset,
    BadRequestError,
    BatchResponse,
    EstimatedGenerationCost,
    Generation,
    ModelInfo,
    NotFoundError,
    PaginatedAssetsResponse,
    UnauthorizedError,
    ValidationResponse,
)
from tests.acceptance.service.batches import lines
from tests.acceptance.service.conftest import Behind, Node
from tests.acceptance.service.guide import REFUSED, VALID
from tests.acceptance.service.loopback import MediaHost, Passed, Receiver
from tests.acceptance.service.sdk import Sdk, creating
from tests.acceptance.service.server import Service
from tests.acceptance.service.signatures import valid_raw, valid_reserialised


def test_01_create_json_of_every_guide_sample(sdk: Sdk, service: Service, media: MediaHost) -> None:
    for sample in VALID:
        if sample.sdk_can_send:
            given = sample.arguments(media.url)
            created = sdk(creating(**given))
            service.cancel(created.id)
            assert isinstance(created, Generation), sample.name
        else:
            service.accepted(sample.body(media.url))
    for sample in REFUSED:
        given = sample.arguments(media.url)
        with pytest.raises(BadRequestError) as caught:
            sdk(creating(**given))
        assert (caught.value.body.errorCode, caught.value.body.field) == sample.refused, sample.name


def test_02_snake_inner_start_frame_and_options_override(python: Sdk, service: Service, media: MediaHost) -> None:
    inputs = [
        {"type": "video", "url": media.url("long.mp4")},
        {"type": "audio", "url": media.url("speech.wav"), "refId": "a"},
    ]
    segments: list[Any] = [
        {"startTime": 1, "endTime": 2, "audioInput": {"ref_id": "a", "start_time": 0, "end_time": 1}},
        {"start_frame": 30, "end_frame": 40, "audio_input": {"refId": "a"}},
        {
            "startTime": 6,
            "endTime": 7,
            "audioInput": {"refId": "a"},
            "options_override": {"sync_mode": "cut_off"},
        },
    ]
    created = python(lambda client: client.generations.create(model="lipsync-2", input=inputs, segments=segments))
    service.cancel(created.id)
    assert len(created.segments) == 3


def test_03_explicit_nulls(sdk: Sdk, service: Service, media: MediaHost) -> None:
    kinds = {"video": "talk.mp4", "audio": "line.wav"}
    inputs = [{"type": kind, "url": media.url(name), "assetId": None, "refId": None} for kind, name in kinds.items()]
    nulls: dict[str, Any] = {"segments": None, "webhook_url": None, "output_file_name": None}
    for options in (None, {"sync_mode": None, "temperature": None, "active_speaker_detection": None}):
        created = sdk(creating(model="lipsync-2", input=inputs, options=options, **nulls))
        service.cancel(created.id)
        assert created.status == "PENDING"


def test_04_create_with_files(sdk: Sdk, node: Node, service: Service, media: MediaHost, material: Path) -> None:
    video, audio = media.bytes("talk.mp4"), media.bytes("line.wav")
    shapes: list[Any] = [
        {"video": video, "audio": audio},
        {"video": ("v.mp4", video, "video/mp4"), "audio": ("a", audio)},
    ]
    for files in shapes:
        created = sdk(uploading(files))
        service.cancel(created.id)
        assert [entry.type for entry in created.input] == ["video", "audio"]
    if sdk.kind == "Sync":
        paths = {"video": str(material / "talk.mp4"), "audio": str(material / "line.wav")}
        urls = {"videoUrl": media.url("talk.mp4"), "audioUrl": media.url("line.wav")}
        told = node("files", service.url, service.key, **paths, **urls)
        for name in ("streams", "parts", "addresses", "blobs"):
            service.cancel(told[name]["id"])
            assert told[name]["status"] == "PENDING"


def uploading(files: dict[str, Any]) -> Callable[[Any], Any]:
    """`generations.create_with_files` with these files, to be used with a client."""
    return lambda client: client.generations.create_with_files(model="lipsync-2", **files)


def test_05_get_and_list(sdk: Sdk, service: Service, done: dict[str, Any]) -> None:
    assert isinstance(sdk(lambda client: client.generations.get(done["id"])), Generation)
    wanted = [done["id"], str(uuid4())]
    for found in (
        sdk(lambda client: client.generations.list(status=["COMPLETED"], ids=wanted)),
        sdk(lambda client: client.generations.list(status=["COMPLETED", "FAILED"], ids=wanted)),
    ):
        assert [type(one) for one in found] == [Generation]
    for encoded in ('["COMPLETED","FAILED"]', "COMPLETED,FAILED"):
        answer = service.http.get("/v2/generations", params={"status": encoded, "ids": done["id"]})
        assert [one["id"] for one in answer.json()] == [done["id"]]
    with pytest.raises(NotFoundError):
        sdk(lambda client: client.generations.get(str(uuid4())))


def test_06_estimate_cost(sdk: Sdk, plain: dict[str, Any]) -> None:
    cost = sdk(lambda client: client.generations.estimate_cost(**plain))
    assert [type(one) for one in cost] == [EstimatedGenerationCost]
    assert cost[0].estimated_frame_count > 0


def test_07_assets_models_and_batches(sdk: Sdk, service: Service, media: MediaHost) -> None:
    files = {"video": media.bytes("talk.mp4"), "audio": media.bytes("line.wav")}
    service.cancel(sdk(lambda client: client.generations.create_with_files(model="lipsync-2", **files)).id)
    page = sdk(lambda client: client.assets.list())
    assert isinstance(page, PaginatedAssetsResponse)
    assert isinstance(sdk(lambda client: client.assets.get(page.items[0].id)), Asset)
    assert isinstance(sdk(lambda client: client.models.list())[0], ModelInfo)
    assert isinstance(sdk(lambda client: client.batch.create(input=good_rows(media), dry_run=True)), ValidationResponse)
    created = sdk(lambda client: client.batch.create(input=good_rows(media)))
    assert isinstance(created, BatchResponse)
    assert isinstance(sdk(lambda client: client.batch.get(created.id)), BatchResponse)
    assert created.id in [one.id for one in sdk(lambda client: client.batch.list())]


def good_rows(media: MediaHost) -> bytes:
    """A batch that is well-formed and costs nothing to do: its videos are not there."""
    audio = {"type": "audio", "url": media.url("line.wav")}
    row = {"model": "lipsync-2", "input": [{"type": "video", "url": media.url("missing.mp4")}, audio]}
    return lines(row, row)


def test_08_bad_key_and_list_message(sdk: Sdk, node: Node, service: Service, plain: dict[str, Any]) -> None:
    with pytest.raises(UnauthorizedError):
        sdk.with_key("nonsense")(lambda client: client.models.list())
    assert node("retry", service.url, "nonsense", body=plain)["error"] == "UnauthorizedError"
    wrong = {**plain, "model": "lipsync-9", "options": {"temperature": 9}}
    with pytest.raises(BadRequestError) as caught:
        sdk(lambda client: client.generations.create(**wrong))
    assert isinstance(caught.value.body.message, list)
    told = node("retry", service.url, service.key, body=wrong)
    assert (told["error"], told["statusCode"]) == ("BadRequestError", 400)
    assert told["body"]["message"] == caught.value.body.message


def test_09_webhook_by_three_recipes(done: dict[str, Any], webhooks: Receiver, secret: str, node: Node) -> None:
    call = webhooks.wait("done")[0]
    assert call.body.isascii()
    assert call.json["id"] == done["id"]
    assert valid_raw(call, secret)
    assert valid_reserialised(call, secret)
    told = {"signature": call.headers["sync-signature"], "body": call.body.decode(), "secret": secret}
    assert node("verify", **told)["valid"]


def test_10_base_url_with_path_prefix(sdk: Sdk, node: Node, behind: Behind, media: MediaHost) -> None:
    assert sdk.at(behind.url, behind.service.key)(lambda client: client.models.list())
    told = node("retry", behind.url, behind.service.key, body={"model": "lipsync-9", "input": []})
    assert told["error"] == "BadRequestError"
    place = behind.service.http.post(
        "/v2/assets/upload", json={"fileName": "a.wav", "contentType": "audio/wav", "size": 3}
    ).json()
    assert place["uploadUrl"].startswith(behind.url)
    put = httpx.put(place["uploadUrl"], content=b"abc", headers={"Content-Type": "audio/wav"})
    assert put.status_code in (200, 201, 204)


def test_11_a_retry_does_not_create_twice(node: Node, behind: Behind, lengthy: dict[str, Any]) -> None:
    key, name = behind.service.new_key(), f"once-{uuid4()}"
    lost: list[str] = []

    def spoil(seen: Passed) -> tuple[int, bytes, dict[str, str]] | None:
        if seen.method == "POST" and seen.status == 201 and not lost:
            lost.append(json.loads(seen.body)["id"])
            return 429, b'{"statusCode":429,"message":"Too many"}', {"Retry-After": "1"}
        return None

    behind.proxy.spoil = spoil
    try:
        told = node("retry", behind.url, key, body={**lengthy, "outputFileName": name}, idempotencyKey=name)
    finally:
        behind.proxy.spoil = None
    behind.service.cancel(lost[0])
    behind.service.ended(lost[0])
    assert [told["value"]["id"]] == lost
    found = behind.service.http.get("/v2/generations").json()
    assert [one["id"] for one in found if one["outputFileName"] == name] == lost


def test_12_batch_output_url(service: Service, batch: tuple[BatchResponse, BatchResponse]) -> None:
    created, done = batch
    assert created.output_url == ""
    answer = service.http.get(done.output_url)
    assert answer.status_code == 302
    assert httpx.get(httpx.URL(done.output_url).join(answer.headers["location"])).status_code == 200
