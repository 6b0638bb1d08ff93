"""Taking an order: what is done while the client waits, and what may go wrong without the order being lost."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sqlalchemy.exc import OperationalError
from tests.servers.api import MEDIA, Api
from tests.servers.running import listening

from lipwright.errors import OutputError
from lipwright.service.answers import Answers
from lipwright.service.storage import assets
from lipwright.service.storage.tables import Asset, new_id

pytestmark = pytest.mark.anyio


def speakers(count: int) -> dict[str, Any]:
    """The inputs and segments of so many recordings over one video."""
    audio = [{"type": "audio", "url": f"{MEDIA}/{one}.wav", "refId": str(one)} for one in range(count)]
    segments = [
        {
            "startTime": one,
            "endTime": one + 1,
            "audioInput": {"refId": str(one)},
            "optionsOverride": {"active_speaker_detection": {"bounding_boxes_url": f"{MEDIA}/boxes-{one % 2}.json"}},
        }
        for one in range(count)
    ]
    return {"input": [{"type": "video", "url": f"{MEDIA}/v.mp4"}, *audio], "segments": segments}


async def test_one_order_asks_few_addresses_at_a_time_and_each_document_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    now = most = 0

    async def head(url: str, **_: object) -> None:
        nonlocal now, most
        asked.append(url)
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    monkeypatch.setattr(api.services.fetcher, "head", head)
    await api.create(**speakers(100))
    boxes = [f"{MEDIA}/boxes-{one}.json" for one in (0, 1)]
    assert sorted(asked) == sorted([f"{MEDIA}/v.mp4", *(f"{MEDIA}/{one}.wav" for one in range(100)), *boxes])
    assert 1 < most <= 16


async def test_the_first_input_that_cannot_be_used_is_named_before_boxes(api: Api) -> None:
    body = api.body(**speakers(3))
    for place in (1, 2):
        body["input"][place]["url"] = f"{MEDIA}/missing.wav"
    body["segments"][0]["optionsOverride"]["active_speaker_detection"]["bounding_boxes_url"] = f"{MEDIA}/missing.json"
    answer = await api.http.post("/v2/generate", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "input[1].url")


async def test_an_order_that_is_written_down_is_taken_although_the_queue_is_away(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("the queue's database is away"))

    monkeypatch.setattr(api.queue, "generate", away, raising=False)
    created = await api.create()
    assert (await api.http.get(f"/v2/generate/{created['id']}")).json()["status"] == "PENDING"


async def test_assets_are_looked_up_beside_the_event_loop(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = Asset(
        id=new_id(), organisation_id=api.organisation, key=f"assets/{api.organisation}/a/v", name="v", type="VIDEO"
    )
    api.add(asset)
    threads, find = [], assets.find

    def noted(*given: Any, **more: Any) -> Asset | None:
        threads.append(threading.current_thread())
        return find(*given, **more)

    monkeypatch.setattr(assets, "find", noted)
    video, audio = {"type": "video", "assetId": asset.id}, {"type": "audio", "url": f"{MEDIA}/a.wav"}
    await api.create(input=[video, audio])
    assert threads
    assert threading.current_thread() not in threads


async def test_a_large_body_does_not_keep_others_waiting(api: Api) -> None:
    boxes = [[one % 100 + 0.5, 20.25, 300.125, 200.5] for one in range(60_000)]
    body = json.dumps(api.body(options={"active_speaker_detection": {"bounding_boxes": boxes}}))
    longest = 0.0

    async def wait() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began)

    waiting = asyncio.create_task(wait())
    began = time.perf_counter()
    headers = {"content-type": "application/json", "idempotency-key": "large"}
    answer = await api.http.post("/v2/generate", content=body, headers=headers)
    took = time.perf_counter() - began
    waiting.cancel()
    assert answer.status_code == 201
    assert longest < took / 3, (longest, took)


async def test_a_long_list_is_written_beside_the_event_loop(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    threads, answer = [], Answers.generation

    def noted(self: Answers, *given: Any) -> dict[str, Any]:
        threads.append(threading.current_thread())
        return answer(self, *given)

    monkeypatch.setattr(Answers, "generation", noted)
    assert len((await api.http.get("/v2/generations")).json()) == 1
    assert threads
    assert threading.current_thread() not in threads


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(api) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /v2/generate HTTP/1.1\r\nhost: api.test\r\nx-api-key: {api.key}\r\ncontent-length: 1000\r\n\r\n"
        writer.write(head.encode() + b'{"model"')
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
        counted: list[str] = []
        while not counted:
            await asyncio.sleep(0.02)
            metrics = (await api.http.get("/metrics")).text.splitlines()
            counted = [line for line in metrics if line.startswith("lipwright_http_requests_total") and "POST" in line]
    assert counted == ['lipwright_http_requests_total{method="POST",route="/v2/generate",status="499"} 1.0']
    assert "unexpected" not in caplog.text


async def test_a_report_that_is_just_being_deleted_is_not_there(api: Api) -> None:
    identity = (await api.create())["id"]
    api.change(identity, status="COMPLETED", report_key=f"generations/{api.organisation}/{identity}/report.json")
    answer = await api.http.get(f"/v2/generations/{identity}/report")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "asset_not_found")


async def test_nothing_stays_of_a_file_that_cannot_be_stored(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), np.full((90, 120, 3), 128, np.uint8))
    put = api.services.objects.put_file

    async def full(key: str, path: Path) -> None:
        if key.endswith("face.png"):
            raise OutputError("The object could not be stored: the disk is full.")
        await put(key, path)

    monkeypatch.setattr(api.services.objects, "put_file", full)
    fields = {"model": "lipsync-2", "input": json.dumps([{"type": "audio", "url": f"{MEDIA}/a.wav"}])}
    files = {"image": ("face.png", picture.read_bytes(), "image/png")}
    answer = await api.http.post("/v2/generate", data=fields, files=files)
    assert answer.json()["errorCode"] == OutputError.code
    assert [stored.key async for stored in api.services.objects.list()] == []
    assert list(api.services.config.work_dir.iterdir()) == []
