"""What survives being killed: generations are ordered while the API and the workers are killed (-9) at random moments.

Everything killed is started again at once, as a process manager would. In the end nothing may be lost, done twice,
half-written or left running. `run` returns what was counted; `faults` says what of it breaks a promise, in sentences.
The test suite runs a short form on SQLite and on PostgreSQL; the long one is

    python -m benchmarks.service.chaos [--generations 30] [--kills 20] [--database sqlite|postgres]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from benchmarks.service.installation import Installation, plain_body
from benchmarks.service.material import make_speech, make_talk, upload
from benchmarks.service.receiver import Receiver, receiving
from sqlalchemy import create_engine, text

from lipwright.service.config import ServiceConfig, driver_url
from lipwright.service.storage.opening import open_objects

_ENDED = ("COMPLETED", "FAILED", "REJECTED")


@dataclass
class Outcome:
    """What was counted after everything had come to rest."""

    ordered: int
    kills: dict[str, int]
    seconds: float
    statuses: dict[str, int]
    generations: int
    succeeded_workflows: int
    finishes: int
    webhooks_expected: int
    webhook_ids: int
    webhook_calls: int
    webhooks_of_one: int
    objects_missing: list[str] = field(default_factory=list)
    objects_left: list[str] = field(default_factory=list)
    files_left: list[str] = field(default_factory=list)
    processes_left: list[str] = field(default_factory=list)
    integrity: str = "ok"

    def faults(self) -> list[str]:
        """Every broken promise."""
        broken = []
        if self.generations != self.ordered:
            broken.append(f"{self.ordered} generations were ordered, {self.generations} are there")
        if self.statuses != {"COMPLETED": self.ordered}:
            broken.append(f"not all completed: {self.statuses}")
        if self.succeeded_workflows != self.ordered or self.finishes != self.ordered:
            broken.append(f"{self.succeeded_workflows} workflows succeeded, {self.finishes} finishes were recorded")
        if self.webhook_ids != self.webhooks_expected or self.webhooks_of_one != 1:
            broken.append(f"{self.webhook_ids} webhook ids, at most {self.webhooks_of_one} for one generation")
        for what in ("objects_missing", "objects_left", "files_left", "processes_left"):
            if getattr(self, what):
                broken.append(f"{what}: {getattr(self, what)[:5]}")
        if self.integrity != "ok":
            broken.append(f"the database says {self.integrity}")
        return broken


def run(
    folder: Path, generations: int, kills: int, seed: int = 1, workers: int = 2, limit: float = 900,
    **settings: str,
) -> Outcome:  # fmt: skip
    """Order `generations` while killing `kills` times."""
    dice = random.Random(seed)
    video, audio = folder / "talk.mp4", folder / "line.wav"
    make_talk(video, 0.8)
    make_speech(audio, 0.8)
    house = Installation(folder / "data", settings)
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        stack.callback(house.stop)
        api = house.api()
        key = house.key()
        crew = [house.worker() for _ in range(workers)]
        with house.client(key) as client:
            house.wait_for("/ready")
            body = plain_body(upload(client, video, "VIDEO"), upload(client, audio, "AUDIO"), webhookUrl=receiver.url)
        begun, killed = time.monotonic(), Counter[str]()
        ids: list[str] = []
        due = time.monotonic() + dice.uniform(0.5, 3.0)
        while True:
            if len(ids) < generations:
                ids.append(_ordered(house, key, body))
            if time.monotonic() >= due and killed.total() < kills:
                victim = dice.randrange(workers + 1)
                if victim == workers:
                    house.kill(api)
                    api = house.api()
                    killed["api"] += 1
                else:
                    house.kill(crew[victim])
                    crew[victim] = house.worker()
                    killed["worker"] += 1
                due = time.monotonic() + dice.uniform(1.0, 6.0)
            states = _states(house, key)
            done = len(ids) == generations and killed.total() >= kills
            if done and states.total() == generations and all(state in _ENDED for state in states):
                break
            if time.monotonic() - begun > limit:
                break
            time.sleep(0.3)
        seconds = time.monotonic() - begun
        _settle(house, key, receiver, generations)
        house.stop()
        time.sleep(1.0)
        return _counted(house, key, ids, receiver, Counter(killed), seconds, states)


def _ordered(house: Installation, key: str, body: dict[str, Any]) -> str:
    """Order one generation, again and again until it is taken; the key makes it one."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    while True:
        try:
            with house.client(key) as client:
                answer = client.post("/v2/generate", json=body, headers=headers)
            if answer.status_code == 201:
                return str(answer.json()["id"])
        except httpx.HTTPError:
            pass
        time.sleep(0.2)


def _states(house: Installation, key: str) -> Counter[str]:
    try:
        with house.client(key) as client:
            return Counter(one["status"] for one in client.get("/v2/generations").json())
    except httpx.HTTPError:
        return Counter()


def _settle(house: Installation, key: str, receiver: Receiver, generations: int) -> None:
    """Wait for the webhooks that are still on their way, and for working files to be cleared."""
    until = time.monotonic() + 40
    work = house.data / "work"
    while time.monotonic() < until:
        if len({call.id for call in receiver.calls}) >= generations and not any(work.iterdir()):
            return
        time.sleep(0.3)


def _counted(
    house: Installation, key: str, ids: list[str], receiver: Receiver, kills: Counter[str], seconds: float,
    states: Counter[str],
) -> Outcome:  # fmt: skip
    config = ServiceConfig(data_dir=house.data, **_settings(house))
    succeeded, finishes = _workflows(config)
    stored = asyncio.run(_objects(config))
    engine = create_engine(config.database)
    with engine.connect() as connection:
        rows = connection.execute(text("select output_key, report_key from generations")).all()
        assets = connection.execute(text("select key, thumbnail_key from assets")).all()
    engine.dispose()
    wanted = {key for row in (*rows, *assets) for key in row if key}
    told = Counter(json.loads(call.body)["id"] + call.id for call in receiver.calls)
    of_one = Counter(key[:36] for key in told)
    files = [str(path) for path in (house.data / "work").rglob("*") if path.is_file()]
    files += [str(path) for path in (house.data / "objects" / ".staging").rglob("*") if path.is_file()]
    return Outcome(
        ordered=len(ids),
        kills=dict(kills),
        seconds=round(seconds, 1),
        statuses=dict(states),
        generations=len(rows),
        succeeded_workflows=succeeded,
        finishes=finishes,
        webhooks_expected=len(ids),
        webhook_ids=len({call.id for call in receiver.calls}),
        webhook_calls=len(receiver.calls),
        webhooks_of_one=max(of_one.values(), default=0),
        objects_missing=sorted(wanted - stored),
        objects_left=sorted(stored - wanted),
        files_left=files,
        processes_left=[f"{pid}: {command}" for pid, command in house.running()],
        integrity=_integrity(house) if config.embedded else "ok",
    )


def _settings(house: Installation) -> dict[str, Any]:
    names = {name: value for name, value in house.settings.items() if name.startswith("LIPWRIGHT_")}
    return {name.removeprefix("LIPWRIGHT_").lower(): _parsed(value) for name, value in names.items()}


def _parsed(value: str) -> Any:
    return json.loads(value) if value.startswith("{") else value


def _workflows(config: ServiceConfig) -> tuple[int, int]:
    """How many generations' workflows succeeded, and how many times a finish was recorded."""
    schema = "" if config.embedded else "dbos."
    engine = create_engine(driver_url(config.queue_database))
    with engine.connect() as connection:
        succeeded = connection.execute(
            text(f"select count(*) from {schema}workflow_status where name = 'generation' and status = 'SUCCESS'")
        ).scalar_one()
        finishes = connection.execute(
            text(f"select count(*) from {schema}operation_outputs where function_name like '%finish%'")
        ).scalar_one()
    engine.dispose()
    return int(succeeded), int(finishes)


async def _objects(config: ServiceConfig) -> set[str]:
    objects = open_objects(config.objects, config.objects_options)
    return {stored.key async for stored in objects.list()}


def _integrity(house: Installation) -> str:
    for name in ("lipwright.sqlite", "jobs.sqlite"):
        with closing(sqlite3.connect(house.data / name)) as connection:
            said = str(connection.execute("pragma integrity_check").fetchone()[0])
            if said != "ok":
                return f"{name}: {said}"
    return "ok"


def main() -> None:
    """The long form, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lipwright-chaos-")))
        settings = {}
        if arguments.database == "postgres":
            from tests.servers import postgres

            server = stack.enter_context(postgres.running())
            settings["LIPWRIGHT_DATABASE_URL"] = server.database()
        outcome = run(folder, arguments.generations, arguments.kills, arguments.seed, **settings)
    machine = subprocess.run(["uname", "-sm"], capture_output=True, text=True, check=True).stdout.strip()
    print(json.dumps({"machine": machine, "database": arguments.database, **asdict(outcome)}, indent=2))
    faults = outcome.faults()
    print("\n".join(faults) or "every promise was kept")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
