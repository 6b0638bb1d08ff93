"""The signatures of webhooks, and the bytes that are signed.

Two schemes go out with each delivery. sync.so's: `Sync-Signature: t=<unix time>,v1=<hex>`, HMAC-SHA256 of
`<t>.<body>`, keyed with the whole text of the secret, `whsec_` included. And Standard Webhooks, for which there are
libraries in most languages, keyed with what the base64 after `whsec_` decodes to. One secret from `new_secret` serves
both.

The bytes matter as much as the key. Receivers written after sync.so's older samples do not hash the body they got but
parse it and write it again, in JavaScript or in Python, so `canonical` writes JSON such that both arrive at the same
bytes: no spaces, no exponents, `5` for 5.0, and, as JavaScript sorts them to the front, number-like keys first.
Where the two languages cannot agree, a receiver has to hash the raw body, as the newer samples do: text outside ASCII
(sent as UTF-8) and the character DEL.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from standardwebhooks import Webhook

from lipwright.errors import RequestError

PREFIX = "whsec_"
#: How old or how far ahead a signature may be, in seconds; what the Standard Webhooks libraries use.
TOLERANCE = 300

_JS_EXACT = 2**53
_JS_PLAIN = 10**21
#: Below this Python's json writes an exponent.
_PY_PLAIN = 1e-4
#: Indices end at 2^32-2; what is a little beyond keeps whatever place after them it has.
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_SIGNATURE = re.compile(r"t=([0-9]{1,12})((?:,[a-z0-9]+=[0-9a-zA-Z]*)+)", re.ASCII)


def new_secret() -> str:
    """A secret for signing, fit for both schemes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode("ascii")


def check_secret(secret: str, field: str = "secret") -> None:
    """Refuse with `RequestError` a secret that is not `whsec_` and the base64 of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise RequestError(f"{field} has to be whsec_ followed by the base64 of 24 to 64 random bytes.", field=field)


def sign(secret: str, body: bytes, *, message_id: str, now: float) -> dict[str, str]:
    """The signature headers of one delivery of `body`; `message_id` stays the same when it is delivered again."""
    check_secret(secret)
    time = int(now)
    ours = f"t={time},v1={_sync_so(secret, time, body)}"
    standard = Webhook(secret).sign(message_id, datetime.fromtimestamp(time, UTC), body.decode("utf-8"))
    return {
        "Sync-Signature": ours,
        "X-Signature-Primary": ours,
        "webhook-id": message_id,
        "webhook-timestamp": str(time),
        "webhook-signature": standard,
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float, tolerance: float = TOLERANCE) -> bool:
    """Whether `Sync-Signature` in `headers` is that of `body`, and made within `tolerance` seconds of `now`."""
    given = next((value for name, value in headers.items() if name.lower() == "sync-signature"), "")
    match = _SIGNATURE.fullmatch(given.strip())
    if match is None or abs(now - int(match[1])) > tolerance:
        return False
    expected = _sync_so(secret, int(match[1]), body)
    signed = [part.removeprefix("v1=") for part in match[2].split(",") if part.startswith("v1=")]
    return any(hmac.compare_digest(expected, one) for one in signed)


def canonical(payload: object) -> bytes:
    """`payload` as the JSON that is signed and sent.

    Numbers that have no spelling which JavaScript and Python both keep are given one: below 0.0001 they are rounded to
    four places, beyond 2^53 to what JavaScript holds, and from 1e21, and for infinities and NaN, null is written.
    """
    return json.dumps(_plain(payload), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _sync_so(secret: str, time: int, body: bytes) -> str:
    return hmac.new(secret.encode("utf-8"), f"{time}.".encode() + body, hashlib.sha256).hexdigest()


def _plain(value: object) -> object:
    """`value` in the types and order in which it is written."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _whole_characters(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _object(value: Mapping[object, object]) -> dict[str, object]:
    """The members in order, those that JavaScript takes for indices of an array first."""
    members = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} cannot be written as JSON; a key is text")
        members[_whole_characters(key)] = _plain(item)
    indices = sorted((key for key in members if _INDEX.fullmatch(key)), key=int)
    return {key: members[key] for key in indices} | members


def _number(value: float) -> float | None:
    if not -_JS_PLAIN < value < _JS_PLAIN:
        return None
    if value != int(value):
        return value if abs(value) >= _PY_PLAIN else _number(round(value, 4))
    whole = int(value)
    return whole if abs(whole) <= _JS_EXACT else _number_of_js(whole)


def _number_of_js(whole: int) -> int | None:
    """The shortest digits that mean the nearest double, filled up with zeros: what JavaScript prints."""
    printed = int(Decimal(repr(float(whole))))
    return printed if abs(printed) < _JS_PLAIN else None


def _whole_characters(text: str) -> str:
    """Half characters (lone surrogates) have no UTF-8; U+FFFD is what stands for them everywhere."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
