"""The route behind our own links, as browsers, players and attackers meet it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from lipwright.service.api import errors
from lipwright.service.api.files import router
from lipwright.service.config import ServiceConfig
from lipwright.service.storage.links import Links
from lipwright.service.storage.objects import Objects
from lipwright.service.storage.opening import open_objects

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
TEN = b"0123456789"


@dataclass(frozen=True)
class Site:
    """The route over a store, without a network."""

    objects: Objects
    links: Links
    app: FastAPI

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://lips.test")

    async def ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
    ) -> httpx.Response:
        async with self.client() as client:
            return await client.request(method, url, headers=headers, content=content)


@pytest.fixture(params=["folder", "memory"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    objects = open_objects((tmp_path / "objects").as_uri() if request.param == "folder" else "memory:///")
    links = Links(objects, b"s" * 32, "http://lips.test")
    app = FastAPI()
    app.include_router(router)
    errors.install(app)
    app.state.objects, app.state.links, app.state.config = objects, links, ServiceConfig(data_dir=tmp_path)
    app.state.awaited = lambda key: True
    return Site(objects, links, app)


async def test_a_whole_file(site: Site) -> None:
    await site.objects.put_bytes("jobs/7/out.mp4", TEN)
    url = site.links.download("jobs/7/out.mp4", HOUR, "Grüße.mp4")
    for method, body in (("GET", TEN), ("HEAD", b"")):
        answer = await site.ask(method, url)
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers["content-length"] == "10"
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].endswith("filename*=UTF-8''Gr%C3%BC%C3%9Fe.mp4")
        assert re.fullmatch(r"private, max-age=3[56]\d\d", answer.headers["cache-control"])


async def test_an_empty_file(site: Site) -> None:
    await site.objects.put_bytes("a.mp4", b"")
    answer = await site.ask("GET", site.links.download("a.mp4", HOUR))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("asked", "status", "body", "said"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, TEN, None),
        ("nonsense", 200, TEN, None),
        ("bytes=10-", 416, None, "bytes */10"),
    ],
)
async def test_a_part_of_a_file(site: Site, asked: str, status: int, body: bytes | None, said: str | None) -> None:
    await site.objects.put_bytes("a.mp4", TEN)
    url = site.links.download("a.mp4", HOUR)
    answer = await site.ask("GET", url, {"Range": asked})
    assert (answer.status_code, answer.headers.get("content-range")) == (status, said)
    if body is not None:
        assert answer.content == body
        assert answer.headers["content-length"] == str(len(body))
    head = await site.ask("HEAD", url, {"Range": asked})
    assert (head.status_code, head.headers["content-length"]) == (200, "10")


async def test_a_version_that_the_client_has_is_not_sent_again(site: Site) -> None:
    await site.objects.put_bytes("a.mp4", TEN)
    url = site.links.download("a.mp4", HOUR)
    first = await site.ask("GET", url)
    etag = first.headers["etag"]
    for method in ("GET", "HEAD"):
        again = await site.ask(method, url, {"If-None-Match": etag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await site.ask("GET", url, {"If-Modified-Since": first.headers["last-modified"]})).status_code == 304
    assert (await site.ask("GET", url, {"Range": "bytes=0-3", "If-Range": etag})).status_code == 206
    await site.objects.put_bytes("a.mp4", b"another")
    assert (await site.ask("GET", url, {"If-None-Match": etag})).content == b"another"
    assert (await site.ask("GET", url, {"Range": "bytes=0-3", "If-Range": etag})).content == b"another"


@pytest.mark.parametrize(
    ("key", "content_type", "kind", "shown"),
    [
        ("a.mp4", None, "video/mp4", True),
        ("a.bin", "audio/wav", "audio/wav", True),
        ("a.html", None, "text/html", False),
        ("a.svg", None, "image/svg+xml", False),
        ("a", None, "application/octet-stream", False),
        ("a.mp4", "text/html\r\nSet-Cookie: a=b", "application/octet-stream", False),
    ],
)
async def test_only_media_are_shown_by_a_browser(
    site: Site, key: str, content_type: str | None, kind: str, shown: bool
) -> None:
    await site.objects.put_bytes(key, TEN)
    answer = await site.ask("GET", site.links.download(key, HOUR, content_type=content_type))
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")


async def test_a_link_that_allows_nothing_is_forbidden(site: Site) -> None:
    await site.objects.put_bytes("a.mp4", TEN)
    good, upload = site.links.download("a.mp4", HOUR), site.links.upload("a.mp4", "video/mp4", 100, HOUR)
    for method, url in [
        ("GET", site.links.reference("a.mp4")),
        ("GET", good + "0"),
        ("GET", good.replace("a.mp4", "b.mp4")),
        ("GET", site.links.download("a.mp4", timedelta(seconds=-1))),
        ("GET", upload),
        ("PUT", good),
        ("PUT", site.links.upload("a.mp4", "video/mp4", 100, timedelta(0))),
    ]:
        answer = await site.ask(method, url, {"Content-Type": "video/mp4"}, b"x" if method == "PUT" else None)
        body = answer.json()
        assert isinstance(body.pop("message"), str)
        assert isinstance(body.pop("suggestion"), str)
        assert body == {"statusCode": 403, "error": "Forbidden", "errorCode": "asset_forbidden"}
        assert answer.status_code == 403
    assert await site.objects.get_bytes("a.mp4", 10) == TEN


async def test_a_file_that_is_gone_is_not_found(site: Site) -> None:
    answer = await site.ask("GET", site.links.download("a.mp4", HOUR))
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "asset_not_found")


async def test_an_upload(site: Site) -> None:
    url = site.links.upload("uploads/a.mp4", "video/mp4", 10, HOUR)
    answer = await site.ask("PUT", url, {"Content-Type": "video/mp4"}, TEN)
    assert (answer.status_code, answer.content) == (200, b"")
    assert await site.objects.get_bytes("uploads/a.mp4", 10) == TEN


async def test_an_upload_without_a_length(site: Site) -> None:
    async def body() -> AsyncIterator[bytes]:
        for i in range(10):
            yield TEN[i : i + 1]

    url = site.links.upload("a.mp4", "video/mp4", 10, HOUR)
    assert (await site.ask("PUT", url, {"Content-Type": "video/mp4"}, body())).status_code == 200
    assert await site.objects.get_bytes("a.mp4", 10) == TEN
    url = site.links.upload("b.mp4", "video/mp4", 9, HOUR)
    assert (await site.ask("PUT", url, {"Content-Type": "video/mp4"}, body())).status_code == 413
    assert await site.objects.head("b.mp4") is None


@pytest.mark.parametrize("kind", ["text/html", "video/mp4; a=b", "VIDEO/MP4", "", None])
async def test_an_upload_of_another_type_is_forbidden(site: Site, kind: str | None) -> None:
    url = site.links.upload("a.mp4", "video/mp4", 10, HOUR)
    answer = await site.ask("PUT", url, None if kind is None else {"Content-Type": kind}, TEN)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "asset_forbidden")
    assert await site.objects.head("a.mp4") is None


async def test_an_upload_that_is_too_large_is_refused(site: Site) -> None:
    url = site.links.upload("a.mp4", "video/mp4", 9, HOUR)
    answer = await site.ask("PUT", url, {"Content-Type": "video/mp4"}, TEN)
    assert (answer.status_code, answer.json()["statusCode"]) == (413, 413)
    assert "9 bytes" in answer.json()["message"]
    assert await site.objects.head("a.mp4") is None


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """The app behind a real server; its port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", ws="none", log_level="error"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def exchange(port: int, request: bytes) -> bytes:
    """The answer to bytes that no well-behaved client would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


TRAVERSALS = [
    *("../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%5csecret", "..\\secret", "....//secret"),
    *("%252e%252e%252fsecret", "%c0%ae%c0%ae/secret", "a/../../secret", "./secret", "a/%2e%2e/%2E%2E/secret"),
    *("/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "C:%5cWindows%5cwin.ini", "file:///etc/passwd"),
    *("a%00", "a%00/../../secret", "%00", "a%0d%0aSet-Cookie:x=y", "", ".", "..", "%", "%zz", ".staging/", "~root"),
    *("a.mp4/", "a.mp4/../a.mp4", "a.mp4%2f", "A.MP4", "a.mp4;x", "%ff%fe"),
]


async def test_no_path_leads_to_a_file_that_was_not_signed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"the secret: root:x:0:0")
    await site.objects.put_bytes("a.mp4", b"the secret: root:x:0:0")
    query = site.links.download("a.mp4", HOUR).partition("?")[2]
    with serving(site.app) as port:
        allowed = f"GET /files/a.mp4?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert b"root:x" in await asyncio.to_thread(exchange, port, allowed.encode())
        for path in TRAVERSALS:
            for method in ("GET", "HEAD", "PUT"):
                request = f"{method} /files/{path}?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                answer = await asyncio.to_thread(exchange, port, request.encode("latin-1"))
                status = answer.partition(b"\r\n")[0]
                assert re.fullmatch(rb"HTTP/1.1 40[0345] .*", status), (method, path, status)
                assert b"root:x" not in answer
                assert b"set-cookie" not in answer.lower().partition(b"\r\n\r\n")[0]
    assert (tmp_path / "secret").read_bytes() == b"the secret: root:x:0:0"


async def test_a_client_that_hangs_up_leaves_nothing(site: Site) -> None:
    target = site.links.upload("a.mp4", "video/mp4", 10**9, HOUR).removeprefix("http://lips.test")
    with serving(site.app) as port:
        head = f"PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Type: video/mp4\r\nContent-Length: 1000000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head.encode() + bytes(500_000))
    # The server has ended, and with it the request.
    assert await site.objects.head("a.mp4") is None
    assert await site.objects.sweep(0) == 0


async def test_a_long_video_goes_through_a_real_server(site: Site) -> None:
    much = bytes(range(256)) * 40_000
    with serving(site.app) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            upload = site.links.upload("a.mp4", "video/mp4", len(much), HOUR).removeprefix("http://lips.test")
            assert (await client.put(upload, content=much, headers={"Content-Type": "video/mp4"})).status_code == 200
            download = site.links.download("a.mp4", HOUR).removeprefix("http://lips.test")
            answer = await client.get(download)
            part = await client.get(download, headers={"Range": "bytes=5000000-6999999"})
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(much).digest()
    assert part.content == much[5_000_000:7_000_000]
