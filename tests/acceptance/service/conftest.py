"""One real server, a media host and a webhook receiver for all tests of the service, and the work they share."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sync.common import BatchResponse
from tests.acceptance.service.batches import lines
from tests.acceptance.service.guide import RENDERED, Sample
from tests.acceptance.service.loopback import MediaHost, Proxy, Receiver, serving
from tests.acceptance.service.material import make_material
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import RUNNING, Service, start_service

NODE_FOLDER = Path(__file__).parent / "node"
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED", "E403")
PREFIX = "/lipsync"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the servers' logs with a failure."""
    report = yield
    if report.failed:
        for service in RUNNING:
            report.sections.append((f"log of the server at {service.url}", service.tail()))
    return report


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the media."""
    folder = tmp_path_factory.mktemp("media")
    make_material(folder)
    return folder


@pytest.fixture(scope="session")
def media(material: Path) -> Iterator[MediaHost]:
    """The media host. It also serves the real clips where they are."""
    clips = Path(__file__).resolve().parents[4] / "shared" / "clips"
    host = MediaHost(material, clips if clips.is_dir() else None)
    with serving(host.handler()) as host.address:
        yield host


@pytest.fixture(scope="session")
def webhooks() -> Iterator[Receiver]:
    """The webhook receiver."""
    receiver = Receiver()
    with serving(receiver.handler()) as receiver.address:
        yield receiver


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The server."""
    running = start_service(tmp_path_factory.mktemp("service"), free_port())
    yield running
    running.stop()


@dataclass(frozen=True)
class Behind:
    """A server that lets one generation run at a time, and the proxy in front of it under a path prefix.

    `url` and the client of `service` go through the proxy, as all clients of such an installation do.
    """

    service: Service
    proxy: Proxy

    @property
    def url(self) -> str:
        """The address clients use."""
        return self.service.url


@pytest.fixture(scope="session")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """A narrow server behind a proxy."""
    proxy = Proxy(PREFIX)
    with serving(proxy.handler()) as proxy.address:
        public = proxy.address + PREFIX
        narrow = {
            "LIPWRIGHT_PUBLIC_URL": public,
            "LIPWRIGHT_ROOT_PATH": PREFIX,
            "LIPWRIGHT_CONCURRENCY_PER_KEY": "1",
            "LIPWRIGHT_RATE_GENERATE": "20/minute",
        }
        running = start_service(tmp_path_factory.mktemp("narrow"), free_port(), **narrow)
        proxy.target = running.url
        running.http.close()
        running.url = public
        running.http = running.client(running.key)
        yield Behind(running, proxy)
        running.stop()


@pytest.fixture(params=["Sync", "AsyncSync"])
def sdk(request: pytest.FixtureRequest, service: Service) -> Sdk:
    """The official Python SDK, unmodified, with both of its clients in turn."""
    return Sdk(service.url, service.key, request.param)


@pytest.fixture
def python(service: Service) -> Sdk:
    """The official Python SDK's synchronous client, for what both clients send alike."""
    return Sdk(service.url, service.key, "Sync")


Node = Callable[..., Any]


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs `node/NAME.mjs` with the official TypeScript SDK, unmodified: `node(name, url, key, **given)`.

    The SDK is installed from its lock file once per machine. A script gets `given` and prints JSON, which is returned.
    """
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("node and npm are not installed")
    modules = _installed(npm)

    def run(name: str, url: str = "", key: str = "", **given: Any) -> Any:
        environment = {**os.environ, "SDK": str(modules), "BASE_URL": url, "API_KEY": key, "GIVEN": json.dumps(given)}
        done = subprocess.run(
            [program, str(NODE_FOLDER / f"{name}.mjs")], env=environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def _installed(npm: str) -> Path:
    """A folder with the locked packages, which outlives the test run."""
    files = [NODE_FOLDER / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    kept = Path(tempfile.gettempdir()) / f"lipwright-node-{digest}"
    if kept.is_dir():
        return kept
    fresh = Path(tempfile.mkdtemp(prefix="lipwright-node-"))
    for file in files:
        shutil.copy(file, fresh)
    command = [npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        shutil.rmtree(fresh)
        if any(code in done.stderr for code in NO_NETWORK):
            pytest.skip("the TypeScript SDK is not installed and npm cannot reach its registry")
        pytest.fail(f"npm ci: {done.stderr[-2000:]}")
    try:
        fresh.rename(kept)
    except OSError:  # another run was faster
        shutil.rmtree(fresh)
    return kept


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def plain(media: MediaHost) -> dict[str, Any]:
    """The body of a plain request: a video says one line."""
    return {
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": media.url("talk.mp4")},
            {"type": "audio", "url": media.url("line.wav")},
        ],
    }


@pytest.fixture(scope="session")
def lengthy(media: MediaHost) -> dict[str, Any]:
    """The body of a request that runs long enough to be looked at while it does."""
    return {
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": media.url("long.mp4")},
            {"type": "audio", "url": media.url("speech.wav")},
        ],
    }


@pytest.fixture(scope="session")
def done(service: Service, plain: dict[str, Any], webhooks: Receiver) -> dict[str, Any]:
    """A finished generation, for all tests that only look at one; its webhook goes to `done`."""
    body = {**plain, "webhookUrl": webhooks.url("done"), "outputFileName": "my take_1"}
    created = service.create({**body, "options": {"sync_mode": "cut_off", "temperature": 0.7}})
    return service.finished(created["id"])


@pytest.fixture(scope="session")
def rendered(service: Service, media: MediaHost) -> dict[str, dict[str, Any]]:
    """Samples of the guide, rendered to the end, by name."""
    created = {sample.name: _create(service, sample, media) for sample in RENDERED}
    return {name: service.finished(id) for name, id in created.items()}


def _create(service: Service, sample: Sample, media: MediaHost) -> str:
    return str(service.create(sample.body(media.url))["id"])


@pytest.fixture(scope="session")
def secret(service: Service) -> str:
    """What the organisation's webhooks are signed with."""
    answer = service.http.get("/v2/organizations/webhook/secret")
    assert answer.status_code == 200, answer.text
    found = str(answer.json()["secret"])
    assert found.startswith("whsec_")
    return found


@pytest.fixture(scope="session")
def rows(media: MediaHost) -> bytes:
    """One generation that can be done without moving any lips, and nineteen whose video is not there."""
    audio = {"type": "audio", "url": media.url("short.wav"), "refId": "a"}
    still = [{"startTime": 1, "endTime": 1, "audioInput": {"refId": "a"}}]
    good = {"model": "lipsync-2", "input": [{"type": "video", "url": media.url("talk.mp4")}, audio], "segments": still}
    wrong = {"model": "lipsync-2", "input": [{"type": "video", "url": media.url("missing.mp4")}, audio]}
    return lines(good, wrong)


@pytest.fixture(scope="session")
def batch(service: Service, rows: bytes, webhooks: Receiver) -> tuple[BatchResponse, BatchResponse]:
    """A batch as it was taken and as it is when done, as the SDK sees it; its webhook goes to `batch`."""
    sdk = Sdk(service.url, service.key, "Sync")
    created = sdk(lambda client: client.batch.create(input=rows, webhook_url=webhooks.url("batch")))
    until = time.monotonic() + 120
    while (found := sdk(lambda client: client.batch.get(created.id))).status not in ("COMPLETED", "FAILED"):
        assert time.monotonic() < until, found
        time.sleep(0.3)
    return created, found
