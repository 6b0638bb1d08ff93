"""Lists in a query, in the three ways that clients write them (contract section 6.3).

The Python SDK repeats the name (`status=A&status=B`), the TypeScript one sends a JSON array (`status=["A","B"]`), and
the documentation says comma-separated (`status=A,B`).
"""

from __future__ import annotations

import json

from fastapi import Request

from lipwright.errors import Fault, RequestError


def listed(request: Request, *names: str) -> list[str] | None:
    """The values of a query parameter under any of its `names`; None if it is not there, or is empty.

    Raises:
        RequestError: a JSON array that is none, or holds something other than strings.
    """
    given = [value for name in names for value in request.query_params.getlist(name) if value.strip()]
    if not given:
        return None
    values: list[str] = []
    for text in given:
        if text.lstrip().startswith(("[", '"')):
            try:
                items = json.loads(text)
            except (ValueError, RecursionError):
                items = None
            if isinstance(items, str):  # what the TypeScript SDK makes of a single value
                items = [items]
            if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
                raise RequestError(f"{names[0]} must be a list of strings, not {text[:80]!r}.", field=names[0])
            values += items
        else:
            values += [part.strip() for part in text.split(",") if part.strip()]
    for value in values:
        _seen(names[0], value)
    return values


def text(request: Request, *names: str) -> str | None:
    """A text in the query under any of its `names`; None if it is not there, or is empty.

    Raises:
        RequestError: it holds what cannot be seen, which is no name of anything, and which not every database takes.
    """
    found = next((value for name in names if (value := request.query_params.get(name, "").strip())), None)
    if found is not None:
        _seen(names[0], found)
    return found


def _seen(name: str, value: str) -> None:
    if not value.isprintable():
        raise RequestError(f"{name} must be text, not {value[:80]!r}.", field=name)


def one_of(values: list[str] | None, allowed: tuple[str, ...], name: str) -> list[str] | None:
    """`values` if each is allowed.

    Raises:
        RequestError: one is not.
    """
    wrong = [value for value in values or () if value not in allowed]
    if wrong:
        raise RequestError.of([Fault(name, f"{name} must be one of {', '.join(allowed)}, not {wrong[0][:80]!r}.")])
    return values


def whole(request: Request, name: str, low: int, high: int, default: int | None = None) -> int | None:
    """A whole number in the query.

    Raises:
        RequestError: it is none, or out of range.
    """
    text = request.query_params.get(name)
    if text is None or not text.strip():
        return default
    text = text.strip()
    if len(text) > 18 or not text.isdecimal() or not low <= int(text) <= high:
        raise RequestError(f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}.", field=name)
    return int(text)


def switch(request: Request, name: str) -> bool:
    """A true or false in the query, false by default.

    Raises:
        RequestError: it is neither.
    """
    text = request.query_params.get(name, "").strip().lower()
    if text in ("true", "1"):
        return True
    if text in ("false", "0", ""):
        return False
    raise RequestError(f"{name} must be true or false, not {text[:40]!r}.", field=name)
