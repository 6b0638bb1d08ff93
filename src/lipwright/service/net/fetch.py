"""Asking for a URL that somebody else chose: is it there, get it, tell it something.

Everything such a server may do wrong has a limit here: where it redirects to (judged again at every hop), how long its
headers are, how long it takes, how slowly it sends, how much. Compressed answers are refused: media are compressed
already, and a few bytes of gzip can become gigabytes.

A caller learns that a URL is inaccessible, and not why: the same sentence whether the address is forbidden, does not
exist or is silent, because the difference would tell a stranger what runs in the service's network. The reason is
logged. Only what a public server itself answered is told: a web page instead of a file, too many bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, Literal, NoReturn, Protocol

import httpx

from lipwright import __version__
from lipwright.errors import (
    AudioInaccessible,
    BoxesInaccessible,
    FileTooLarge,
    ImageInaccessible,
    MediaError,
    RequestError,
    VideoInaccessible,
)
from lipwright.service.net.connect import Connector, Resolver, Unreachable, body_of, system_resolver
from lipwright.service.net.policy import AddressPolicy, Refused, Target

_log = logging.getLogger(__name__)

Kind = Literal["video", "audio", "image", "boxes"]

SUGGESTION = "Use a direct, publicly reachable http(s) link to the file, or upload it as an asset."

_NOUNS: dict[Kind, tuple[str, type[MediaError]]] = {
    "video": ("video", VideoInaccessible),
    "audio": ("audio", AudioInaccessible),
    "image": ("image", ImageInaccessible),
    "boxes": ("bounding boxes", BoxesInaccessible),
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_START = 4096
_ANSWER_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a server may take of our time; seconds and bytes."""

    redirects: int = 5
    head_seconds: float = 5.0
    #: To connect to one address, and to the first byte of an answer, of a download.
    connect_seconds: float = 3.0
    answer_seconds: float = 20.0
    total_seconds: float = 3600.0
    #: Between two pieces of a body.
    idle_seconds: float = 30.0
    #: The lowest speed, in bytes a second, over each `pace_seconds` of waiting for the server.
    slowest: float = 16 * 1024
    pace_seconds: float = 30.0
    header_bytes: int = 32 * 1024


@dataclass(frozen=True, slots=True)
class Remote:
    """What is at a URL: after redirects, `size` if it was told, `start` its first bytes."""

    url: str
    status: int
    content_type: str
    size: int | None
    start: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was downloaded, and from where after redirects."""

    url: str
    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Posted:
    """How a delivery went: the status of the answer (None: there was none), how long it took, a remark for people."""

    status: int | None
    seconds: float
    note: str = ""


class Sink(Protocol):
    """Where a download goes."""

    async def write(self, data: bytes, /) -> object: ...


class FileSink:
    """A sink that appends to an open file, beside the event loop."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def write(self, data: bytes, /) -> object:
        """Append `data`."""
        return await asyncio.to_thread(self._file.write, data)


class _Unsuitable(Exception):
    """The server answered, with something that is not the file; the message is for the caller."""


class Fetcher:
    """Requests to strangers' addresses under a policy; holds no connection, needs no closing."""

    def __init__(
        self,
        policy: AddressPolicy | None = None,
        limits: FetchLimits | None = None,
        *,
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy or AddressPolicy()
        self.limits = limits or FetchLimits()
        self._connector = Connector(self.policy, resolver, tls)

    async def head(self, url: str, *, field: str, kind: Kind) -> Remote:
        """What is at `url`, within seconds; a ranged GET, since many servers answer HEAD wrongly or not at all."""
        try:
            until = _now() + self.limits.head_seconds
            span = {"Range": f"bytes=0-{_START - 1}"}
            async with self._opened(url, span, until, partial=True) as (target, response):
                start = b""
                async with aclosing(body_of(response, within=self.limits.head_seconds, until=until)) as pieces:
                    async for piece in pieces:
                        start += piece
                        if len(start) >= _START:
                            break
                _refuse_page(response, start, kind)
                return Remote(target.url, response.status_code, _type(response), _size(response), start[:_START])
        except (Refused, Unreachable, _Unsuitable) as error:
            _fail(error, url, field, kind)

    async def download(
        self,
        url: str,
        sink: Sink,
        *,
        field: str,
        kind: Kind,
        max_bytes: int,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Fetched:
        """Write what is at `url` to `sink`; `progress` is told the bytes so far and in all, and may raise to stop.

        When this raises, the sink holds a part of the file and has to be thrown away.
        """
        try:
            until = _now() + self.limits.total_seconds
            async with self._opened(url, {}, until) as (target, response):
                size = _size(response)
                _refuse_large(size, max_bytes, field, kind)
                digest, done, pace = hashlib.sha256(), 0, _Pace(self.limits)
                body = body_of(response, within=self.limits.idle_seconds, until=until)
                async with aclosing(body) as pieces:
                    async for piece in pace.kept(pieces):
                        if not done:
                            _refuse_page(response, piece, kind)
                        done += len(piece)
                        _refuse_large(done, max_bytes, field, kind)
                        digest.update(piece)
                        await sink.write(piece)
                        if progress is not None:
                            progress(done, size)
                return Fetched(target.url, done, digest.hexdigest(), _type(response))
        except (Refused, Unreachable, _Unsuitable) as error:
            _fail(error, url, field, kind)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float = 10.0) -> Posted:
        """Deliver `body` once. Redirects are not followed, and no failure of the network raises."""
        start, status, note = _now(), None, ""
        headers = {"Content-Type": "application/json", **_OURS, **headers}
        connect_seconds = self.limits.connect_seconds
        try:
            async with asyncio.timeout(timeout):
                target = self.policy.target(url)
                answer = self._connector.answer("POST", target, headers, body, connect_seconds=connect_seconds)
                async with answer as response:
                    status, read = response.status_code, 0
                    if status in _REDIRECTS:
                        note = "The receiver answered with a redirect, which is not followed."
                    async with aclosing(body_of(response, within=timeout, until=start + timeout)) as pieces:
                        async for piece in pieces:
                            read += len(piece)
                            if read >= _ANSWER_READ:
                                break
        except TimeoutError:
            note = note or (f"The receiver did not answer within {timeout:g} s." if status is None else "")
        except (Refused, Unreachable) as error:
            _log.warning("webhook to %s: %s", _shown(url), error)
            note = note or ("The receiver could not be reached." if status is None else "")
        return Posted(status, _now() - start, note)

    def check_webhook_url(self, url: str) -> None:
        """Refuse with `RequestError` a webhook URL whose text alone shows that nothing can be delivered there."""
        try:
            target = self.policy.target(url)
        except Refused as error:
            said = f"webhookUrl cannot be used: {error}; allowed is a public https URL."
            raise RequestError(said, field="webhookUrl") from None
        if target.scheme != "https" and not self.policy.allows_host(target):
            raise RequestError(f"webhookUrl starts with {target.scheme}; it has to be https.", field="webhookUrl")

    @asynccontextmanager
    async def _opened(
        self, url: str, headers: Mapping[str, str], until: float, *, partial: bool = False
    ) -> AsyncIterator[tuple[Target, httpx.Response]]:
        """The answer that holds the file, after redirects."""
        limits = self.limits
        target = self.policy.target(url)
        for _ in range(limits.redirects + 1):
            async with AsyncExitStack() as stack:
                answer = self._connector.answer(
                    "GET", target, {**_OURS, **headers}, connect_seconds=limits.connect_seconds
                )
                try:
                    async with asyncio.timeout_at(min(until, _now() + limits.answer_seconds)):
                        response = await stack.enter_async_context(answer)
                except TimeoutError:
                    raise Unreachable(f"{target.shown} did not answer in time") from None
                length = sum(len(name) + len(value) + 4 for name, value in response.headers.raw)
                if length > limits.header_bytes:
                    raise Unreachable(f"{target.shown} answered with {length} bytes of headers")
                if response.status_code not in _REDIRECTS:
                    _refuse_answer(target, response, partial)
                    yield target, response
                    return
                target = self.policy.redirected(target, response.headers.get("location"))
        raise Unreachable(f"more than {limits.redirects} redirects")


class _Pace:
    """The lowest speed, kept over windows of waiting; how long the sink takes does not count against the server."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._waited = 0.0
        self._bytes = 0

    async def kept(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces; `Unreachable` when they come too slowly."""
        while True:
            asked = _now()
            piece = await anext(pieces, None)
            if piece is None:
                return
            self._waited += _now() - asked
            self._bytes += len(piece)
            if self._waited >= self._limits.pace_seconds:
                if self._bytes < self._limits.slowest * self._waited:
                    raise Unreachable(f"it sends less than {self._limits.slowest:g} bytes a second")
                self._waited, self._bytes = 0.0, 0
            yield piece


_OURS = {
    "User-Agent": f"Lipwright/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _refuse_answer(target: Target, response: httpx.Response, partial: bool) -> None:
    """`Unreachable` unless this is the file, as it is."""
    fine = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT) if partial else (HTTPStatus.OK,)
    if response.status_code not in fine:
        raise Unreachable(f"{target.shown} answered {response.status_code}")
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise Unreachable(f"{target.shown} answered with content-encoding {coding!r}")


def _refuse_page(response: httpx.Response, start: bytes, kind: Kind) -> None:
    """Share pages of file hosts look like a link to the file and are a web page."""
    looks = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower().startswith((b"<!doctype html", b"<html"))
    if looks or _type(response) in _PAGES:
        raise _Unsuitable(
            f"The provided {_NOUNS[kind][0]} URL leads to a web page; a direct link to the file is needed."
        )


def _refuse_large(size: int | None, limit: int, field: str, kind: Kind) -> None:
    if size is not None and size > limit:
        raise FileTooLarge(
            f"The file at the provided {_NOUNS[kind][0]} URL has more than {limit} bytes, the limit.", field=field
        )


def _type(response: httpx.Response) -> str:
    """The media type, without parameters."""
    told: str = response.headers.get("content-type", "")
    return told.partition(";")[0].strip().lower()


def _size(response: httpx.Response) -> int | None:
    """How long the whole file is, if the server says so."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        told = re.fullmatch(r"bytes +[0-9]+-[0-9]+/([0-9]{1,18})", response.headers.get("content-range", ""))
        return int(told[1]) if told else None
    told = re.fullmatch(r"[0-9]{1,18}", response.headers.get("content-length", ""))
    return int(told[0]) if told else None


def _fail(error: Exception, url: str, field: str, kind: Kind) -> NoReturn:
    """Log why, and raise what the caller may know."""
    _log.warning("%s: %s: %s", field, _shown(url), error)
    noun, error_type = _NOUNS[kind]
    said = str(error) if isinstance(error, _Unsuitable) else f"The provided {noun} URL is inaccessible."
    raise error_type(said, field=field, suggestion=SUGGESTION) from error


def _shown(url: str) -> str:
    """A URL nobody has read yet, for logs: without what may be secret, and with nothing that could fake a line."""
    return ascii(re.sub(r"//[^/]*@", "//...@", url.partition("?")[0])[:200])
