"""What steps of a generation make of a full disk, of inputs that are gone, and of who ends it in the middle."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.servers.api import MEDIA, Api

from lipwright.service.jobs.steps import Steps, work_prefix
from lipwright.service.jobs.telling import Teller
from lipwright.service.storage.tables import Generation, now

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


async def test_an_input_that_is_gone_is_named(api: Api) -> None:
    key, objects = f"uploads/{api.organisation}/x/v.mp4", api.services.objects
    await objects.put_bytes(key, b"x")
    video, audio = {"type": "video", "url": api.services.links.reference(key)}, {"type": "audio", "url": f"{MEDIA}/a"}
    identity = (await api.create(input=[video, audio]))["id"]
    await objects.delete(key)
    done = await Steps(api.services).prepare(identity, {})
    assert done["error"]["code"] == "generation_input_video_inaccessible"


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
