"""Signatures as receivers verify them, by each of the recipes that are about."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from lipwright.errors import RequestError
from lipwright.service.net.signing import canonical, check_secret, new_secret, sign, verify

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
NOW = 1_760_000_000

PAYLOADS: list[dict[str, Any]] = [
    {"id": "g-1", "status": "COMPLETED", "outputDuration": 5.0, "outputUrl": "https://a.test/o.mp4?x=1&y=%2F"},
    {"numbers": [0, -0.0, 1.5, 3.3333333333333335, 0.1 + 0.2, 1e-4, 2.5e-5, 1e-7, -3e-9, 1e15, 1e16, 1e20, 12345678.9]},
    {"large": [2**53, 2**53 + 1, 2**60, 10**20, 10**21, -(10**30), 1e300, float("inf"), float("nan")]},
    {"text": 'quote " backslash \\ slash / \b\f\n\r\t \x00\x1f', "empty": ["", {}, [], None, True, False]},
    {"z": 1, "10": 2, "9": {"b": 1, "0": 2}, "01": 3, "-1": 4, "4294967295": 5, "4294967294": 6, "a": 7},
    {"input": [{"type": "video", "url": "https://a.test/v.mp4"}], "options": {"sync_mode": "loop", "temperature": 0.5}},
]

NODE = """
const lines = require("fs").readFileSync(0, "utf8").split("\\n").slice(0, -1);
for (const raw of lines) console.log(JSON.stringify(JSON.parse(raw)));
"""


def of_python(raw: bytes) -> bytes:
    return json.dumps(json.loads(raw), separators=(",", ":")).encode()


def of_javascript(raws: list[bytes]) -> list[bytes]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node, which runs the JavaScript recipe, is not here")
    given = b"".join(raw + b"\n" for raw in raws)
    return subprocess.run([node, "-e", NODE], input=given, capture_output=True, check=True).stdout.split(b"\n")[:-1]


def signed_by_hand(secret: str, time: str, body: bytes) -> str:
    """The recipe of sync.so's documentation."""
    return hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()


def parts(headers: dict[str, str]) -> tuple[str, str]:
    given = dict(part.split("=", 1) for part in headers["Sync-Signature"].split(","))
    return given["t"], given["v1"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_receivers_that_hash_the_body_or_write_it_again_in_python(payload: dict[str, Any]) -> None:
    body = canonical(payload)
    time, signature = parts(sign(SECRET, body, message_id="m", now=NOW + 0.9))
    assert time == str(NOW)
    assert signed_by_hand(SECRET, time, body) == signature
    assert signed_by_hand(SECRET, time, of_python(body)) == signature


def test_receivers_that_write_it_again_in_javascript() -> None:
    bodies = [canonical(payload) for payload in PAYLOADS]
    again = of_javascript(bodies)
    for body, rewritten in zip(bodies, again, strict=True):
        time, signature = parts(sign(SECRET, body, message_id="m", now=NOW))
        assert rewritten == body
        assert signed_by_hand(SECRET, time, rewritten) == signature


def test_the_library_of_standard_webhooks_verifies() -> None:
    body, now = canonical({"name": "J\u00f6rg \U0001f600"}), datetime.now(UTC).timestamp()
    headers = sign(SECRET, body, message_id="msg_1", now=now)
    assert Webhook(SECRET).verify(body, headers) == {"name": "J\u00f6rg \U0001f600"}
    assert headers["webhook-id"] == "msg_1"
    assert headers["X-Signature-Primary"] == headers["Sync-Signature"]


def test_verify_takes_what_is_right_and_nothing_else() -> None:
    body = b'{"a":1}'
    headers = sign(SECRET, body, message_id="m", now=NOW)
    lower = {name.lower(): value for name, value in headers.items()}
    time, signature = parts(headers)
    assert verify(SECRET, headers, body, NOW)
    assert verify(SECRET, lower, body, NOW + 300)
    assert verify(SECRET, {"Sync-Signature": f"t={time},v1={'0' * 64},v1={signature}"}, body, NOW)
    assert not verify(SECRET, headers, body + b" ", NOW)
    assert not verify(new_secret(), headers, body, NOW)
    assert not verify(SECRET, headers, body, NOW + 301)
    assert not verify(SECRET, headers, body, NOW - 301)
    assert not verify(SECRET, headers, body, NOW + 11, tolerance=10)
    wrong = ["", "nonsense", f"v1={signature}", f"t={time}", f"t={time},v0={signature}", f"t=x,v1={signature}"]
    wrong += [f"t={NOW + 1},v1={signature}", f"t={time},v1=", f"t={time},v1={signature}\u00e9"]
    for value in wrong:
        assert not verify(SECRET, {"Sync-Signature": value}, body, NOW)
    assert not verify(SECRET, {}, body, NOW)


def test_new_secrets_differ_and_fit_both_schemes() -> None:
    found = {new_secret() for _ in range(50)}
    assert len(found) == 50
    for secret in found:
        check_secret(secret)
        Webhook(secret)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_short", "hello", SECRET[6:], "whsec_" + "!" * 32, "whsec_" + "A" * 400]
)
def test_a_secret_of_another_kind_is_refused(secret: str) -> None:
    with pytest.raises(RequestError, match="webhookSecret has to be whsec_ followed by the base64 of 24 to 64"):
        check_secret(secret, "webhookSecret")


def test_canonical_by_example() -> None:
    payload = {"b": 5.0, "a": [1e16, 0.5, -0.0, 2.5e-5, 9e-5, 2**60, 1e21], "s": "\u00e9\ud800x\ud83d\ude00", "2": ()}
    written = (
        '{"2":[],"b":5,"a":[10000000000000000,0.5,0,0,0.0001,1152921504606847000,null],"s":"\u00e9\ufffdx\U0001f600"}'
    )
    assert canonical(payload) == written.encode()


@pytest.mark.parametrize("payload", [{1: 2}, {"a": b"x"}, {"a": {1}}, object()])
def test_what_is_no_json_is_an_error(payload: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        canonical(payload)


_ASCII = st.text(st.characters(max_codepoint=126), max_size=8)
_NUMBERS = st.integers() | st.floats() | st.floats(-1e-3, 1e-3) | st.integers(2**52, 2**70)
_KEYS = _ASCII | st.integers(0, 2**33).map(str)


def _payloads(text: st.SearchStrategy[str], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | _NUMBERS | text
    return st.recursive(leaves, lambda x: st.lists(x, max_size=4) | st.dictionaries(keys, x, max_size=4), max_leaves=12)


@given(_payloads(_ASCII, _KEYS))
def test_python_writes_every_ascii_payload_again_as_it_was(payload: object) -> None:
    body = canonical(payload)
    assert of_python(body) == body


@settings(max_examples=4)
@given(st.lists(_payloads(_ASCII, _KEYS), min_size=50, max_size=200))
def test_javascript_writes_every_ascii_payload_again_as_it_was(payloads: list[object]) -> None:
    bodies = [canonical(payload) for payload in payloads]
    assert of_javascript(bodies) == bodies


@given(_payloads(st.text(st.characters(), max_size=8), st.text(st.characters(), max_size=4)))
def test_any_text_becomes_utf8_and_writing_twice_changes_nothing(payload: object) -> None:
    body = canonical(payload)
    assert canonical(json.loads(body)) == body


@given(st.floats(min_value=1e-4, max_value=2**53))
def test_numbers_in_use_keep_their_value(number: float) -> None:
    assert json.loads(canonical(number)) == number
