"""The recipes by which receivers check a webhook (contract 14): all of them must hold for the same request.

The key is the whole secret, `whsec_` included; the message is the header's time, a dot and the body. Older official
samples parse the body and serialise it again, in Python here and in JavaScript in `node/verify.mjs`.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from tests.acceptance.service.loopback import Call


def parts(call: Call) -> dict[str, str]:
    """`t` and `v1` of the signature."""
    return dict(part.split("=", 1) for part in call.headers["sync-signature"].split(","))


def valid_raw(call: Call, secret: str) -> bool:
    """By the bytes that arrived."""
    return _valid(call, secret, call.body)


def valid_reserialised(call: Call, secret: str) -> bool:
    """By what Python makes of the parsed body."""
    return _valid(call, secret, json.dumps(json.loads(call.body), separators=(",", ":")).encode())


def _valid(call: Call, secret: str, body: bytes) -> bool:
    fields = parts(call)
    message = fields["t"].encode() + b"." + body
    expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, fields["v1"])
