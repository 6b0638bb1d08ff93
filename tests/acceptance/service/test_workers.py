"""Several workers over PostgreSQL and an S3 server: one job's pieces are shared; the death of a worker delays it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from benchmarks.service.installation import Installation
from benchmarks.service.material import make_speech, make_talk

SECONDS = 8.0
PIECES = 4


@pytest.fixture
def house(
    tmp_path: Path, postgres: Callable[[], str], s3: Callable[[], tuple[str, dict[str, str]]]
) -> Iterator[Installation]:
    """API and two workers; nothing but the database and the bucket is shared between them."""
    url, options = s3()
    settings = {
        "LIPWRIGHT_DATABASE_URL": postgres(),
        "LIPWRIGHT_OBJECTS_URL": url,
        "LIPWRIGHT_OBJECTS_OPTIONS": json.dumps(options),
        "LIPWRIGHT_SIGNING_SECRET": "a secret that all processes of the installation share",
        "LIPWRIGHT_PIECE_SECONDS": str(SECONDS / PIECES),
    }
    installation = Installation(tmp_path / "data", settings)
    yield installation
    installation.stop()
    left = installation.running()
    assert not left, left


def test_one_job_on_two_workers_one_of_which_dies(house: Installation, tmp_path: Path) -> None:
    """The job takes longer and is done; both had a part in it; the output has every frame once."""
    make_talk(tmp_path / "talk.mp4", SECONDS, 320)
    make_speech(tmp_path / "line.wav", SECONDS)
    house.api()
    crew = [house.worker(), house.worker()]
    house.wait_for("/ready")
    with house.client(house.key()) as client:
        with (tmp_path / "talk.mp4").open("rb") as video, (tmp_path / "line.wav").open("rb") as audio:
            files = {"video": ("talk.mp4", video), "audio": ("line.wav", audio)}
            created = client.post("/v2/generate", data={"model": "lipsync-2"}, files=files)
        assert created.status_code == 201, created.text
        identity = created.json()["id"]
        doing = _until(lambda: _piece_renderers(house, crew), lambda found: len({parent for parent, _ in found}) == 2)
        assert doing, "both workers render pieces of the one job at the same time"
        victim = next(worker for worker in crew if worker.pid == doing[0][0])
        house.kill(victim)
        assert not _is_running(doing[0][1]), "the render process dies with its worker"
        ended = _until(lambda: _get(client, identity), lambda one: one["status"] not in ("PENDING", "PROCESSING"), 180)
        assert ended["status"] == "COMPLETED", f"{ended['error']}\n{house.logs()}"
        output = tmp_path / "output.mp4"
        output.write_bytes(httpx.get(ended["outputUrl"]).content)
    with av.open(str(output)) as container:
        times = sorted(packet.pts for packet in container.demux(video=0) if packet.pts is not None)
        frames = sum(1 for _ in _decoded(output))
    assert len(times) == len(set(times)) == frames == round(SECONDS * 25)


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def _get(client: httpx.Client, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v2/generate/{identity}").json()
    return found


def _piece_renderers(house: Installation, crew: list[subprocess.Popen[bytes]]) -> list[tuple[int, int]]:
    """Worker and id of each process that does a step; only pieces are done by two workers at once."""
    workers = {process.pid for process in crew}
    found = []
    for pid, command in house.running():
        if "jobs.child" in command:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent in workers:
                found.append((parent, pid))
    return found


def _is_running(pid: int) -> bool:
    """Whether a process exists and is not merely waiting to be noticed as ended."""
    time.sleep(0.3)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def _until(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while True:
        found = look()
        if good(found):
            return found
        assert time.monotonic() < until, f"not within {seconds} s: {found}"
        time.sleep(0.05)
