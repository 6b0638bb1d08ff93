"""Texts of the cloud service: spoken in a child that reaches it and nothing else, played back in one that does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.service.material import make_talk

from lipwright.service.jobs.children import ChildLimits, StageFailure, environment, run_stage

pytestmark = pytest.mark.anyio

LIMITS = ChildLimits(memory=2 << 30, threads=1, nice=0, seconds=60)
SECONDS = 1.0
TONE = (8000 * np.sin(np.arange(round(24_000 * SECONDS)) / 9)).astype("<i2").tobytes()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A stand-in for the cloud service, and the keys it was called with."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Say a tone."""
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            keys.append(self.headers.get("xi-api-key", ""))
            self.send_response(200)
            self.send_header("Content-Type", "audio/pcm")
            self.send_header("Content-Length", str(len(TONE)))
            self.end_headers()
            self.wfile.write(TONE)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk_secret")
    monkeypatch.setenv("LIPWRIGHT_ELEVENLABS_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield keys
    server.shutdown()
    server.server_close()


def order(folder: Path) -> dict[str, Any]:
    """The task of a short generation with a text for the cloud service."""
    provider = {"name": "elevenlabs", "voiceId": "EXAVITQu4vr4xnSDxMaL", "script": "Hello.", "stability": 0.3}
    inputs = [{"type": "video", "url": str(folder / "talk.mp4")}, {"type": "text", "provider": provider}]
    return {
        "request": {"model": "lipsync-2", "input": inputs},
        "folder": str(folder / "prepared"),
        "spoken": str(folder / "spoken"),
        "output": str(folder / "output.mp4"),
        "piece_seconds": 60,
        "quality": "draft",
    }


async def test_what_was_spoken_is_played_back(cloud: list[str], tmp_path: Path) -> None:
    make_talk(tmp_path / "talk.mp4", 1.0)
    task = order(tmp_path)
    await run_stage("speak", task, LIMITS, network=True)
    assert cloud == ["sk_secret"]
    done = await run_stage("prepare", task, LIMITS)
    assert cloud == ["sk_secret"], "the child that renders does not ask again"
    report = json.loads(Path(done["report"]).read_text())
    assert report["speech"][0]["seconds"] == pytest.approx(SECONDS, abs=0.01)
    assert "EXAVITQu4vr4xnSDxMaL" in report["speech"][0]["voice"]
    assert not any("ElevenLabs" in warning for warning in report["warnings"])


async def test_nothing_is_spoken_by_a_child_that_renders(cloud: list[str], tmp_path: Path) -> None:
    make_talk(tmp_path / "talk.mp4", 1.0)
    with pytest.raises(StageFailure) as caught:
        await run_stage("prepare", order(tmp_path), LIMITS)
    assert caught.value.code == "elevenlabs_service_unavailable"
    assert cloud == []


def test_a_child_is_not_told_the_services_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "LIPWRIGHT_DATABASE_URL": "postgresql://user:password@host/db",
        "LIPWRIGHT_SIGNING_SECRET": "x",
        "LIPWRIGHT_OBJECTS_OPTIONS": "{}",
        "AWS_SECRET_ACCESS_KEY": "x",
        "ELEVENLABS_API_KEY": "x",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIPWRIGHT_MODEL_DIR", "models")
    told = environment(LIMITS)
    assert not set(told) & set(secrets)
    assert told["LIPWRIGHT_MODEL_DIR"] == "models"
    assert set(environment(LIMITS, network=True)) & set(secrets) == {"ELEVENLABS_API_KEY"}
