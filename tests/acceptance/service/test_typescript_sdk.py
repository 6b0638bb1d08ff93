"""The official TypeScript SDK on Node, unmodified: every method, its errors and its retries."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.acceptance.service.batches import LEAST, lines
from tests.acceptance.service.conftest import PREFIX, Behind, Node
from tests.acceptance.service.loopback import MediaHost, Passed, Receiver
from tests.acceptance.service.server import Service


def generation(told: dict[str, Any]) -> dict[str, Any]:
    """`told`, which has to look like a generation that was just taken."""
    assert told["status"] == "PENDING", told
    assert told["model"] == "lipsync-2"
    assert told["createdAt"].endswith("Z")
    return told


@pytest.fixture(scope="module")
def read(node: Node, service: Service, done: dict[str, Any], plain: dict[str, Any], media: MediaHost) -> dict[str, Any]:
    """What the reading methods gave."""
    files = {"video": media.bytes("talk.mp4"), "audio": media.bytes("line.wav")}
    other = service.http.post("/v2/generate", data={"model": "lipsync-2"}, files=files).json()["id"]
    service.cancel(other)
    service.ended(other)
    [asset] = service.http.get("/v2/assets", params={"types": "VIDEO", "limit": "1"}).json()["items"]
    told: dict[str, Any] = node(
        "reading", service.url, service.key, id=done["id"], other=other, asset=asset["id"], unknown=str(uuid4())
    )
    return {**told, "ids": {"done": done["id"], "other": other, "asset": asset["id"]}}


def test_get_and_list(read: dict[str, Any], done: dict[str, Any]) -> None:
    assert read["one"]["status"] == "COMPLETED"
    assert read["one"]["outputUrl"].startswith("http")
    assert read["one"]["options"] == done["options"]
    assert {one["id"] for one in read["arrays"]} == {read["ids"]["done"], read["ids"]["other"]}
    assert [one["id"] for one in read["single"]] == [done["id"]]
    assert read["none"] == []


def test_models_and_assets(read: dict[str, Any]) -> None:
    assert "lipsync-2" in {model["name"] for model in read["models"]}
    assert {item["type"] for item in read["assets"]["items"]} == {"VIDEO", "AUDIO"}
    assert len(read["assets"]["items"]) == 2
    assert read["asset"]["id"] == read["ids"]["asset"]


def test_errors_are_typed(read: dict[str, Any]) -> None:
    assert read["unknownIsNotFound"]
    assert read["unknown"]["statusCode"] == 404
    assert read["unknown"]["body"]["errorCode"] == "generation_not_found"
    assert read["badKeyIsUnauthorized"]
    assert read["badKey"]["body"] == {"message": "Unauthorized", "statusCode": 401}


def test_create_and_estimate_cost(node: Node, service: Service, media: MediaHost) -> None:
    """Objects go out exactly as written, in whichever spelling."""
    body = {
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": media.url("talk.mp4")},
            {"type": "audio", "url": media.url("line.wav"), "refId": "a"},
        ],
        "segments": [
            {"startTime": 0, "endTime": 1, "audioInput": {"refId": "a", "startTime": 0, "endTime": 1}},
            {"start_time": 1.5, "end_time": 2, "audio_input": {"ref_id": "a", "start_time": 1, "end_time": 1.5}},
        ],
        "options": {"sync_mode": "cut_off"},
        "outputFileName": "ts",
    }
    wrong = {**body, "segments": [{"startTime": 2, "endTime": 1, "audioInput": {"refId": "a"}}]}
    told = node("creating", service.url, service.key, body=body, wrong=wrong)
    service.cancel(told["created"]["id"])
    created = generation(told["created"])
    assert [segment["startTime"] for segment in created["segments"]] == [0, 1.5]
    assert created["outputFileName"] == "ts"
    [cost] = told["cost"]
    assert cost["estimatedFrameCount"] == 75
    assert cost["estimatedGenerationCost"] >= 0
    assert told["refused"]["error"] == "BadRequestError"
    assert told["refused"]["body"]["field"] == "segments[0]"


def test_create_with_files(node: Node, service: Service, media: MediaHost, material: Path, webhooks: Receiver) -> None:
    told = node(
        "files",
        service.url,
        service.key,
        video=str(material / "talk.mp4"),
        audio=str(material / "line.wav"),
        videoUrl=media.url("talk.mp4"),
        audioUrl=media.url("line.wav"),
        webhook=webhooks.url("ts"),
    )
    for name in ("parts", "addresses", "blobs"):
        service.cancel(told[name]["id"])
    streams = generation(told["streams"])
    assert [entry["type"] for entry in streams["input"]] == ["video", "audio"]
    assert streams["options"] == {"sync_mode": "cut_off"}
    assert streams["webhookUrl"] == webhooks.url("ts")
    parts = generation(told["parts"])["input"]
    assert [(entry["type"], entry.get("refId")) for entry in parts] == [("video", None), ("audio", "line")]
    assert parts[0]["url"]
    assert parts[1]["url"] == media.url("line.wav")
    addresses = generation(told["addresses"])["input"]
    assert [entry["url"] for entry in addresses] == [media.url("talk.mp4"), media.url("line.wav")]
    assert len(generation(told["blobs"])["input"]) == 2
    assert told["nothing"]["error"] == "BadRequestError"
    assert service.finished(streams["id"])["outputDuration"] == pytest.approx(2.0, abs=0.05)
    assert webhooks.wait("ts")[0].json["id"] == streams["id"]


def test_batches(node: Node, service: Service, media: MediaHost, tmp_path: Path, webhooks: Receiver) -> None:
    audio = {"type": "audio", "url": media.url("line.wav")}
    wrong = {"model": "lipsync-2", "input": [{"type": "video", "url": media.url("missing.mp4")}, audio]}
    (tmp_path / "rows.jsonl").write_bytes(lines(wrong, wrong))
    (tmp_path / "broken.jsonl").write_bytes(lines(wrong, wrong) * 2)
    told = node(
        "batch",
        service.url,
        service.key,
        file=str(tmp_path / "rows.jsonl"),
        broken=str(tmp_path / "broken.jsonl"),
        really=True,
        webhook=webhooks.url("ts-batch"),
        unknown=str(uuid4()),
    )
    assert told["checked"] == {"status": "VALIDATED"}
    assert told["created"]["metrics"]["total_generations"] == LEAST
    assert told["created"]["outputUrl"] == ""
    assert told["one"]["id"] == told["created"]["id"]
    assert told["created"]["id"] in [one["id"] for one in told["list"]]
    assert told["refused"]["error"] == "BadRequestError"
    assert told["refused"]["body"]["errorCode"] == "batch_duplicate_request_id"
    assert told["unknown"]["error"] == "NotFoundError"
    [call] = webhooks.wait("ts-batch", seconds=90)
    assert call.json["id"] == told["created"]["id"]
    assert call.json["metrics"]["failed_count"] == LEAST


def test_a_base_url_with_a_path_prefix(node: Node, behind: Behind) -> None:
    body = {"model": "lipsync-9", "input": []}
    told = node("retry", behind.url, behind.service.key, body=body)
    assert told["error"] == "BadRequestError"
    assert behind.proxy.passed[-1].path == f"{PREFIX}/v2/generate"


def test_it_waits_for_a_place(node: Node, behind: Behind, lengthy: dict[str, Any]) -> None:
    """429 with `Retry-After` while the only place is taken; the SDK tries again and gets it, once."""
    key = behind.service.new_key()
    with behind.service.client(key) as client:
        running = client.post("/v2/generate", json=lengthy).json()["id"]
        behind.proxy.passed.clear()

        def make_room() -> None:
            until = time.monotonic() + 20
            while not any(seen.status == 429 for seen in behind.proxy.passed) and time.monotonic() < until:
                time.sleep(0.05)
            client.post(f"/v2/generations/{running}/cancel")

        room = threading.Thread(target=make_room)
        room.start()
        name = f"place-{uuid4()}"
        body = {**lengthy, "outputFileName": name}
        told = node("retry", behind.url, key, body=body, maxRetries=3, idempotencyKey=name)
        room.join()
        tries = [seen for seen in behind.proxy.passed if seen.method == "POST" and seen.path.endswith("/v2/generate")]
        made = [one for one in client.get("/v2/generations").json() if one["outputFileName"] == name]
        for one in made:
            client.post(f"/v2/generations/{one['id']}/cancel")
            behind.service.ended(one["id"])
    statuses = [seen.status for seen in tries]
    assert len(statuses) >= 2
    assert statuses == [429] * (len(statuses) - 1) + [201]
    assert int(tries[0].headers["retry-after"]) > 0
    assert json.loads(tries[0].body)["errorCode"] == "concurrency_limit_reached"
    assert [one["id"] for one in made] == [told["value"]["id"]]


@pytest.mark.parametrize("status", [429, 503])
def test_a_lost_answer_does_not_make_two(node: Node, behind: Behind, lengthy: dict[str, Any], status: int) -> None:
    """The server did its work, something between it and the client failed, and the client tries again."""
    key = behind.service.new_key()
    name = f"lost-{uuid4()}"
    lost: list[str] = []

    def spoil(seen: Passed) -> tuple[int, bytes, dict[str, str]] | None:
        if seen.method == "POST" and seen.status == 201 and not lost:
            lost.append(json.loads(seen.body)["id"])
            return status, b'{"statusCode":503,"message":"gone"}', {"Retry-After": "1"}
        return None

    behind.proxy.spoil = spoil
    try:
        body = {**lengthy, "outputFileName": name}
        told = node("retry", behind.url, key, body=body, maxRetries=2, idempotencyKey=name)
    finally:
        behind.proxy.spoil = None
    with behind.service.client(key) as client:
        made = [one["id"] for one in client.get("/v2/generations").json() if one["outputFileName"] == name]
        for id in made:
            client.post(f"/v2/generations/{id}/cancel")
            behind.service.ended(id)
    assert made == lost == [told["value"]["id"]]
