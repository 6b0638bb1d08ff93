"""Who is to be seen in an asset: asking once, asking again, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import httpx
import pytest
from tests.servers.api import Api

from lipwright.generation import demo
from lipwright.models.registry import model_path
from lipwright.service.jobs.faces import find_faces
from lipwright.service.storage.tables import Asset
from lipwright.timeline.body import parse_request
from lipwright.timeline.options import PointOnFrame

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
Add = Callable[..., str]


@pytest.fixture
def asset(api: Api) -> Add:
    """Adds an asset; its id."""

    def add(**values: Any) -> str:
        identity = str(uuid4())
        given = {"key": f"assets/{api.organisation}/{identity}/a.mp4", "name": "a", "type": "VIDEO"}
        api.add(Asset(id=identity, organisation_id=api.organisation, **{**given, **values}))
        return identity

    return add


async def search(api: Api, asset: str, body: Any = None) -> httpx.Response:
    return await api.http.post(f"/v2/assets/{asset}/faces", json=body)


async def state(api: Api, asset: str) -> Json:
    answer = await api.http.get(f"/v2/assets/{asset}/faces")
    assert answer.status_code == 200
    told: Json = answer.json()
    return told


def jobs(api: Api, asset: str) -> set[int]:
    """The numbers of the different jobs that were asked for."""
    return {number for one, number in api.queue.asked("find_faces") if one == asset}


def found(api: Api, asset: str, **facts: Any) -> None:
    """Note what a worker would."""
    with api.services.database.writing() as session:
        row = session.get_one(Asset, asset)
        row.faces = {**(row.faces or {}), **facts}


async def test_asking_starts_one_job(api: Api, asset: Add) -> None:
    one = asset()
    assert await state(api, one) == {"status": "NOT_STARTED", "faces": [], "sheetUrl": None}
    for body in (None, {}, {"again": False}, {"again": True}):  # a search that runs is as new as can be
        answer = await search(api, one, body)
        assert (answer.status_code, answer.json()["status"]) == (202, "PROCESSING")
    assert jobs(api, one) == {1}
    assert (await state(api, one))["status"] == "PROCESSING"


async def test_what_was_found_is_answered_at_once_and_found_anew_on_request(api: Api, asset: Add) -> None:
    one = asset()
    await search(api, one)
    sheet = f"faces/{api.organisation}/{one}/faces.png"
    await api.services.objects.put_bytes(sheet, b"a picture")
    found(api, one, status="COMPLETED", faces=[{"face": 1}], sheet=sheet)
    answer = await search(api, one)
    assert (answer.status_code, answer.json()["faces"]) == (200, [{"face": 1}])
    told = await state(api, one)
    assert (told["status"], told["faces"]) == ("COMPLETED", [{"face": 1}])
    async with api.client() as nobody:
        assert (await nobody.get(told["sheetUrl"])).content == b"a picture"
    assert jobs(api, one) == {1}
    again = await search(api, one, {"again": True})
    assert (again.status_code, again.json()["status"]) == (202, "PROCESSING")
    assert jobs(api, one) == {1, 2}


async def test_a_search_that_failed_says_why_and_can_be_tried_again(api: Api, asset: Add) -> None:
    one = asset()
    await search(api, one)
    found(api, one, status="FAILED", error="The video could not be read.", errorCode="generation_input_video_invalid")
    told = await state(api, one)
    assert told == {
        "status": "FAILED",
        "faces": [],
        "sheetUrl": None,
        "error": "The video could not be read.",
        "errorCode": "generation_input_video_invalid",
    }
    assert (await search(api, one)).status_code == 202
    assert jobs(api, one) == {1, 2}


async def test_a_job_that_died_has_failed(api: Api, asset: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    one = asset()
    await search(api, one)
    monkeypatch.setattr(type(api.queue), "states", lambda _, ids: dict.fromkeys(ids, "ERROR"))
    told = await state(api, one)
    assert (told["status"], told["errorCode"]) == ("FAILED", "generation_unknown_error")
    assert (await search(api, one)).json()["status"] == "PROCESSING"
    assert jobs(api, one) == {1, 2}


@pytest.mark.parametrize("body", [{"again": "yes"}, [], "again"])
async def test_a_body_that_is_not_valid(api: Api, asset: Add, body: Any) -> None:
    assert (await search(api, asset(), body)).status_code == 400


async def test_an_audio_has_no_faces(api: Api, asset: Add) -> None:
    answer = await search(api, asset(type="AUDIO"))
    assert (answer.status_code, answer.json()["errorCode"]) == (422, "generation_input_asset_type_mismatch")


async def test_the_job_finds_the_face_of_a_picture(api: Api, asset: Add, tmp_path: Path) -> None:
    picture = cv2.imread(str(model_path(demo.PORTRAIT)))
    assert picture is not None
    portrait = tmp_path / "portrait.jpg"
    assert cv2.imwrite(str(portrait), cv2.resize(picture[0:320, 64:384], (320, 320)))
    one = asset(type="IMAGE", key=f"assets/{api.organisation}/x/portrait.jpg")
    await api.services.objects.put_file(f"assets/{api.organisation}/x/portrait.jpg", portrait)
    await search(api, one)
    await find_faces(api.services, one)
    told = await state(api, one)
    assert (told["status"], len(told["faces"])) == ("COMPLETED", 1), told
    face = told["faces"][0]
    x, y = face["choose"]["coordinates"]
    assert abs(x - face["x"]) < face["width"] / 2
    assert face["y"] < y < face["y"] + face["height"] / 2
    entries = [{"type": "image", "assetId": one}, {"type": "audio", "url": "a.wav"}]
    body = {"model": "sync-3", "input": entries, "options": {"active_speaker_detection": face["choose"]}}
    assert parse_request(body).options.speaker == PointOnFrame(0, x, y)
    async with api.client() as nobody:
        sheet = await nobody.get(told["sheetUrl"])
    assert (sheet.headers["content-type"], sheet.content[:4]) == ("image/png", b"\x89PNG")
    assert not list(api.services.config.work_dir.iterdir())
    assert json.dumps(told)


async def test_the_job_says_why_it_failed(api: Api, asset: Add) -> None:
    gone, garbage = asset(), asset(key=f"assets/{api.organisation}/y/a.mp4")
    await api.services.objects.put_bytes(f"assets/{api.organisation}/y/a.mp4", b"no video")
    for one, code in ((gone, "generation_input_video_inaccessible"), (garbage, "generation_input_video_invalid")):
        await search(api, one)
        await find_faces(api.services, one)
        told = await state(api, one)
        assert (told["status"], told["errorCode"], told["sheetUrl"]) == ("FAILED", code, None)
        assert told["error"].endswith(".")


async def test_nothing_is_left_of_an_asset_that_was_deleted_meanwhile(
    api: Api, asset: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = asset()
    await api.services.objects.put_bytes(f"assets/{api.organisation}/{one}/a.mp4", b"x")
    await search(api, one)

    async def run(stage: str, task: Json, limits: object) -> Json:
        Path(task["sheet"]).write_bytes(b"x")
        assert (await api.http.delete(f"/v2/assets/{one}")).status_code == 200
        return {"faces": []}

    monkeypatch.setattr("lipwright.service.jobs.faces.run_stage", run)
    await find_faces(api.services, one)
    assert [stored.key async for stored in api.services.objects.list()] == []
