"""Many processes move one batch along at once: threads with event loops of their own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.servers.api import Api, api

from lipwright.service.config import driver_url
from lipwright.service.jobs.batches import advance
from lipwright.service.storage import batches, generations
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Batch, BatchRow, Delivery, Generation, now

pytestmark = pytest.mark.anyio

ROWS, AT_ONCE, THREADS = 12, 3, 6
HOOK = "https://hooks.test/batch"


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the database is."""
    if request.param == "sqlite":
        return {}
    make: Callable[[], str] = request.getfixturevalue("postgres")
    url = make()
    database = Database(driver_url(url))
    database.migrate()
    database.close()
    return {"database_url": url}


def all_at_once(work: Callable[[], None]) -> None:
    """Do `work` in many threads that start together, and pass on what one of them raises."""
    start, errors = threading.Barrier(THREADS), []

    def run() -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def end_some(here: Api, count: int) -> int:
    """End up to `count` generations that are in work, behind the batch's back; how many were in work."""
    with here.services.database.writing() as session:
        active = generations.page(
            session, generations.Filter(here.organisation, generations.ACTIVE), limit=None, after=None
        )
        for row in active[:count]:
            row.status, row.started_at, row.finished_at = "COMPLETED", now(), now()
    return len(active)


async def test_every_row_becomes_one_generation_and_the_end_is_told_once(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    async with api(tmp_path / "data", batch_rows_at_once=AT_ONCE, **settings) as here:
        batch = "0b0b0b0b-0000-4000-8000-000000000000"
        with here.services.database.writing() as session:
            key = session.connection().exec_driver_sql("select id from api_keys").scalar_one()
        here.add(Batch(id=batch, organisation_id=here.organisation, api_key_id=key, webhook_url=HOOK))
        here.add(*rows(here, batch))

        def move() -> None:
            asyncio.run(advance(here.services, batch))

        for _ in range(ROWS):
            await asyncio.to_thread(all_at_once, move)
            active = end_some(here, 2)
            assert active <= AT_ONCE
        await asyncio.to_thread(all_at_once, move)

        with here.services.database.reading() as session:
            ended = session.get_one(Batch, batch)
            made = Counter(row.echo["options"]["seed"] for row in session.query(Generation))
            outcomes = [(row.line, row.status, row.generation_id) for row, _ in batches.outcomes(session, batch)]
            assert session.query(Delivery).count() == 1
        assert ended.status == "COMPLETED"
        assert made == dict.fromkeys(range(1, ROWS + 1), 1)
        assert [status for _, status, _ in outcomes] == ["COMPLETED"] * ROWS
        queued = Counter(identity for identity, *_ in here.queue.asked("generate"))
        assert queued == {identity: 1 for _, _, identity in outcomes}
        assert len(here.queue.asked("deliver")) == 1
        lines = (await here.services.objects.get_bytes(ended.result_key or "", 1 << 20)).splitlines()
        assert [json.loads(line)["generation_id"] for line in lines] == [identity for _, _, identity in outcomes]


async def test_the_limit_of_an_organisation_holds_for_creations_at_once(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    async with api(tmp_path / "data", batch_concurrency=3, **settings) as here:
        body = {"rows": [{"request_id": "r", "endpoint": "/v2/generate", "payload": here.body()}]}
        answers = await asyncio.gather(*(here.http.post("/v2/batch", json=body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5


def rows(here: Api, batch: str) -> list[BatchRow]:
    return [
        BatchRow(batch_id=batch, line=number, request_id=f"r{number}", payload=here.body(options={"seed": number}))
        for number in range(1, ROWS + 1)
    ]
