"""Taking an order: what is done while the client waits, and what may go wrong without the order being lost."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.servers.api import MEDIA, Api

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
