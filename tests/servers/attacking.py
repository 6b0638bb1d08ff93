"""Asking a running server for what it should not do, and looking at how it says no."""

from __future__ import annotations

import socket
import time
from typing import Any

import requests
from tests.servers.running import Running

from lipwright.error_codes import BY_CODE


def ask(target: Running, method: str, path: str, **given: Any) -> requests.Response:
    """A request with a good key."""
    headers = {"x-api-key": target.here.key, **given.pop("headers", {})}
    return requests.request(method, target.url + path, headers=headers, timeout=30, allow_redirects=False, **given)


def refused(answer: requests.Response, *statuses: int) -> dict[str, Any]:
    """The body of an error, which has the shape that all of them have."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:500])
    body: dict[str, Any] = answer.json()
    assert body["statusCode"] == answer.status_code
    assert body["message"]
    assert answer.headers["x-request-id"]
    if answer.status_code != 401:  # recorded from the hosted service, without these
        assert body["errorCode"] in BY_CODE
        assert body["requestId"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return body


def raw(target: Running, data: bytes, *, then: bytes = b"", wait: float = 0.0, close: bool = False) -> bytes:
    """What the server says to these bytes."""
    with socket.create_connection(("127.0.0.1", target.port), timeout=10) as connection:
        connection.sendall(data)
        if wait:
            time.sleep(wait)
        if then:
            connection.sendall(then)
        if close:
            connection.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while block := connection.recv(65536):
                said += block
                if b"\r\n\r\n" in said and _whole(said):
                    break
        except (TimeoutError, ConnectionError):
            pass
        return said


def _whole(said: bytes) -> bool:
    head, _, body = said.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].split(b":")[1])


def head(target: Running, line: str, **headers: str) -> bytes:
    """The beginning of a request."""
    lines = [f"{line} HTTP/1.1", "Host: x", f"x-api-key: {target.here.key}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def upload(target: Running, files: dict[str, tuple[str, bytes]]) -> requests.Response:
    """A generation of files."""
    return ask(target, "POST", "/v2/generate", data={"model": "lipsync-2"}, files=files)


def still_good(target: Running, good: dict[str, bytes]) -> None:
    answer = upload(target, {"video": ("v.mp4", good["v.mp4"]), "audio": ("a.wav", good["a.wav"])})
    assert answer.status_code == 201, answer.text
