"""Webhooks as they arrive, and receivers that misbehave."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from lipwright.service.net.fetch import Fetcher, Posted
from lipwright.service.net.policy import AddressPolicy
from lipwright.service.net.signing import canonical, new_secret, sign, verify

BODY = canonical({"id": "g", "status": "COMPLETED", "outputDuration": 5.0})


def post(server: Any, path: str, headers: dict[str, str] | None = None, timeout: float = 0.5) -> Posted:
    fetcher = Fetcher(AddressPolicy(allow=("127.0.0.1",)))
    return asyncio.run(fetcher.post(server.url(path), BODY, headers or {}, timeout=timeout))


def test_a_delivery_arrives_as_it_was_signed(server: Any) -> None:
    server.answers("/hook", status="204 No Content")
    secret, now = new_secret(), time.time()
    posted = post(server, "/hook", sign(secret, BODY, message_id="msg_1", now=now))
    assert (posted.status, posted.note) == (204, "")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "msg_1"
    assert verify(secret, headers, body, now)


def test_redirects_are_told_and_not_followed(server: Any) -> None:
    server.answers("/hook", status="307 Temporary Redirect", Location=server.url("/other"))
    posted = post(server, "/hook")
    assert posted.status == 307
    assert "redirect" in posted.note
    assert len(server.requests) == 1


def test_a_failure_status_is_a_status(server: Any) -> None:
    server.answers("/hook", b"x" * 200_000, status="503 Busy")
    assert post(server, "/hook").status == 503


def test_an_endless_answer_is_left_soon(server: Any) -> None:
    sent = 0

    def endless(conn: Any) -> None:
        nonlocal sent
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            conn.sendall(b"x" * 65536)
            sent += 1

    server.replies["/hook"] = endless
    posted = post(server, "/hook", timeout=5)
    assert posted.status == 200
    assert posted.seconds < 2


@pytest.mark.parametrize(("first", "status"), [(b"", None), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200)])
def test_a_slow_receiver_is_left_in_time(server: Any, first: bytes, status: int | None) -> None:
    server.drips("/hook", first, b"", 0.05)
    posted = post(server, "/hook", timeout=0.3)
    assert posted.status == status
    assert posted.seconds < 1
    assert posted.note == ("" if status else "The receiver did not answer within 0.3 s.")


def test_a_receiver_that_hangs_up_does_not_raise(server: Any) -> None:
    server.replies["/hook"] = lambda conn: None
    posted = post(server, "/hook")
    assert (posted.status, posted.note) == (None, "The receiver could not be reached.")
