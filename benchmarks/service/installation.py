"""An installation of several processes that can be killed: API and workers started apart, as an operator would.

Every process gets a mark in its environment, by which those that outlive what started them are found.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SOURCES = Path(__file__).resolve().parents[2] / "src"
MARK = "LIPWRIGHT_TEST_MARK"

SETTINGS = {
    "LIPWRIGHT_FETCH_ALLOW": "127.0.0.0/8",
    "LIPWRIGHT_RATE_GENERATE": "100000/minute",
    "LIPWRIGHT_RATE_OTHER": "100000/minute",
    "LIPWRIGHT_CONCURRENCY_PER_KEY": "1000",
    "LIPWRIGHT_HEARTBEAT_SECONDS": "1",
    "LIPWRIGHT_DEAD_AFTER_SECONDS": "5",
    "LIPWRIGHT_POLL_SECONDS": "0.2",
    "LIPWRIGHT_WEBHOOK_FIRST_RETRY": "0.5",
    "LIPWRIGHT_WORKER_SLOTS": "1",
    "LIPWRIGHT_CHILD_THREADS": "1",
    "LIPWRIGHT_QUALITY": "draft",
}


@dataclass
class Installation:
    """Processes over one data folder; `settings` are laid over `SETTINGS`."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_port())
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the processes are started with."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIPWRIGHT_", "ELEVENLABS"))}
        models = {n: v for n, v in os.environ.items() if n in ("LIPWRIGHT_MODEL_DIR", "LIPWRIGHT_CACHE_DIR")}
        own = {"LIPWRIGHT_DATA_DIR": str(self.data), MARK: self.mark, "PYTHONPATH": str(SOURCES)}
        return {**kept, **models, **SETTINGS, **self.settings, **own}

    def api(self) -> subprocess.Popen[bytes]:
        """Start the API without a worker, and wait until it answers."""
        process = self.start("serve", "--no-worker", "--port", str(self.port))
        self.wait_for("/health", process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        return self.start("worker")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `lipwright ARGUMENTS`."""
        self.data.mkdir(parents=True, exist_ok=True)
        log = self.data.parent / f"{self.data.name}-{arguments[0]}-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "lipwright", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def key(self) -> str:
        """A new API key."""
        command = [sys.executable, "-m", "lipwright", "keys", "create"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip().splitlines()[-1]

    def client(self, key: str) -> httpx.Client:
        """An HTTP client with a key."""
        return httpx.Client(base_url=self.url, headers={"x-api-key": key}, timeout=30)

    def wait_for(self, path: str, process: subprocess.Popen[bytes] | None = None, seconds: float = 60) -> None:
        """Wait until the API answers 200 at `path`."""
        until = time.monotonic() + seconds
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(self.url + path, timeout=5).status_code == 200:
                    return
            if process is not None and process.poll() is not None:
                raise RuntimeError(f"the process ended with {process.returncode}:\n{self.logs()}")
            if time.monotonic() > until:
                raise RuntimeError(f"{path} does not answer:\n{self.logs()}")
            time.sleep(0.1)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9."""
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End everything, gently first."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def running(self) -> list[tuple[int, str]]:
        """Processes of this installation that exist, children of children included: id and command line."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                    if command:  # a process that has ended and waits to be noticed has none
                        found.append((int(folder.name), command))
        return found

    def logs(self, lines: int = 40) -> str:
        """The ends of the logs."""
        parts = []
        for log in sorted(self.data.parent.glob(f"{self.data.name}-*.log")):
            parts += [f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-lines:]]
        return "\n".join(parts)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plain_body(video: str, audio: str, **more: Any) -> dict[str, Any]:
    """The body of a plain generation of two assets."""
    inputs = [{"type": "video", "assetId": video}, {"type": "audio", "assetId": audio}]
    return {"model": "lipsync-2", "input": inputs, **more}
