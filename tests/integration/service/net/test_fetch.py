"""Downloads from servers on this machine that do as they should, lie, dawdle, or send us elsewhere."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import time
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from lipwright.errors import (
    AudioInaccessible,
    BoxesInaccessible,
    Cancelled,
    FileTooLarge,
    ImageInaccessible,
    MediaError,
    VideoInaccessible,
)
from lipwright.service.net.connect import Connector
from lipwright.service.net.fetch import Fetched, Fetcher, FetchLimits, Kind
from lipwright.service.net.policy import AddressPolicy

VIDEO = bytes(range(256)) * 4000
#: For servers that never finish; what succeeds is given the usual time, the machine may be busy.
QUICK = FetchLimits(
    head_seconds=0.2, connect_seconds=0.3, answer_seconds=0.3, idle_seconds=0.3, total_seconds=2, pace_seconds=0.2
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Memory:
    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data


def fetcher(server: Any, names: Any = None, limits: FetchLimits | None = None) -> Fetcher:
    """Loopback excused on the server's port and on no other."""
    policy = AddressPolicy(allow=(f"127.0.0.1:{server.port}",))
    return Fetcher(policy, limits, resolver=names) if names else Fetcher(policy, limits)


def get(
    fetch: Fetcher, url: str, sink: Any = None, kind: Kind = "video", max_bytes: int = 1 << 24, progress: Any = None
) -> Fetched:
    sink = sink or Memory()
    return asyncio.run(fetch.download(url, sink, field="f", kind=kind, max_bytes=max_bytes, progress=progress))


def refused(fetch: Fetcher, url: str, caplog: Any, why: str, sink: Any = None) -> MediaError:
    """The error of a download that fails with the common sentence, `why` in the log."""
    with caplog.at_level(logging.WARNING), pytest.raises(VideoInaccessible) as caught:
        get(fetch, url, sink)
    assert caught.value.message == "The provided video URL is inaccessible."
    assert why in caplog.text
    return caught.value


# What works.


def test_a_download_arrives_whole_with_its_hash_and_says_how_far_it_is(server: Any) -> None:
    server.answers("/v.mp4", VIDEO, Content_Type="Video/MP4; codecs=x")
    sink, told = Memory(), []
    fetched = get(
        fetcher(server), server.url("/v.mp4?sig=1"), sink, progress=lambda done, size: told.append((done, size))
    )
    assert sink.data == VIDEO
    assert fetched == Fetched(server.url("/v.mp4?sig=1"), len(VIDEO), hashlib.sha256(VIDEO).hexdigest(), "video/mp4")
    assert told[-1] == (len(VIDEO), len(VIDEO))
    head = server.requests[0].decode().lower()
    assert "accept-encoding: identity\r\n" in head
    assert "cookie" not in head
    assert "authorization" not in head


def test_progress_may_stop_a_download(server: Any) -> None:
    server.answers("/v", VIDEO)

    def stop(done: int, size: int | None) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        get(fetcher(server), server.url("/v"), progress=stop)


def test_a_fault_of_the_sink_is_not_the_servers(server: Any) -> None:
    class Full:
        async def write(self, data: bytes) -> None:
            raise TimeoutError("the disk is full, slowly")

    server.answers("/v", VIDEO)
    with pytest.raises(TimeoutError, match="the disk is full"):
        get(fetcher(server), server.url("/v"), Full())


def test_the_time_the_sink_takes_does_not_count_as_slowness(server: Any) -> None:
    class Slow(Memory):
        async def write(self, data: bytes) -> None:
            await super().write(data)
            if len(self.data) < 200_000:
                await asyncio.sleep(0.2)

    server.answers("/v", VIDEO)
    limits = FetchLimits(pace_seconds=0.15, slowest=5e6, idle_seconds=0.4)
    assert get(fetcher(server, limits=limits), server.url("/v"), Slow()).size == len(VIDEO)


@pytest.mark.parametrize("ranged", [True, False])
def test_head_tells_what_is_there(server: Any, ranged: bool) -> None:
    if ranged:
        part = {"status": "206 Partial Content", "Content_Range": f"bytes 0-4095/{len(VIDEO)}"}
        server.answers("/v", VIDEO[:4096], Content_Type="video/mp4", **part)
    else:
        server.answers("/v", VIDEO, Content_Type="video/mp4")
    remote = asyncio.run(fetcher(server).head(server.url("/v"), field="f", kind="video"))
    assert (remote.url, remote.status) == (server.url("/v"), 206 if ranged else 200)
    assert (remote.content_type, remote.size, remote.start) == ("video/mp4", len(VIDEO), VIDEO[:4096])
    assert b"Range: bytes=0-4095\r\n" in server.requests[0]


def test_head_of_an_endless_body_takes_the_start_and_leaves(server: Any) -> None:
    server.drips("/v", CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n", 0.001)
    remote = asyncio.run(fetcher(server).head(server.url("/v"), field="f", kind="audio"))
    assert (remote.size, remote.start) == (None, b"x" * 4096)


def test_redirects_are_followed_to_the_end(server: Any) -> None:
    server.answers("/a", status="302 Found", Location="b?x=1")
    server.answers("/b", status="308 Permanent Redirect", Location=server.url("/c"))
    server.answers("/c", VIDEO)
    assert get(fetcher(server), server.url("/a")).url == server.url("/c")


# Where it may lead.


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://10.0.0.1/x", "private"),
        ("http://169.254.169.254/latest/", "metadata"),
        ("http://[::1]:8080/", "loopback"),
        ("//127.0.0.1/x", "loopback"),
        ("http://inside.test/x", "inside.test resolves to 192.168.1.1"),
        ("http://127.0.0.1:1/x", "port 1"),
        ("http://2130706433/", "unusual spelling"),
        ("file:///etc/passwd", "scheme is 'file'"),
        ("http://u:p@127.0.0.1/", "user name"),
        ("http://[/", "cannot be read"),
        ("", "redirects to nowhere"),
    ],
)
def test_a_redirect_is_judged_like_any_url(
    server: Any, names: Any, watch: Any, caplog: Any, location: str, why: str
) -> None:
    names.table = {"inside.test": [("192.168.1.1",)]}
    server.answers("/a", status="302 Found", Location=location)
    refused(fetcher(server, names), server.url("/a"), caplog, why)
    assert watch.connected == [("127.0.0.1", server.port)]


def test_a_redirect_to_another_local_port_is_not_followed(server: Any, watch: Any, caplog: Any) -> None:
    """The exception is for one port; what else listens on the machine stays out of reach."""
    server.answers("/a", status="307 Temporary Redirect", Location="http://127.0.0.1:8080/admin")
    refused(fetcher(server), server.url("/a"), caplog, "loopback")
    assert watch.connected == [("127.0.0.1", server.port)]


def test_redirect_loops_end(server: Any, caplog: Any) -> None:
    server.answers("/a", status="302 Found", Location="/b")
    server.answers("/b", status="302 Found", Location="/a")
    refused(fetcher(server), server.url("/a"), caplog, "more than 5 redirects")
    assert len(server.requests) == 6


def test_the_second_answer_of_a_name_is_not_used(server: Any, names: Any, watch: Any) -> None:
    """DNS rebinding: good when judged, bad when connecting. There is one look-up, and its answer is what is used."""
    names.table = {"a.test": [("127.0.0.1",), ("10.0.0.1",)]}
    server.answers("/v", VIDEO)
    assert get(fetcher(server, names), server.url("/v", "a.test")).size == len(VIDEO)
    assert names.asked == ["a.test"]
    assert watch.connected == [("127.0.0.1", server.port)]
    assert watch.looked_up == []
    assert f"Host: a.test:{server.port}\r\n".encode() in server.requests[0]


def test_a_name_that_turns_bad_between_two_requests_is_refused(
    server: Any, names: Any, watch: Any, caplog: Any
) -> None:
    names.table = {"a.test": [("127.0.0.1",), ("10.0.0.1",)]}
    server.answers("/a", status="302 Found", Location="/b")
    refused(fetcher(server, names), server.url("/a", "a.test"), caplog, "resolves to 10.0.0.1")
    assert watch.connected == [("127.0.0.1", server.port)]


def test_the_second_lock_holds_if_the_first_is_bypassed(server: Any, names: Any, watch: Any) -> None:
    """A client of an exchange refuses, at the socket, every address and port but the one that was judged."""

    async def bypass(url: str) -> None:
        async with Connector(AddressPolicy(), names)._client(ip_address("127.0.0.1"), server.port) as client:
            await client.get(url)

    for url in (f"http://127.0.0.1:{server.port + 1}/", f"http://127.0.0.2:{server.port}/", "http://[::1]/"):
        with pytest.raises(httpx.HTTPError, match="custom validation"):
            asyncio.run(bypass(url))
    assert watch.connected == []


def test_proxies_of_the_environment_are_ignored(server: Any, watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.answers("/v", VIDEO)
    get(fetcher(server), server.url("/v"))
    assert watch.connected == [("127.0.0.1", server.port)]


def test_the_next_address_is_tried_when_one_does_not_answer(server: Any, names: Any, watch: Any) -> None:
    """The watch refuses the first, as a network without IPv6 would."""
    names.table = {"a.test": [("2606:2800:220:1::1", "127.0.0.1")]}
    server.answers("/v", VIDEO)
    policy = AddressPolicy(ports=(server.port,), allow=(f"127.0.0.1:{server.port}",))
    assert get(Fetcher(policy, resolver=names), server.url("/v", "a.test")).size == len(VIDEO)
    assert [host for host, _ in watch.connected] == ["2606:2800:220:1::1", "127.0.0.1"]


# What a server may do wrong.


@pytest.mark.parametrize(
    ("first", "drop", "why"),
    [
        (b"", b"", "did not answer in time"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x", "did not answer in time"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "did not answer in time"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"", "stopped sending"),
        (CHUNKED + b"400;", b"x", "stopped sending"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x", "less than"),
        (CHUNKED, b"1\r\nx\r\n", "less than"),
    ],
    ids=["silent", "headers", "continue", "no body", "chunk header", "body", "chunks"],
)
def test_a_server_that_drips_is_left(server: Any, caplog: Any, first: bytes, drop: bytes, why: str) -> None:
    server.drips("/v", first, drop, 0.02)
    start = time.monotonic()
    refused(fetcher(server, limits=QUICK), server.url("/v"), caplog, why)
    assert time.monotonic() - start < 1.5
    with pytest.raises(VideoInaccessible):
        asyncio.run(fetcher(server, limits=QUICK).head(server.url("/v"), field="f", kind="video"))


def test_a_steady_server_is_left_when_the_whole_takes_too_long(server: Any, caplog: Any) -> None:
    server.drips("/v", CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n", 0.01)
    limits = FetchLimits(total_seconds=0.5)
    start = time.monotonic()
    refused(fetcher(server, limits=limits), server.url("/v"), caplog, "stopped sending")
    assert 0.4 < time.monotonic() - start < 1.5


def test_an_endless_body_is_cut_at_the_limit(server: Any) -> None:
    server.drips("/v", CHUNKED, b"4000\r\n" + b"x" * 0x4000 + b"\r\n", 0)
    sink = Memory()
    with pytest.raises(FileTooLarge, match="more than 100000 bytes") as caught:
        get(fetcher(server), server.url("/v"), sink, max_bytes=100_000)
    assert len(sink.data) <= 100_000
    assert (caught.value.status, caught.value.field) == (422, "f")


def test_a_told_length_over_the_limit_is_refused_before_the_first_byte(server: Any) -> None:
    server.answers("/v", b"x" * 10, length=10**12)
    sink = Memory()
    with pytest.raises(FileTooLarge):
        get(fetcher(server), server.url("/v"), sink, max_bytes=100_000)
    assert sink.data == b""


def test_a_body_of_exactly_the_limit_is_fine(server: Any) -> None:
    server.answers("/v", VIDEO)
    assert get(fetcher(server), server.url("/v"), max_bytes=len(VIDEO)).size == len(VIDEO)


def test_a_body_shorter_than_told_is_not_a_file(server: Any, caplog: Any) -> None:
    server.answers("/v", VIDEO, length=len(VIDEO) + 1)
    refused(fetcher(server), server.url("/v"), caplog, "RemoteProtocolError")


def test_bytes_after_the_told_length_are_not_taken(server: Any) -> None:
    server.answers("/v", VIDEO, length=1000)
    sink = Memory()
    get(fetcher(server), server.url("/v"), sink)
    assert sink.data == VIDEO[:1000]


@pytest.mark.parametrize(("count", "size"), [(1, 300_000), (4000, 60), (40, 1000)])
def test_oversized_headers_are_refused(server: Any, caplog: Any, count: int, size: int) -> None:
    server.answers("/v", VIDEO, **{f"X-{n}": "x" * size for n in range(count)})
    refused(fetcher(server), server.url("/v"), caplog, "RemoteProtocolError" if count * size > 10**5 else "of headers")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate, gzip", "zstd"])
def test_compressed_answers_are_refused_unread(server: Any, caplog: Any, coding: str) -> None:
    server.answers("/v", gzip.compress(bytes(1 << 20)), Content_Encoding=coding)
    sink = Memory()
    refused(fetcher(server), server.url("/v"), caplog, "content-encoding", sink)
    assert sink.data == b""


@pytest.mark.parametrize(
    "page",
    [
        ("text/html; charset=utf-8", b"anything"),
        ("application/octet-stream", b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>"),
        ("video/mp4", b"<html lang=en>"),
    ],
)
def test_a_share_page_is_told_from_a_file(server: Any, page: tuple[str, bytes]) -> None:
    server.answers("/v", page[1], Content_Type=page[0])
    sink = Memory()
    for run in (
        lambda: get(fetcher(server), server.url("/v"), sink),
        lambda: asyncio.run(fetcher(server).head(server.url("/v"), field="f", kind="video")),
    ):
        with pytest.raises(VideoInaccessible, match="leads to a web page; a direct link to the file is needed"):
            run()
    assert sink.data == b""


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "500 Oops", "204 No Content", "206 Partial"])
def test_only_a_whole_file_is_taken(server: Any, caplog: Any, status: str) -> None:
    server.answers("/v", b"" if status.startswith("204") else VIDEO, status=status)
    refused(fetcher(server), server.url("/v"), caplog, f"answered {status[:3]}")


def test_nonsense_is_no_answer(server: Any, caplog: Any) -> None:
    server.replies["/v"] = lambda conn: conn.sendall(b"220 mail.test ESMTP\r\n")
    refused(fetcher(server), server.url("/v"), caplog, "RemoteProtocolError")


# What the caller learns.


def test_forbidden_missing_silent_and_failing_look_the_same(server: Any, names: Any, caplog: Any) -> None:
    names.table = {"inside.test": [("10.0.0.1",)], "dead.test": [("93.184.216.34",)]}
    server.answers("/404", status="404 Not Found")
    server.drips("/silent", b"", b"", 0.05)
    urls = [server.url("/404"), server.url("/silent"), "http://inside.test/", "http://dead.test/", "http://none.test/"]
    seen = set()
    for url in [*urls, "video.mp4"]:
        error = refused(fetcher(server, names, QUICK), url, caplog, "")
        seen.add((type(error), error.message, error.field, error.suggestion, error.code, error.status))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("kind", "error", "noun"),
    [
        ("audio", AudioInaccessible, "audio"),
        ("image", ImageInaccessible, "image"),
        ("boxes", BoxesInaccessible, "boxes"),
    ],
)
def test_each_kind_has_its_code(server: Any, kind: Kind, error: type[MediaError], noun: str) -> None:
    with pytest.raises(error, match=f"The provided .*{noun} URL is inaccessible"):
        get(fetcher(server), "http://10.0.0.1/", kind=kind)


def test_the_log_holds_no_secrets_of_a_url(server: Any, caplog: Any) -> None:
    server.answers("/v", status="403 Forbidden")
    refused(fetcher(server), server.url("/v?sig=SECRET"), caplog, "answered 403")
    refused(fetcher(server), "http://user:SECRET@a.test/\n2026 forged line", caplog, "control character")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("lipwright")]
    assert len(ours) == 2
    assert not any("SECRET" in line or "\n" in line for line in ours)
