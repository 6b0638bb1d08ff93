"""What a request says about the parts and the versions of a file it wants (RFC 9110, sections 13 and 14).

Pure functions of header values. Two rules of the RFC decide the odd cases: a header that is not understood is treated
as if it were not there, and a server may answer a request for several ranges with the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int


class Unsatisfiable(ValueError):
    """The range begins after the end of the file."""


def asked_span(headers: Mapping[str, str], size: int, etag: str, modified: datetime) -> Span | None:
    """The part of a file that a GET asks for; None for the whole.

    Args:
        headers: those of the request, with names in lower case.

    Raises:
        Unsatisfiable: if there is no such part.
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or not _still_the_same(headers.get("if-range"), etag, modified):
        return None
    first, last = match.groups()
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # not a range at all, says the RFC
    elif last:
        start, stop = max(0, size - int(last)), size
    else:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, stop)


def has_it_already(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Whether the client of a GET or HEAD has this version of the file."""
    if (known := headers.get("if-none-match")) is not None:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return tags == ["*"] or etag.removeprefix("W/") in tags
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified.replace(microsecond=0) <= since


def http_date(moment: datetime) -> str:
    """`moment` as in Last-Modified."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _still_the_same(if_range: str | None, etag: str, modified: datetime) -> bool:
    if if_range is None:
        return True
    return if_range in (etag, http_date(modified)) and not if_range.startswith("W/")


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
