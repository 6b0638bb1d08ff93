"""A full disk and too little memory end a job with a code that says so, and never the service."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.service.installation import Installation
from benchmarks.service.material import make_speech, make_talk
from tests.acceptance.service.server import TERMINAL


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a talking head and speech of two seconds."""
    folder = tmp_path_factory.mktemp("media")
    make_talk(folder / "talk.mp4", 2.0, 512)
    make_speech(folder / "line.wav", 2.0)
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def ordered(client: httpx.Client, media: Path) -> dict[str, Any]:
    """A generation, once it has ended."""
    with (media / "talk.mp4").open("rb") as video, (media / "line.wav").open("rb") as audio:
        files = {"video": ("talk.mp4", video), "audio": ("line.wav", audio)}
        created = client.post("/v2/generate", data={"model": "lipsync-2"}, files=files)
    assert created.status_code == 201, created.text

    deadline = time.monotonic() + 180
    while True:
        found: dict[str, Any] = client.get(f"/v2/generate/{created.json()['id']}").json()
        if found["status"] in TERMINAL:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_full_disk(small_disk: Path, media: Path, tmp_path: Path) -> None:
    house = Installation(tmp_path / "data", {"LIPWRIGHT_CHILD_THREADS": "2"})
    work = tmp_path / "data" / "work"
    work.parent.mkdir()
    work.symlink_to(small_disk)
    try:
        house.api()
        house.worker()
        house.wait_for("/ready")
        with house.client(house.key()) as client:
            filler = small_disk / "filler"
            assert ordered(client, media)["status"] == "COMPLETED", house.logs()
            filler.write_bytes(b"x" * (small_disk_free(small_disk) - (400 << 10)))
            failed = ordered(client, media)
            assert failed["status"] == "FAILED", failed
            assert failed["errorCode"] == "generation_infra_storage_error", (failed["error"], house.logs())
            assert client.get("/health").status_code == client.get("/ready").status_code == 200
            filler.unlink()
            assert ordered(client, media)["status"] == "COMPLETED", house.logs()
    finally:
        house.stop()


def test_too_little_memory(media: Path, tmp_path: Path) -> None:
    house = Installation(tmp_path / "data", {"LIPWRIGHT_CHILD_MEMORY": str(256 << 20)})
    try:
        house.api()
        house.worker()
        house.wait_for("/ready")
        with house.client(house.key()) as client:
            failed = ordered(client, media)
            assert failed["status"] == "FAILED", failed
            assert failed["errorCode"] == "generation_infra_resource_exhausted", failed
            assert "256 MB" in failed["error"]
            assert client.get("/ready").status_code == 200
    finally:
        house.stop()


def small_disk_free(folder: Path) -> int:
    """Bytes that are free there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
