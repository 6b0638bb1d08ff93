"""Servers on this machine that stand for the rest of the world: a media host, a webhook receiver and a proxy."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

TYPES = {".mp4": "video/mp4", ".wav": "audio/wav", ".jpg": "image/jpeg", ".html": "text/html", ".flac": "audio/flac"}
SLOW_PIECES, SLOW_PAUSE = 10, 0.05


class Quiet(BaseHTTPRequestHandler):
    """A handler that does not write to the test's output."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        """The body of the request, chunked or not."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        """Send an answer; `_` in the name of a header is `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve `handler` on a free loopback port; gives the address without a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class MediaHost:
    """Serves the files of `folder` (`shared` too, where it is): `/NAME`, `/slow/NAME`, `/moved/NAME`; else 404."""

    folder: Path
    shared: Path | None = None
    address: str = ""

    def url(self, name: str) -> str:
        """The address of a file."""
        return f"{self.address}/{name}"

    def bytes(self, name: str) -> bytes:
        """What is in a file."""
        return (self.folder / name).read_bytes()

    def handler(self) -> type[Quiet]:
        """What answers for this host."""
        host = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                kind, _, name = self.path.lstrip("/").rpartition("/")
                path = host.find(name if kind in ("slow", "moved") else self.path.lstrip("/"))
                if path is None:
                    self.answer(404, b"Not found")
                elif kind == "moved":
                    self.answer(302, Location=f"/{name}")
                else:
                    self._send(path, slowly=kind == "slow")

            do_HEAD = do_GET  # noqa: N815

            def _send(self, path: Path, slowly: bool) -> None:
                content = path.read_bytes()
                kind = TYPES.get(path.suffix, "application/octet-stream")
                asked = self.headers.get("Range")
                if asked and asked.startswith("bytes=") and not slowly:
                    first, _, last = asked.removeprefix("bytes=").partition("-")
                    start = int(first) if first else max(0, len(content) - int(last))
                    stop = min(int(last) + 1, len(content)) if first and last else len(content)
                    span = f"bytes {start}-{stop - 1}/{len(content)}"
                    self.answer(206, content[start:stop], Content_Type=kind, Content_Range=span, Accept_Ranges="bytes")
                elif not slowly:
                    self.answer(200, content, Content_Type=kind, Accept_Ranges="bytes")
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    step = -(-len(content) // SLOW_PIECES)
                    for start in range(0, len(content) if self.command != "HEAD" else 0, step):
                        self.wfile.write(content[start : start + step])
                        time.sleep(SLOW_PAUSE)

        return Handler

    def find(self, name: str) -> Path | None:
        """The file of that name, if there is one."""
        folders = [self.folder] + ([self.shared] if self.shared else [])
        return next((folder / name for folder in folders if ".." not in name and (folder / name).is_file()), None)


@dataclass(frozen=True)
class Call:
    """One webhook that arrived: the bytes as sent, headers with names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Takes webhooks; `/broken/...` answers 500 the first time."""

    address: str = ""
    calls: list[Call] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def url(self, path: str) -> str:
        """An address to be called at."""
        return f"{self.address}/{path}"

    def at(self, path: str) -> list[Call]:
        """The calls to `path` so far, in order."""
        with self.arrived:
            return [call for call in self.calls if call.path == f"/{path}"]

    def wait(self, path: str, count: int = 1, seconds: float = 30) -> list[Call]:
        """The calls to `path` once there are `count`."""
        with self.arrived:
            there = self.arrived.wait_for(lambda: len(self.at(path)) >= count, seconds)
        assert there, f"{len(self.at(path))} of {count} webhooks came to {path} within {seconds} s"
        return self.at(path)

    def handler(self) -> type[Quiet]:
        """What answers for this receiver."""
        receiver = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = self.body()
                headers = {name.lower(): value for name, value in self.headers.items()}
                first = not receiver.at(self.path.lstrip("/"))
                with receiver.arrived:
                    receiver.calls.append(Call(self.path, headers, body, time.time()))
                    receiver.arrived.notify_all()
                self.answer(500 if first and self.path.startswith("/broken/") else 200, b"{}")

        return Handler


@dataclass(frozen=True)
class Passed:
    """What a proxy saw: the request line, and what the server answered."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes


Spoil = Callable[[Passed], tuple[int, bytes, dict[str, str]] | None]


@dataclass
class Proxy:
    """Forwards what comes under `prefix` to `target`, prefix taken off, as a web server in front would.

    `spoil`, if set, may put another answer in place of what the server said: the server has done its work by then, and
    the client does not know.
    """

    prefix: str = ""
    target: str = ""
    address: str = ""
    passed: list[Passed] = field(default_factory=list)
    spoil: Spoil | None = None

    def handler(self) -> type[Quiet]:
        """What answers for this proxy."""
        proxy = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                body = self.body()
                if not self.path.startswith(f"{proxy.prefix}/"):
                    self.answer(404, b"outside the prefix", Content_Type="text/plain")
                    return
                hop = ("host", "content-length", "transfer-encoding", "connection")
                headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
                headers["X-Forwarded-Host"] = self.headers["Host"]
                url = proxy.target + self.path.removeprefix(proxy.prefix)
                done = httpx.request(self.command, url, headers=headers, content=body, timeout=60)
                seen = Passed(self.command, self.path, done.status_code, dict(done.headers), done.content)
                proxy.passed.append(seen)
                spoilt = proxy.spoil(seen) if proxy.spoil else None
                status, content, extra = spoilt or (done.status_code, done.content, {})
                dropped = ("content-length", "transfer-encoding", "connection", "content-encoding", "date", "server")
                kept = {name: value for name, value in done.headers.items() if name.lower() not in dropped}
                self.answer(status, content, **{**kept, **extra})

            do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

        return Handler
