"""A real server process, as an operator starts it, and a client that knows only HTTP."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.acceptance.conftest import SOURCES

TERMINAL = ("COMPLETED", "FAILED", "REJECTED")
START_SECONDS, JOB_SECONDS = 60.0, 120.0

UNLIMITED = {
    "LIPWRIGHT_FETCH_ALLOW": "127.0.0.0/8",
    "LIPWRIGHT_CONCURRENCY_PER_KEY": "1000",
    "LIPWRIGHT_RATE_GENERATE": "100000/minute",
    "LIPWRIGHT_RATE_OTHER": "100000/minute",
    "LIPWRIGHT_QUALITY": "draft",
    "LIPWRIGHT_POLL_SECONDS": "0.1",
    "LIPWRIGHT_WEBHOOK_FIRST_RETRY": "0.5",
}
"""Settings under which a test run is never in its own way, and fast."""

RUNNING: list[Service] = []
"""The servers of this run, for their logs."""


@dataclass
class Service:
    """A running server at `url`, with a key for it."""

    url: str
    key: str
    data: Path
    log: Path
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes]
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.client(self.key)

    def client(self, key: str | None) -> httpx.Client:
        """An HTTP client for this server, with a key or without; the caller closes it."""
        headers = {"x-api-key": key} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, follow_redirects=False)

    def post(self, body: object, **headers: str) -> httpx.Response:
        """POST /v2/generate; `_` in the name of a header is `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/v2/generate", json=body, headers=named)

    def create(self, body: object, **headers: str) -> dict[str, Any]:
        """A generation that the server took."""
        answer = self.post(body, **headers)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def accepted(self, body: object) -> dict[str, Any]:
        """The answer to a request that is valid; the generation is stopped at once, which saves its rendering."""
        created = self.create(body)
        self.cancel(created["id"])
        return created

    def get(self, id: str, **query: str) -> dict[str, Any]:
        """A generation as it is now."""
        answer = self.http.get(f"/v2/generate/{id}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def cancel(self, id: str) -> httpx.Response:
        """Stop a generation."""
        return self.http.post(f"/v2/generations/{id}/cancel")

    def ended(self, id: str, seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """The generation once it is in a state that it stays in."""
        until = time.monotonic() + seconds
        while (found := self.get(id))["status"] not in TERMINAL:
            assert time.monotonic() < until, f"still {found['status']} after {seconds} s"
            time.sleep(0.15)
        return found

    def finished(self, id: str, seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """The generation once it is done."""
        found = self.ended(id, seconds)
        assert found["status"] == "COMPLETED", found
        return found

    def outcome(self, body: object) -> str | None:
        """The code with which a request fails, at once or later; None if it succeeds.

        The contract leaves open which faults of media are told when.
        """
        answer = self.post(body)
        if answer.status_code != 201:
            assert 400 <= answer.status_code < 500, answer.text
            return str(answer.json()["errorCode"])
        ended = self.ended(answer.json()["id"])
        return None if ended["status"] == "COMPLETED" else str(ended["errorCode"])

    def new_key(self) -> str:
        """One more key, as an operator makes it while the server runs."""
        return create_key(self.data, self.settings)

    def tail(self, lines: int = 25) -> str:
        """The end of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End the server as an operator does, and for good if it does not listen."""
        self.http.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def start_service(folder: Path, port: int, **settings: str) -> Service:
    """Start a server with its data in `folder` and wait until it takes work."""
    folder.mkdir(parents=True, exist_ok=True)
    data, log = folder / "data", folder / "server.log"
    environment = {**environment_of(settings), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "lipwright", "serve", "--port", str(port), "--data-dir", str(data)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, preexec_fn=_die_with_us
        )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{base}/health", process, log)
        _wait_for(f"{base}/ready", process, log)
        service = Service(base, create_key(data, settings), data, log, settings, process)
    except BaseException:
        process.kill()
        process.wait(10)
        raise
    RUNNING.append(service)
    return service


def create_key(data: Path, settings: Mapping[str, str]) -> str:
    """`lipwright keys create`, which prints the key alone on its last line."""
    command = [sys.executable, "-m", "lipwright", "keys", "create", "--data-dir", str(data)]
    done = subprocess.run(command, env=environment_of(settings), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1].strip()


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with the service's settings, and none that somebody happens to have set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ELEVENLABS", "SYNC_"))}
    models = {name: value for name, value in kept.items() if name in ("LIPWRIGHT_MODEL_DIR", "LIPWRIGHT_CACHE_DIR")}
    others = {name: value for name, value in kept.items() if not name.startswith("LIPWRIGHT_")}
    path = os.pathsep.join(filter(None, [str(SOURCES), os.environ.get("PYTHONPATH", "")]))
    return {**others, **models, **UNLIMITED, **settings, "PYTHONPATH": path}


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text(errors='replace')}")
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > until:
            raise AssertionError(f"{url} does not answer 200:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)


def _die_with_us() -> None:
    """In the new process: ask the kernel to end it when the test run is killed (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
