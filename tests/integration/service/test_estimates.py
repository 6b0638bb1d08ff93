"""Estimates: the frames are those of the output, the errors those of creating, and nothing takes for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.servers.api import MEDIA, Api, api, organisation_of
from tests.synthetic.clips import cfr, make_clip, make_still, make_wav

from lipwright.errors import FileTooLarge
from lipwright.service.jobs.children import StageFailure
from lipwright.service.orders import estimate
from lipwright.service.storage.tables import Asset, Generation, now

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 4 s at 25 frames a second, a picture, and audios of 2 s and 6 s."""
    folder = tmp_path_factory.mktemp("media")
    make_clip(folder / "v.mp4", cfr(Fraction(25), 100))
    make_still(folder / "i.png", 120, 80, "png")
    for name, seconds in (("a.wav", 2), ("b.wav", 6)):
        make_wav(folder / name, np.zeros((16000 * seconds, 1), np.float32), 16000)
    return folder


@pytest.fixture
async def here(api: Api, media: Path) -> Api:
    """An installation with all of these as assets, whose ids are the files' names."""
    kinds = {"v.mp4": "VIDEO", "i.png": "IMAGE", "a.wav": "AUDIO", "b.wav": "AUDIO"}
    for name, kind in kinds.items():
        key = f"assets/{api.organisation}/x/{name}"
        await api.services.objects.put_file(key, media / name)
        api.add(Asset(id=name, organisation_id=api.organisation, key=key, name=name, type=kind))
    return api


def body(*assets: str, **more: Any) -> Json:
    kinds = {"mp4": "video", "png": "image", "wav": "audio"}
    entries = [{"type": kinds[name[-3:]], "assetId": name, "refId": name} for name in assets]
    return {"model": "lipsync-2", "input": entries, **more}


async def cost(api: Api, asked: Any) -> httpx.Response:
    return await api.http.post("/v2/analyze/cost", json=asked)


async def frames(api: Api, asked: Json) -> int:
    answer = await cost(api, asked)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()
    return int(told["estimatedFrameCount"])


@pytest.mark.parametrize(
    ("assets", "mode", "expected"),
    [
        (("v.mp4", "a.wav"), "bounce", 50),
        (("v.mp4", "b.wav"), "bounce", 150),
        (("v.mp4", "b.wav"), "cut_off", 100),
        (("v.mp4", "a.wav"), "silence", 100),
        (("i.png", "a.wav"), "bounce", 50),
    ],
)
async def test_the_frames_of_the_output(here: Api, assets: tuple[str, ...], mode: str, expected: int) -> None:
    assert await frames(here, body(*assets, options={"sync_mode": mode})) == expected
    assert here.queue.calls == []
    assert (await here.http.get("/v2/generations")).json() == []
    assert not list(here.services.config.work_dir.iterdir())


async def test_segments_and_texts_count(here: Api) -> None:
    segments = [
        {"start_time": 1, "end_time": 2, "audio_input": {"ref_id": "b.wav", "start_time": 0, "end_time": 3}},
        {"startFrame": 50, "endFrame": 75, "audioInput": {"refId": "a.wav", "startTime": 0, "endTime": 0.4}},
    ]
    assert await frames(here, body("v.mp4", "a.wav", "b.wav", segments=segments)) == 100 + 50 - 15
    asked = body("v.mp4")
    asked["input"].append({"type": "text", "provider": {"name": "local", "voiceId": "heart", "script": "Well. " * 28}})
    assert await frames(here, asked) == pytest.approx(300, rel=0.2)


async def test_the_cost_and_the_time(media: Path, tmp_path: Path) -> None:
    async with api(tmp_path / "priced", price_per_frame=0.004) as here:
        asked = {"model": "sync-3", "duration": 3}
        told = (await here.http.post("/v2/generations/estimate", json=asked)).json()
        expected = {"estimatedFrameCount": 90, "estimatedGenerationCost": 0.36, "estimatedCredits": None}
        assert told == {**expected, "estimatedSeconds": 7.5}
        start = now()
        done = {"status": "COMPLETED", "started_at": start, "finished_at": start + timedelta(seconds=10), "frames": 300}
        given = {"model": "sync-3", "engine": "exemplar", "request": {}, "echo": {}, "api_key_id": "k"}
        here.add(Generation(organisation_id=here.organisation, **done, **given))
        alias = (await here.http.post("/v2/generate/estimate-cost", json=asked)).json()
        assert alias == {**expected, "estimatedSeconds": 3.0}


async def test_the_errors_are_those_of_creating(here: Api) -> None:
    foreign = organisation_of(here, "another")
    here.add(Asset(id="foreign.mp4", organisation_id=foreign, key=f"assets/{foreign}/x/v.mp4", name="v", type="VIDEO"))
    remote: Json = {"model": "lipsync-2", "input": [{"type": "video", "url": f"{MEDIA}/missing.mp4"}]}
    for wrong in (
        {},
        body("v.mp4", "a.wav") | {"model": "lipsync-9", "options": {"temperature": 9}},
        body("v.mp4", "a.wav", "b.wav"),
        body("foreign.mp4", "a.wav"),
        body("nobody.mp4", "a.wav"),
        {"model": "lipsync-2", "input": [{"type": "video", "assetId": "a.wav"}, *body("a.wav")["input"]]},
        {**remote, "input": remote["input"] + body("a.wav")["input"]},
        body("v.mp4", "a.wav", webhookUrl="http://127.0.0.1/"),
    ):
        told, created = await cost(here, wrong), await here.http.post("/v2/generate", json=wrong)
        assert told.status_code == created.status_code >= 400
        assert {**told.json(), "requestId": None} == {**created.json(), "requestId": None}
    for no_object in ([], "x", None, 7):
        assert (await cost(here, no_object)).status_code == 400
    broken = await here.http.post("/v2/analyze/cost", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400


async def test_a_segment_outside_of_the_video(here: Api) -> None:
    segments = [{"startTime": 9, "endTime": 10, "audioInput": {"refId": "a.wav"}}]
    answer = await cost(here, body("v.mp4", "a.wav", segments=segments))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "generation_input_segments_invalid"), answer.text
    assert answer.json()["field"].startswith("segments[0]")


# Inputs at addresses of others


def remote(here: Api) -> Json:
    entries = [{"type": "video", "url": f"{MEDIA}/v.mp4"}, *body("a.wav")["input"]]
    return {"model": "lipsync-2", "input": entries}


async def test_an_input_is_fetched_for_it(here: Api, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def download(url: str, sink: Any, *, field: str, kind: str, max_bytes: int) -> None:
        assert (url, field, kind) == (f"{MEDIA}/v.mp4", "input[0].url", "video")
        assert max_bytes == estimate.MOST_BYTES
        await sink.write((media / "v.mp4").read_bytes())

    monkeypatch.setattr(here.services.fetcher, "download", download)
    assert await frames(here, remote(here)) == 50
    assert not list(here.services.config.work_dir.iterdir())


async def test_what_cannot_be_had_in_time_has_no_estimate(here: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: Any, **__: Any) -> None:
        await asyncio.sleep(30)

    async def large(*_: Any, field: str, **__: Any) -> None:
        raise FileTooLarge("The file is too large.", field=field)

    monkeypatch.setattr(estimate, "SECONDS", 0.2)
    for way in (slow, large):
        monkeypatch.setattr(here.services.fetcher, "download", way)
        answer = await cost(here, remote(here))
        assert (answer.status_code, answer.json()["errorCode"]) == (422, "cost_estimate_unavailable"), answer.text
        assert not list(here.services.config.work_dir.iterdir())


async def test_without_anybody_to_look_there_is_no_estimate(here: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dead(*_: Any) -> Json:
        raise StageFailure("generation_media_probe_unavailable", "The process ended.")

    monkeypatch.setattr(here.services.prober, "run", dead)
    assert (await cost(here, body("v.mp4", "a.wav"))).json()["errorCode"] == "cost_estimate_unavailable"


# For a length


async def length(api: Api, **asked: Any) -> httpx.Response:
    return await api.http.post("/v2/generations/estimate", json=asked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"duration": 1.01, "fps": 25}, 26),
        ({"duration": 0.1, "fps": 30}, 3),
        ({"duration": 10, "fps": 29.97, "reasoning_enabled": True, "workflow": "lipsync"}, 300),
        ({"duration": 2, "fps": None}, 60),
    ],
)
async def test_the_frames_of_a_length(api: Api, asked: Json, expected: int) -> None:
    answer = await length(api, model="lipsync-2", **asked)
    assert answer.json()["estimatedFrameCount"] == expected


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({}, ["model", "duration"]),
        ({"model": "lipsync-9", "duration": 1}, ["model"]),
        ({"model": "lipsync-2"}, ["duration"]),
        ({"model": "lipsync-2", "duration": 0}, ["duration"]),
        ({"model": "lipsync-2", "duration": -1, "fps": 0}, ["duration", "fps"]),
        ({"model": "lipsync-2", "duration": "3"}, ["duration"]),
        ({"model": "lipsync-2", "duration": True}, ["duration"]),
        ({"model": "lipsync-2", "duration": 1e9}, ["duration"]),
        ({"model": "lipsync-2", "duration": 1, "fps": 1001}, ["fps"]),
        ({"model": "lipsync-2", "duration": 1, "reasoningEnabled": "no"}, ["reasoningEnabled"]),
        ({"model": "lipsync-2", "duration": 1, "workflow": "translate-and-dub"}, ["workflow"]),
    ],
)
async def test_a_length_that_is_not_valid(api: Api, asked: Json, fields: list[str]) -> None:
    answer = await length(api, **asked)
    assert answer.status_code == 400
    told = answer.json()
    assert sorted(one["field"] for one in told.get("faults", [told])) == sorted(fields)
    if asked.get("model") == "lipsync-9":
        assert told["errorCode"] == "generation_unsupported_model"


async def test_a_key_is_needed(api: Api) -> None:
    async with api.client() as nobody:
        for path in ("/v2/analyze/cost", "/v2/generations/estimate", "/v2/generate/estimate-cost"):
            assert (await nobody.post(path, json={})).status_code == 401
