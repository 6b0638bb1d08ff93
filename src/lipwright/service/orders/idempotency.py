"""Idempotency-Key (contract section 16, decision D9): the same order sent twice creates one generation.

A key belongs to an organisation and is kept with the generation it created, for as long as that is. The same key with
the same request replays the first answer; with another request it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from lipwright.error_codes import known
from lipwright.errors import IdempotencyKeyReused, InvalidIdempotencyKey
from lipwright.service.storage import generations

_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")


class Replayed(Exception):
    """The order was taken before, as this generation."""

    def __init__(self, generation: str) -> None:
        self.generation = generation
        super().__init__(generation)


@dataclass(frozen=True, slots=True)
class Key:
    """An Idempotency-Key and what it was sent with."""

    text: str
    digest: str


def key_of(headers: Sequence[str], request: Any) -> Key | None:
    """The key in the values of the header, None if there is none; `request` is any JSON that tells requests apart.

    Raises:
        InvalidIdempotencyKey: it is empty, malformed or given more than once.
    """
    if not headers:
        return None
    if len(headers) > 1 or not _KEY.fullmatch(headers[0]):
        suggestion = known("INVALID_IDEMPOTENCY_KEY").suggestion
        raise InvalidIdempotencyKey(
            "Idempotency-Key must be given once, with 1 to 128 letters, digits and . _ ~ -",
            field="Idempotency-Key",
            suggestion=suggestion,
        )
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return Key(headers[0], hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


def check(session: Session, organisation: str, key: Key) -> None:
    """Raise `Replayed` or `IdempotencyKeyReused` if the key was used before."""
    row = generations.with_idempotency_key(session, organisation, key.text)
    if row is None:
        return
    if row.idempotency_hash != key.digest:
        raise IdempotencyKeyReused(
            f"Idempotency-Key {key.text!r} was used for a different request; use a new one.", field="Idempotency-Key"
        )
    raise Replayed(row.id)
