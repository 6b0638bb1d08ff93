"""Who is taken for dead, and that the one private function of the job queue still does what is expected of it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select, update

from lipwright.service.config import driver_url
from lipwright.service.jobs.reaper import Reaper, alive, this_host
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Executor

BEAT, DEAD = 1.0, 10.0


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite'}"
    make: Callable[[], str] = request.getfixturevalue("postgres")
    return make()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Our tables there."""
    found = Database(driver_url(url))
    found.migrate()
    yield found
    found.close()


class Recovered:
    """Takes note of whose jobs were put back."""

    def __init__(self) -> None:
        self.executors: list[str] = []

    def __call__(self, executors: Sequence[str]) -> int:
        self.executors += executors
        return 1


def reaper(database: Database, name: str, recovered: Recovered) -> Reaper:
    """A reaper that is not running."""
    return Reaper(database, name, BEAT, DEAD, recovered)


def add(database: Database, name: str, silent: float, host: str, pid: int) -> None:
    """A worker that was last heard of `silent` seconds ago."""
    with database.writing() as session:
        session.add(Executor(id=name, host=host, pid=pid, seen_at=database.clock(session) - silent))


def left(database: Database) -> set[str]:
    """The workers that are known."""
    with database.reading() as session:
        return set(session.scalars(select(Executor.id)))


def ended_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_who_is_silent_for_long_is_buried_and_others_are_not(database: Database) -> None:
    recovered = Recovered()
    me = reaper(database, "me", recovered)
    add(database, "silent elsewhere", DEAD + 1, "elsewhere", 1)
    add(database, "slow elsewhere", DEAD - 2, "elsewhere", 1)
    add(database, "busy here", DEAD - 2, this_host(), os.getpid())
    add(database, "killed here", BEAT, this_host(), ended_pid())
    add(database, "killed elsewhere", BEAT, "elsewhere", ended_pid())
    assert set(me.bury(me.beat())) == {"silent elsewhere", "killed here"}
    assert set(recovered.executors) == {"silent elsewhere", "killed here"}
    assert left(database) == {"me", "slow elsewhere", "busy here", "killed elsewhere"}
    with database.reading() as session:
        assert alive(session, database, DEAD) == 4
    assert me.bury(me.beat()) == []


def test_who_stops_in_order_is_not_waited_for(database: Database) -> None:
    recovered = Recovered()
    leaving, staying = reaper(database, "leaving", recovered), reaper(database, "staying", recovered)
    leaving.start()
    assert staying.bury(staying.beat()) == []
    leaving.stop()
    assert staying.bury(staying.beat()) == ["leaving"]


def test_it_goes_on_when_the_database_was_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.service.jobs.reaper._log.exception", lambda *_: None)
    recovered = Recovered()
    me = Reaper(database, "me", 0.05, DEAD, recovered)
    me.start()
    clock = database.clock
    database.clock = lambda session: 1 / 0  # type: ignore[method-assign]  # the database is away
    time.sleep(0.3)
    database.clock = clock  # type: ignore[method-assign]  # and back
    add(database, "silent", DEAD + 1, "elsewhere", 1)
    until = time.monotonic() + 5
    while "silent" in left(database):
        assert time.monotonic() < until
        time.sleep(0.05)
    me.stop()
    with database.writing() as session:
        session.execute(update(Executor).values(seen_at=0.0))


PROGRAM = """
import asyncio, os, sys, time
from dbos import DBOS
from lipwright.service.jobs.queue import APPLICATION, SCHEMA_VERSION, DurableQueue
from lipwright.service.jobs.reaper import recover
from lipwright.service.jobs.serial import JsonSerializer

url, executor, trace = sys.argv[1:4]

def note(what):
    with open(trace, "a") as file:
        file.write(f"{executor} {what}\\n")

@DBOS.step()
async def first():
    note("first")

@DBOS.step()
async def second():
    note("second begins")
    if executor == "dead":
        await asyncio.sleep(60)
    note("second ends")

@DBOS.workflow(name="generation")
async def generation(identity):
    await first()
    await second()
    return {"by": executor}

DurableQueue.prepare(url)
DBOS(config={"name": APPLICATION, "system_database_url": url, "application_version": SCHEMA_VERSION,
             "executor_id": executor, "serializer": JsonSerializer(), "log_level": "ERROR"})
DBOS.launch()
DBOS.register_queue("generations", polling_interval_sec=0.1, on_conflict="always_update")
if executor == "living":
    note(f"recovered {recover(['dead'])}")
    note(f"recovered {recover(['dead'])}")
time.sleep(60)
"""


def test_the_jobs_of_a_dead_worker_go_on_from_where_they_were(url: str, tmp_path: Path) -> None:
    """`DBOS._recover_pending_workflows` is not public: this is what has to be true of it."""
    from lipwright.service.jobs.queue import DurableQueue

    trace = tmp_path / "trace"
    trace.touch()

    def start(executor: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM), url, executor, str(trace)])

    def wait_for(line: str) -> list[str]:
        until = time.monotonic() + 60
        while line not in (lines := trace.read_text().splitlines()):
            assert time.monotonic() < until, lines
            time.sleep(0.05)
        return lines

    DurableQueue.prepare(url)
    queue = DurableQueue(url)
    queue.generate("job", 1)
    dead = start("dead")
    wait_for("dead second begins")
    dead.kill()
    dead.wait()
    living = start("living")
    try:
        lines = wait_for("living second ends")
        until = time.monotonic() + 10
        while queue.states(["job"]) != {"job": "SUCCESS"}:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        living.kill()
        living.wait()
        queue.close()
    assert lines.count("living recovered 1") == 1, "once put back, a job is not put back again"
    assert [line for line in lines if "recovered" not in line] == [
        "dead first",
        "dead second begins",
        "living second begins",
        "living second ends",
    ], "the finished step is not done again, the unfinished one is"
