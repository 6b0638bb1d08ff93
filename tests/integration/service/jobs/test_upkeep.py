"""What upkeep mends after a crash, and what it takes away."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.api import MEDIA, Api, NotedQueue, api

from lipwright.service.jobs.queue import DurableQueue
from lipwright.service.jobs.steps import Steps, final_prefix, work_prefix
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.storage import deliveries
from lipwright.service.storage.tables import Batch, BatchRow, Delivery, Generation, Upload, new_id, now

pytestmark = pytest.mark.anyio

LONG_AGO = timedelta(days=2)


class TellingQueue(NotedQueue):
    """A queue that knows the states a test gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, str] = {}

    def states(self, ids: list[str]) -> dict[str, str]:
        """Those of the known ones."""
        return {one: self.known[one] for one in ids if one in self.known}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Api]:
    """An installation that keeps generations for a day."""
    async with api(tmp_path / "data", retention_days=1) as running:
        running.queue = running.services.queue = TellingQueue()
        yield running


def upkeep(here: Api) -> Upkeep:
    """Its upkeep."""
    return Upkeep(Steps(here.services))


def row(here: Api, identity: str) -> Generation | None:
    """A generation as it is."""
    with here.services.database.reading() as session:
        return session.get(Generation, identity)


async def settled(here: Api, **values: Any) -> str:
    """A generation that was ordered a minute ago."""
    identity: str = (await here.create(webhookUrl="https://media.test/hook"))["id"]
    here.change(identity, created_at=now() - timedelta(minutes=1), **values)
    here.queue.calls.clear()
    return identity


async def test_an_order_that_never_reached_the_queue_is_put_there(here: Api) -> None:
    identity = await settled(here)
    assert await upkeep(here).reconcile() == 1
    (call,) = here.queue.asked("generate")
    assert call[0] == identity
    here.queue.known = {identity: "ENQUEUED"}
    assert await upkeep(here).reconcile() == 0


async def test_a_fresh_order_is_left_alone(here: Api) -> None:
    await here.create()
    here.queue.calls.clear()
    assert await upkeep(here).reconcile() == 0
    assert here.queue.calls == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("ERROR", "generation_unknown_error"),
        ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "generation_unknown_error"),
        ("CANCELLED", "generation_cancelled"),
    ],
)
async def test_a_job_that_ended_without_a_word_is_told(here: Api, state: str, code: str) -> None:
    identity = await settled(here, status="PROCESSING")
    found = row(here, identity)
    assert found is not None
    await here.services.objects.put_bytes(f"{work_prefix(found)}/prepared/x.json", b"{}")
    assert isinstance(here.queue, TellingQueue)
    here.queue.known = {identity: state}
    await upkeep(here).reconcile()
    found = row(here, identity)
    assert found is not None
    assert (found.status, found.error_code) == ("FAILED", code)
    assert [key async for key in here.services.objects.list(work_prefix(found))] == []
    with here.services.database.reading() as session:
        assert session.get(Delivery, deliveries.delivery_id(identity)) is not None


async def test_a_job_that_could_not_be_cancelled_is_cancelled_later(here: Api) -> None:
    identity = await settled(here, status="FAILED", error_code="generation_cancelled", finished_at=now())
    failed = await settled(here, status="FAILED", error_code="generation_pipeline_failed", finished_at=now())
    assert isinstance(here.queue, TellingQueue)
    here.queue.known = {identity: "PENDING", failed: "PENDING"}
    assert await upkeep(here).reconcile() == 1
    assert here.queue.asked("cancel") == [(identity,)]


async def test_a_running_job_is_left_alone(here: Api) -> None:
    identity = await settled(here, status="PROCESSING")
    assert isinstance(here.queue, TellingQueue)
    here.queue.known = {identity: "PENDING"}
    assert await upkeep(here).reconcile() == 0
    found = row(here, identity)
    assert found is not None
    assert found.status == "PROCESSING"


async def test_a_webhook_that_never_reached_the_queue_is_put_there(here: Api) -> None:
    identity = await settled(here, status="PROCESSING")
    await Steps(here.services).fail(identity, {"code": "generation_pipeline_failed", "message": "No."})
    delivery = deliveries.delivery_id(identity)
    with here.services.database.writing() as session:
        session.get_one(Delivery, delivery).created_at = now() - timedelta(minutes=1)
    here.queue.calls.clear()
    assert await upkeep(here).reconcile() == 1
    assert here.queue.asked("deliver") == [(delivery,)]
    assert isinstance(here.queue, TellingQueue)
    here.queue.known = {delivery: "PENDING"}
    assert await upkeep(here).reconcile() == 0


async def test_a_webhook_whose_job_died_is_put_there_again(here: Api) -> None:
    delivery = await pending(here, [])
    assert isinstance(here.queue, TellingQueue)
    here.queue.known = {delivery: "ERROR"}
    assert await upkeep(here).reconcile() == 1
    assert [name for name, _ in here.queue.calls] == ["forget", "deliver"]
    here.queue.known = {delivery: "ENQUEUED"}
    assert await upkeep(here).reconcile() == 0


@pytest.mark.parametrize(
    ("known", "calls"), [(None, ["redeliver"]), ("ERROR", ["forget", "redeliver"]), ("PENDING", [])]
)
async def test_a_webhook_that_nobody_tries_any_more_is_tried(here: Api, known: str | None, calls: list[str]) -> None:
    delivery = await pending(here, [{"number": 1, "at": (now() - LONG_AGO).isoformat()}])
    assert isinstance(here.queue, TellingQueue)
    here.queue.known = {} if known is None else {f"{delivery}.1": known}
    await upkeep(here).reconcile()
    assert [name for name, _ in here.queue.calls] == calls


async def pending(here: Api, attempts: list[dict[str, Any]]) -> str:
    """A delivery that was written down a while ago."""
    identity = await settled(here, status="PROCESSING")
    await Steps(here.services).fail(identity, {"code": "generation_pipeline_failed", "message": "No."})
    delivery = deliveries.delivery_id(identity)
    with here.services.database.writing() as session:
        found = session.get_one(Delivery, delivery)
        found.created_at, found.attempts = now() - LONG_AGO, attempts
    here.queue.calls.clear()
    return delivery


async def test_an_upload_goes_when_it_is_old_and_nothing_in_work_uses_it(here: Api) -> None:
    keys = {name: f"uploads/{here.organisation}/{name}/v.mp4" for name in ("unused", "used", "waiting", "young")}
    for name, key in keys.items():
        await here.services.objects.put_bytes(key, b"x")
        made = now() if name == "young" else now() - LONG_AGO
        upload = Upload(key=key, organisation_id=here.organisation, file_name="v", content_type="video/mp4")
        upload.created_at = made
        here.add(upload)
    sent = {name: here.services.links.reference(key) for name, key in keys.items()}
    audio = {"type": "audio", "url": f"{MEDIA}/a.wav"}
    identity = (await here.create(input=[{"type": "video", "url": sent["used"]}, audio]))["id"]
    batch = Batch(id=new_id(), organisation_id=here.organisation, api_key_id="key")
    here.add(batch)
    payload = here.body(input=[{"type": "video", "url": sent["waiting"]}, audio])
    here.add(BatchRow(batch_id=batch.id, line=1, request_id="a", payload=payload))
    assert await upkeep(here).retire() == 1
    assert {stored.key async for stored in here.services.objects.list()} == {*keys.values()} - {keys["unused"]}
    here.change(identity, status="FAILED", finished_at=now())
    assert await upkeep(here).retire() == 1
    assert await here.services.objects.head(keys["used"]) is None


async def test_the_queue_forgets_what_ended_a_week_ago(tmp_path: Path) -> None:
    """With the real queue: jobs that wait stay, those that ended go."""
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    DurableQueue.prepare(url)
    queue = DurableQueue(url)
    try:
        for name in ("waiting", "ended"):
            queue.deliver(name)
        queue.cancel("ended")
        assert queue.prune(now() - timedelta(days=1)) == 0
        assert set(queue.states(["waiting", "ended"])) == {"waiting", "ended"}
        assert queue.prune(now() + timedelta(days=1)) == 1
        assert set(queue.states(["waiting", "ended"])) == {"waiting"}
    finally:
        queue.close()


async def test_forgetting_is_one_of_the_duties(here: Api) -> None:
    for _, _, duty in upkeep(here).duties:
        await duty()
    ((before,),) = here.queue.asked("prune")
    assert now() - before > timedelta(days=6)


async def test_what_is_old_goes_with_all_its_files_and_what_is_not_stays(here: Api) -> None:
    old, recent, running = [(await here.create())["id"] for _ in range(3)]
    for identity, age in ((old, LONG_AGO), (recent, timedelta(hours=1))):
        here.change(identity, status="COMPLETED", finished_at=now() - age)
    for identity in (old, recent, running):
        found = row(here, identity)
        assert found is not None
        for prefix in (final_prefix(found), work_prefix(found)):
            await here.services.objects.put_bytes(f"{prefix}/output.mp4", b"x")
    assert await upkeep(here).retire() == 1
    assert row(here, old) is None
    assert row(here, recent) is not None
    assert row(here, running) is not None
    left = {stored.key async for stored in here.services.objects.list()}
    assert not any(old in key for key in left)
    assert sum(recent in key for key in left) == sum(running in key for key in left) == 2
    assert ([old],) in here.queue.asked("forget")


async def test_files_that_crashes_left_are_swept_and_those_in_use_are_not(here: Api) -> None:
    ended, running = [(await here.create())["id"] for _ in range(2)]
    here.change(ended, status="FAILED", finished_at=now())
    work = here.services.config.work_dir
    names = [ended, running, "upload-now", "upload-old"]
    for name in names:
        (work / name).mkdir()
        (work / name / "file").write_bytes(b"x")
    long_ago = time.time() - LONG_AGO.total_seconds()
    os.utime(work / "upload-old", (long_ago, long_ago))
    for identity in (ended, running):
        found = row(here, identity)
        assert found is not None
        await here.services.objects.put_bytes(f"{work_prefix(found)}/pieces/piece-0.mp4", b"x")
    await upkeep(here).sweep()
    assert sorted(path.name for path in work.iterdir()) == sorted([running, "upload-now"])
    left = {stored.key async for stored in here.services.objects.list("work")}
    assert [running in key for key in left] == [True]
