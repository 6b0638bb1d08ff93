"""Cancelling stops the rendering itself, soon, whether a generation is rendered in one go or in pieces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from benchmarks.service.installation import Installation
from benchmarks.service.material import make_speech, make_talk

SOON = 2.0
"""Seconds within which a cancelled rendering has to have ended."""

LENGTH = 12.0


@pytest.fixture(params=["in one go", "in pieces"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation that renders in one go, or in pieces of two seconds."""
    settings = {"LIPWRIGHT_PIECE_SECONDS": "2", "LIPWRIGHT_WORKER_SLOTS": "2"} if request.param == "in pieces" else {}
    installation = Installation(tmp_path / "data", settings)
    yield installation
    installation.stop()


def test_it_stops_within_two_seconds(house: Installation, tmp_path: Path) -> None:
    make_talk(tmp_path / "talk.mp4", LENGTH, 384)
    make_speech(tmp_path / "line.wav", LENGTH)
    house.api()
    house.worker()
    house.wait_for("/ready")
    with house.client(house.key()) as client:
        with (tmp_path / "talk.mp4").open("rb") as video, (tmp_path / "line.wav").open("rb") as audio:
            files = {"video": ("talk.mp4", video), "audio": ("line.wav", audio)}
            created = client.post("/v2/generate", data={"model": "lipsync-2"}, files=files).json()
        rendering(client, created["id"])
        probers = renderers(house, house.processes[0].pid)
        assert len(renderers(house)) > len(probers), "something renders"
        begun = time.monotonic()
        answer = client.post(f"/v2/generations/{created['id']}/cancel")
        assert (answer.status_code, answer.json()["errorCode"]) == (200, "generation_cancelled")
        while len(renderers(house)) > len(probers):
            assert time.monotonic() - begun < SOON, renderers(house)
            time.sleep(0.02)
        time.sleep(1.5)
        assert len(renderers(house)) <= len(probers), "nothing of it is begun again"
        assert client.get(f"/v2/generate/{created['id']}").json()["status"] == "FAILED"
    until = time.monotonic() + 10
    left = [tmp_path / "data" / "objects" / "work", *(tmp_path / "data" / "work").glob("*-*-*-*-*")]
    while any(path.exists() and any(file.is_file() for file in path.rglob("*")) for path in left):
        assert time.monotonic() < until, left
        time.sleep(0.1)


def rendering(client: httpx.Client, identity: str) -> None:
    """Wait until pictures are being drawn."""
    until = time.monotonic() + 120
    while True:
        told = client.get(f"/v2/generate/{identity}", params={"include": "progress"}).json()
        if told["progress"]["phase"] == "render" and told["progress"]["frames"]:
            return
        assert told["status"] in ("PENDING", "PROCESSING"), told
        assert time.monotonic() < until, told
        time.sleep(0.05)


def renderers(house: Installation, parent: int | None = None) -> list[int]:
    """The children that do steps (or look at media), those of one process only if that is named."""
    found = []
    for pid, command in house.running():
        if "jobs.child" in command:
            try:
                above = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent is None or above == parent:
                found.append(pid)
    return found
