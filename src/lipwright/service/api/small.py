"""Small JSON bodies and query parameters, with both spellings of every name."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

from lipwright.errors import Fault, RequestError
from lipwright.service.api.bodies import read_json
from lipwright.service.config import ServiceConfig
from lipwright.timeline.fields import Fields, camel, finite, shown

LONGEST_NAME = 255


async def read_fields(request: Request, config: ServiceConfig, *, optional: bool = False) -> Fields:
    """The body, a JSON object; with `optional` there need not be one.

    Raises:
        RequestError: it is none. HTTPException: 408, 413.
    """
    headers = request.headers
    absent = "transfer-encoding" not in headers and headers.get("content-length", "0").strip() == "0"
    value = {} if optional and absent else await read_json(request, config)
    if not isinstance(value, dict):
        raise RequestError(f"The request must be a JSON object, not {shown(value)}.", field="body")
    return Fields(value, "", [])


def refuse_faults(faults: list[Fault]) -> None:
    """Raise `RequestError` with all of them if there are any."""
    if faults:
        raise RequestError.of(faults)


def line(fields: Fields, key: str, *, needed: bool = False) -> str | None:
    """A line of text, 1 to `LONGEST_NAME` characters that can be seen; None if it is not there."""
    raw = fields.raw(key)
    if raw is None:
        if needed:
            fields.fault(key, "is missing.")
        return None
    text = raw.strip() if isinstance(raw, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        fields.fault(key, f"must be a line of 1 to {LONGEST_NAME} characters, not {shown(raw)}.")
        return None
    return text


def choice(fields: Fields, key: str, allowed: Sequence[str], *, needed: bool = False) -> str | None:
    """One of `allowed`; None if it is not there."""
    raw = fields.raw(key)
    if raw is None:
        if needed:
            fields.fault(key, f"is missing; it must be one of {', '.join(allowed)}.")
        return None
    if raw not in allowed:
        fields.fault(key, f"must be one of {', '.join(allowed)}, not {shown(raw)}.")
        return None
    return str(raw)


def byte_count(fields: Fields, key: str, low: int = 0) -> int | None:
    """A number of bytes, which may be larger than any time or frame number; None if it is not there."""
    raw = fields.raw(key)
    number = finite(raw)
    if number is not None and number.denominator == 1 and number >= low:
        return int(number)
    if raw is not None:
        fields.fault(key, f"must be a number of bytes, {low} or more, not {shown(raw)}.")
    return None


def asked(request: Request, key: str) -> str | None:
    """A parameter of the query, named in snake_case here; None if it is not there or empty.

    Raises:
        RequestError: it holds what cannot be seen.
    """
    query = request.query_params
    text = query.get(camel(key), "").strip() or query.get(key, "").strip() or None
    if text is not None and not text.isprintable():
        raise RequestError(f"{camel(key)} must be a line of text, not {shown(text)}.", field=camel(key))
    return text
