"""What tests of batches do: sending one, ending its generations as a worker would, reading its results."""

from __future__ import annotations

import json
from typing import Any

import httpx
from tests.servers.api import MEDIA, Api

from lipwright.service.jobs.steps import Steps
from lipwright.service.storage import batches, generations
from lipwright.service.storage.tables import BatchRow, Generation

HOOK = "https://hooks.test/batch"


def line(here: Api, number: int, **changes: Any) -> dict[str, Any]:
    return {"request_id": f"r{number}", "endpoint": "/v2/generate", "payload": here.body(), **changes}


def missing(here: Api) -> dict[str, Any]:
    """A payload whose video is not there."""
    video, audio = {"type": "video", "url": f"{MEDIA}/missing.mp4"}, {"type": "audio", "url": f"{MEDIA}/a.wav"}
    return here.body(input=[video, audio])


def jsonl(*rows: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


async def post(here: Api, *rows: Any, **form: str) -> httpx.Response:
    return await here.http.post("/v2/batch", files={"input": ("rows.jsonl", jsonl(*rows))}, data=form)


async def made(here: Api, *rows: Any, **form: str) -> str:
    """The id of a batch that was taken."""
    answer = await post(here, *rows, **form)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def told(here: Api, batch: str) -> dict[str, Any]:
    answer = await here.http.get(f"/v2/batch/{batch}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def in_work(here: Api) -> list[Generation]:
    with here.services.database.reading() as session:
        return generations.page(session, generations.Filter(here.organisation, generations.ACTIVE), None, None)


def rows_of(here: Api, batch: str) -> list[BatchRow]:
    with here.services.database.reading() as session:
        return [row for row, _ in batches.outcomes(session, batch)]


async def complete(here: Api, generation: str) -> None:
    """End a generation as the worker's last step does."""
    prefix = f"work/{here.organisation}/{generation}"
    keys = {name: f"{prefix}/{name}" for name in ("output.mp4", "report.json")}
    for key in keys.values():
        await here.services.objects.put_bytes(key, b"content")
    with here.services.database.writing() as session:
        generations.begin(session, generation)
    report = {"engine": "demo", "output": {"video_seconds": 1.0, "frames": 25}, "segments": []}
    await Steps(here.services).finish(generation, {"keys": keys, "report": report})


async def fail(here: Api, generation: str) -> None:
    await Steps(here.services).fail(generation, {"code": "generation_pipeline_failed", "message": "Rendering failed."})


async def results(here: Api, batch: str) -> list[dict[str, Any]]:
    """What the address of the results leads to, for a client without a key."""
    async with here.client() as client:
        answer = await client.get((await told(here, batch))["outputUrl"], follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return [json.loads(one) for one in answer.text.splitlines()]
