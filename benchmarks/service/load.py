"""How the API answers while a render has the machine: latencies of polling and creating, and what waiting costs.

    python -m benchmarks.service.load [--clients 50] [--seconds 30] [--database sqlite|postgres]

Four things are measured, on one installation: (1) the processor time of an idle installation; (2) from creating a
generation to its start, with nothing before it in the queue; (3) with one render running, `--clients` clients that poll
once a second and one that creates twice a second; (4) the same without pauses, for the requests a second it comes to.
The clients run on the same cores as the service, so the figures are on the high side; they speak plain HTTP over a
socket, because a full client takes more of a core for a call than the service does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from benchmarks.service.installation import Installation, plain_body
from benchmarks.service.material import make_speech, make_talk, upload

RESULTS = Path(__file__).resolve().parents[1] / "results" / "service-load.json"
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def cpu_seconds(house: Installation) -> dict[str, float]:
    """Processor time used so far, by what a process does."""
    used: dict[str, float] = {}
    for pid, command in house.running():
        kind = next((word for word in ("jobs.child", "serve", "worker") if word in command), "other")
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        used[kind] = used.get(kind, 0.0) + (int(fields[11]) + int(fields[12])) / _TICK
    return used


def idle(house: Installation, seconds: float) -> dict[str, float]:
    """Percent of one core that an installation uses while it has nothing to do."""
    time.sleep(3)
    before = cpu_seconds(house)
    time.sleep(seconds)
    after = cpu_seconds(house)
    return {kind: round(100 * (after[kind] - before.get(kind, 0.0)) / seconds, 2) for kind in after}


def starts(client: httpx.Client, body: dict[str, Any], count: int) -> dict[str, float]:
    """Milliseconds from creating a generation to its start, one at a time."""
    waits = []
    for _ in range(count):
        identity = client.post("/v2/generate", json=body).json()["id"]
        begun = time.monotonic()
        while client.get(f"/v2/generate/{identity}").json()["startedAt"] is None:
            time.sleep(0.01)
        waits.append(1000 * (time.monotonic() - begun))
        client.post(f"/v2/generations/{identity}/cancel")
        time.sleep(1.5)
    return {"count": count, "median_ms": round(median(waits), 1), "max_ms": round(max(waits), 1)}


class Connection:
    """One kept-alive connection: just enough of HTTP to call the API."""

    def __init__(self, house: Installation, key: str) -> None:
        self._port, self._key = house.port, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """The status and the decoded body of an answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        content = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {self._key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = next(int(line[15:]) for line in lines if line.lower().startswith("content-length:"))
        return int(lines[0].split()[1]), json.loads(await reader.readexactly(length))

    def close(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()


async def load(
    house: Installation, key: str, poll: str, body: dict[str, Any], clients: int, seconds: float, pause: float
) -> dict[str, Any]:
    """Poll with many clients and create with one, for some seconds."""
    until = time.monotonic() + seconds
    took: dict[str, list[float]] = {"poll": [], "create": []}
    wrong: dict[int, int] = {}
    created: list[str] = []
    connections = [Connection(house, key) for _ in range(clients + 1)]

    async def timed(kind: str, client: Connection, *call: Any) -> tuple[int, Any]:
        begun = time.perf_counter()
        status, told = await client.call(*call)
        took[kind].append(1000 * (time.perf_counter() - begun))
        if status >= 400:
            wrong[status] = wrong.get(status, 0) + 1
        return status, told

    async def polling(number: int) -> None:
        await asyncio.sleep(pause * number / clients)
        while time.monotonic() < until:
            await timed("poll", connections[number], "GET", f"/v2/generate/{poll}?include=progress")
            await asyncio.sleep(pause)

    async def creating() -> None:
        while time.monotonic() < until:
            status, told = await timed("create", connections[-1], "POST", "/v2/generate", body)
            if status == 201:
                created.append(told["id"])
            await asyncio.sleep(0.5)

    await asyncio.gather(creating(), *(polling(number) for number in range(clients)))
    _, found = await connections[0].call("GET", f"/v2/generate/{poll}")
    for identity in created:
        await connections[0].call("POST", f"/v2/generations/{identity}/cancel")
    for connection in connections:
        connection.close()
    figures = {kind: percentiles(values) for kind, values in took.items()}
    total = sum(len(values) for values in took.values())
    return {
        **figures,
        "requests_per_second": round(total / seconds, 1),
        "errors": wrong,
        "render_after": found["status"],
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """Count and milliseconds of the median, the 95th and 99th percentile and the slowest."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {"count": len(ordered), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": round(ordered[-1], 1)}


def measure(house: Installation, folder: Path, clients: int, seconds: float) -> dict[str, Any]:
    """All four, on a fresh installation."""
    make_talk(folder / "long.mp4", 120, 640)
    make_speech(folder / "long.wav", 120)
    make_talk(folder / "short.mp4", 1, 256)
    make_speech(folder / "short.wav", 1)
    house.api()
    house.worker()
    house.wait_for("/ready")
    key = house.key()
    with house.client(key) as client:
        names = {kind: [upload(client, folder / f"{n}.{ext}", kind) for n in ("long", "short")]
                 for kind, ext in (("VIDEO", "mp4"), ("AUDIO", "wav"))}  # fmt: skip
        slow, quick = (plain_body(names["VIDEO"][i], names["AUDIO"][i]) for i in (0, 1))
        result: dict[str, Any] = {"idle_percent_of_a_core": idle(house, 20)}
        result["enqueue_to_start"] = starts(client, quick, 10)
        render = client.post("/v2/generate", json=slow).json()["id"]
        while (client.get(f"/v2/generate/{render}", params={"include": "progress"}).json()["progress"]["percent"]) < 10:
            time.sleep(0.2)
        for name, pause in (("polling_once_a_second", 1.0), ("polling_without_pause", 0.0)):
            result[name] = asyncio.run(load(house, key, render, quick, clients, seconds, pause))
        client.post(f"/v2/generations/{render}/cancel")
    return result


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lipwright-load-")))
        settings = {
            "LIPWRIGHT_HEARTBEAT_SECONDS": "5",
            "LIPWRIGHT_DEAD_AFTER_SECONDS": "30",
            "LIPWRIGHT_POLL_SECONDS": "0.5",
            "LIPWRIGHT_CHILD_THREADS": str(os.cpu_count() or 1),
        }
        if arguments.database == "postgres":
            from tests.servers import postgres

            settings["LIPWRIGHT_DATABASE_URL"] = stack.enter_context(postgres.running()).database()
        house = Installation(folder / "data", settings)
        stack.callback(house.stop)
        figures = measure(house, folder, arguments.clients, arguments.seconds)
    told = {
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()},
        "database": arguments.database,
        **figures,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(told, indent=2))
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
