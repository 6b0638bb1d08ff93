"""The demonstration over HTTP: a service is started, asked as a client would ask it, and stopped again.

What is asked is like what `lipwright demo` makes without it: two ranges of one video, a recording and a text. The
client is plain HTTP on purpose: docs/quickstart-api.md has the same with the official SDK.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from lipwright.errors import LipwrightError
from lipwright.media.atomic import PendingFile
from lipwright.progress import Progress

OUTPUT, DATA = "api.mp4", "service"

SEGMENTS = [
    {"startTime": 0.5, "endTime": 4.5, "audioInput": {"refId": "recorded", "startTime": 0, "endTime": 4}},
    {"startTime": 6, "endTime": 9, "audioInput": {"refId": "written"}},
]
OPTIONS = {"preserve_timing": True, "background": 0.5}
WORDS = "And these words came by the API."


def demonstrate(folder: Path, source: Path, speech: Path, progress: Progress, say: Callable[[str], None]) -> Path:
    """Have a service make `folder`/api.mp4 of the video `source` and the recording `speech`; that file.

    Raises:
        LipwrightError: the service does not start, or refuses.
    """
    with _service(folder / DATA, progress) as (url, key):
        say(f"service:       {url}")
        with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=60) as client:
            return _asked(client, folder / OUTPUT, source, speech, progress)


def _asked(client: httpx.Client, output: Path, source: Path, speech: Path, progress: Progress) -> Path:
    placeholders = [
        {"type": "video"},
        {"type": "audio", "refId": "recorded"},
        {
            "type": "text",
            "refId": "written",
            "provider": {"name": "local", "voiceId": "heart", "script": WORDS},
        },
    ]
    fields = {
        "model": "lipsync-2",
        "input": json.dumps(placeholders),
        "segments": json.dumps(SEGMENTS),
        "options": json.dumps(OPTIONS),
    }
    with source.open("rb") as video, speech.open("rb") as audio:
        files = {"video": (source.name, video), "audio": (speech.name, audio)}
        job = _ok(client.post("/v2/generate", data=fields, files=files))
    while job["status"] in ("PENDING", "PROCESSING"):
        time.sleep(0.3)
        job = _ok(client.get(f"/v2/generate/{job['id']}", params={"include": "progress"}))
        told = job.get("progress") or {}
        progress.advance("job over HTTP", int(told.get("percent") or 0), 100, "percent")
    if job["status"] != "COMPLETED":
        raise LipwrightError(f"The service says: {job['error']}")
    with PendingFile(output) as file:
        with client.stream("GET", str(job["outputUrl"])) as answer:
            for block in answer.iter_bytes(1 << 20):
                file.write(block)
        file.commit()
    return output


def _ok(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise LipwrightError(f"The service answered {answer.status_code}: {answer.text}")
    told: dict[str, Any] = answer.json()
    return told


@contextmanager
def _service(data: Path, progress: Progress) -> Iterator[tuple[str, str]]:
    """A running service and a key for it."""
    port = _free_port()
    command = [sys.executable, "-m", "lipwright"]
    environment = {**os.environ, "LIPWRIGHT_DATA_DIR": str(data.absolute()), "LIPWRIGHT_LOG_LEVEL": "warning"}
    made = subprocess.run([*command, "keys", "create"], env=environment, capture_output=True, text=True, check=False)
    if made.returncode:
        raise LipwrightError(f"The service cannot be set up: {made.stderr.strip()}")
    key = made.stdout.strip().splitlines()[-1]
    with (data / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "serve", "--port", str(port)], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            progress.check()
            if process.poll() is not None:
                raise LipwrightError(f"The service does not start; {data / 'demo.log'} says why.")
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/ready", timeout=5).status_code == 200:
                    break
            time.sleep(0.2)
        yield url, key
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
