"""What steps of a generation make of a full disk, of inputs that are gone, and of who ends it in the middle."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.servers.api import MEDIA, Api

from lipwright.errors import BoxesInaccessible
from lipwright.service.jobs.steps import Steps, work_prefix
from lipwright.service.jobs.telling import Teller
from lipwright.service.jobs.workplace import Workplace
from lipwright.service.storage.objects import ObjectMissing
from lipwright.service.storage.tables import Generation, now
from lipwright.timeline.body import parse_request
from lipwright.timeline.options import BoxesAt

pytestmark = pytest.mark.anyio


def row(here: Api, identity: str) -> Generation:
    """A generation as it is."""
    with here.services.database.reading() as session:
        return session.get_one(Generation, identity)


async def made(here: Api, identity: str) -> dict[str, Any]:
    """What a worker has made of a generation, about to be finished."""
    prefix = work_prefix(row(here, identity))
    keys = {name: f"{prefix}/{name}" for name in ("output.mp4", "report.json")}
    for key in keys.values():
        await here.services.objects.put_bytes(key, b"x")
    return {"keys": keys, "report": {"output": {"video_seconds": 1.0, "frames": 25}}}


async def left(here: Api) -> list[str]:
    """All objects."""
    return [stored.key async for stored in here.services.objects.list()]


async def test_a_disk_that_is_full_while_inputs_are_fetched_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(api.services.fetcher, "download", full)
    done = await Steps(api.services).gather((await api.create())["id"])
    assert done["error"]["code"] == "generation_infra_storage_error"


async def test_a_document_of_boxes_is_fetched_once_however_often_and_in_whichever_spelling_it_is_named(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def download(url: str, sink: Any, **_: object) -> None:
        asked.append(url)
        await sink.write(b"{}")

    monkeypatch.setattr(api.services.fetcher, "download", download)
    url = f"{MEDIA}/boxes.json"
    choice = {"active_speaker_detection": {"bounding_boxes_url": url, "boundingBoxesUrl": url}}
    choices = {**choice, "activeSpeakerDetection": choice["active_speaker_detection"]}
    audio = {"type": "audio", "url": f"{MEDIA}/a.wav", "refId": "a"}
    parts = [
        {"startTime": one, "endTime": one + 1, "audioInput": {"refId": "a"}, "optionsOverride": choice}
        for one in range(5)
    ]
    inputs = [{"type": "video", "url": f"{MEDIA}/v.mp4"}, audio]
    identity = (await api.create(input=inputs, options=choices, segments=parts))["id"]
    done = await Steps(api.services).gather(identity)
    assert sorted(asked) == [f"{MEDIA}/a.wav", url, f"{MEDIA}/v.mp4"]
    place = Workplace(api.services.config.work_dir, api.services.objects, identity)
    request = parse_request(await place.localised(row(api, identity).request, done["fetched"]))
    assert isinstance(request.options.speaker, BoxesAt)
    assert Path(request.options.speaker.url).read_bytes() == b"{}"


async def test_an_input_that_is_gone_is_named(api: Api) -> None:
    key, objects = f"uploads/{api.organisation}/x/v.mp4", api.services.objects
    await objects.put_bytes(key, b"x")
    video, audio = {"type": "video", "url": api.services.links.reference(key)}, {"type": "audio", "url": f"{MEDIA}/a"}
    identity = (await api.create(input=[video, audio]))["id"]
    await objects.delete(key)
    done = await Steps(api.services).prepare(identity, {})
    assert done["error"]["code"] == "generation_input_video_inaccessible"


async def test_boxes_that_are_gone_are_named_and_a_file_of_the_job_is_not(api: Api) -> None:
    key, objects = f"uploads/{api.organisation}/x/boxes.json", api.services.objects
    for name in (key, "work/v", "work/a"):
        await objects.put_bytes(name, b"x")
    url = api.services.links.reference(key)
    options = {"active_speaker_detection": {"bounding_boxes_url": url}}
    identity = (await api.create(options=options))["id"]
    await objects.delete(key)
    fetched = {"input.0": "work/v", "input.1": "work/a", "boxes.0": key}
    done = await Steps(api.services).prepare(identity, fetched)
    assert done["error"]["code"] == BoxesInaccessible.code
    own = f"{work_prefix(row(api, identity))}/input.0/v.mp4"
    with pytest.raises(ObjectMissing):
        await Steps(api.services).prepare(identity, fetched | {"input.0": own})


@pytest.mark.parametrize("deleted", [False, True])
async def test_nothing_stays_of_what_is_finished_while_it_is_cancelled(
    api: Api, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    identity = (await api.create())["id"]
    work, objects = await made(api, identity), api.services.objects
    began, promote = asyncio.Event(), objects.promote
    go = asyncio.Event()

    async def slow(source: str, target: str) -> None:
        if not began.is_set():
            await promote(source, target)  # the first file is there already when the others go
            began.set()
            await go.wait()
        else:
            await promote(source, target)

    monkeypatch.setattr(objects, "promote", slow)
    finishing = asyncio.create_task(Steps(api.services).finish(identity, work))
    await began.wait()
    output = f"generations/{api.organisation}/{identity}/output.mp4"
    assert (await api.http.post(f"/v2/generations/{identity}/cancel")).status_code == 200
    if deleted:
        assert (await api.http.delete(f"/v2/generations/{identity}")).status_code == 200
        await objects.put_bytes(output, b"x")  # a slow copy, which ends after it was deleted
    go.set()
    assert await finishing == {"delivery": None}
    assert await left(api) == []


async def test_what_is_deleted_is_not_failed_or_finished(api: Api) -> None:
    identity = (await api.create())["id"]
    api.change(identity, status="FAILED")
    assert (await api.http.delete(f"/v2/generations/{identity}")).status_code == 200
    steps = Steps(api.services)
    assert await steps.fail(identity, {"code": "generation_unknown_error", "message": "No."}) == {"delivery": None}
    assert await steps.finish(identity, {"keys": {}, "report": {}}) == {"delivery": None}


async def test_finishing_twice_gives_the_same(api: Api) -> None:
    identity = (await api.create())["id"]
    work = await made(api, identity)
    for _ in range(2):
        await Steps(api.services).finish(identity, work)
    assert row(api, identity).status == "COMPLETED"
    folder = f"generations/{api.organisation}/{identity}"
    assert sorted(await left(api)) == [f"{folder}/output.mp4", f"{folder}/report.json"]


async def test_progress_that_cannot_be_written_down_costs_no_job(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    identity = (await api.create())["id"]
    api.change(identity, status="PROCESSING", started_at=now())
    teller = Teller(api.services.database, identity)

    def locked(*_: object) -> None:
        raise OperationalError("update generations", {}, Exception("database is locked"))

    monkeypatch.setattr(teller, "_write", locked)
    teller({"phase": "faces", "done": 1, "total": 2})
    while "progress could not be written" not in caplog.text:
        await asyncio.sleep(0.01)
    await teller.close()
