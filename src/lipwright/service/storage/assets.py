"""Assets as rows: finding them, and listing them in any order, a page at a time.

A page begins after the last item of the one before it. The cursor holds that item's place in the order and not its
number in the list, so that assets that come and go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from lipwright.service.storage.tables import Asset, Moment

TYPES = ("AUDIO", "VIDEO", "IMAGE")
VISIBILITIES = ("USER", "ORGANIZATION")

_COLUMNS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(Asset.name),
    "date": Asset.created_at.expression,
    "duration": func.coalesce(Asset.duration_seconds, -1.0),
    "size": func.coalesce(Asset.size, -1),
    "kind": Asset.type.expression,
}
"""What each order goes by; what has no length or size comes before what has."""

SORTS = tuple(f"{name}{way}" for name in _COLUMNS for way in ("Asc", "Desc"))
NEWEST = "dateDesc"

_LARGEST = 2**63


class BadCursor(ValueError):
    """It is no cursor, or one of another order."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which assets are asked for; None is any."""

    organisation: str
    types: Sequence[str] | None = None
    project: str | None = None
    search: str | None = None

    def on(self, query: Select[Any]) -> Select[Any]:
        """`query` with these conditions."""
        query = query.where(Asset.organisation_id == self.organisation)
        if self.types is not None:
            query = query.where(Asset.type.in_(self.types))
        if self.project is not None:
            query = query.where(Asset.project_id == self.project)
        if self.search is not None:
            query = query.where(Asset.name.icontains(self.search, autoescape=True))
        return query


def find(session: Session, organisation: str, asset: str, *, lock: bool = False) -> Asset | None:
    """One asset of an organisation; with `lock`, nobody else changes it until the transaction ends."""
    row = session.get(Asset, asset, with_for_update=True if lock else None)
    return row if row is not None and row.organisation_id == organisation else None


def with_key(session: Session, organisation: str, key: str) -> Asset | None:
    """The asset of an organisation whose file is the object `key`."""
    query = select(Asset).where(Asset.organisation_id == organisation, Asset.key == key)
    return session.scalars(query).first()


def count(session: Session, which: Filter) -> int:
    """How many there are."""
    return session.scalar(which.on(select(func.count()).select_from(Asset))) or 0


def page(
    session: Session, which: Filter, sort: str, limit: int, cursor: str | None
) -> tuple[list[Asset], str | None]:  # fmt: skip
    """At most `limit` assets in the order `sort`, and the cursor of what follows if something does.

    Raises:
        BadCursor: `cursor` was not given out for this order.
    """
    name, descending = sort.removesuffix("Asc").removesuffix("Desc"), sort.endswith("Desc")
    column = _COLUMNS[name]
    place = tuple_(column, Asset.id)
    query = which.on(select(Asset, column))
    if cursor is not None:
        value, identity = _read(cursor, sort)
        seen = tuple_(literal(value, Moment() if name == "date" else column.type), literal(identity))
        query = query.where(place < seen if descending else place > seen)
    order = (column.desc(), Asset.id.desc()) if descending else (column.asc(), Asset.id.asc())
    found = session.execute(query.order_by(*order).limit(limit + 1)).all()
    if len(found) <= limit:
        return [row for row, _ in found], None
    last, value = found[limit - 1]
    return [row for row, _ in found[:limit]], _cursor(sort, value, last.id)


def _cursor(sort: str, value: Any, identity: str) -> str:
    told = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, told, identity]).encode()).decode().rstrip("=")


def _read(cursor: str, sort: str) -> tuple[Any, str]:
    """The place that a cursor tells; what comes from a client must not become an error of the database."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        given, value, identity = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if given != sort or not isinstance(identity, str) or not identity.isprintable():
            raise ValueError
        if sort.startswith(("duration", "size")):
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
                raise ValueError
            return (float(value) if sort.startswith("duration") else int(value)), identity
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError
        return (datetime.fromisoformat(value).astimezone(UTC) if sort.startswith("date") else value), identity
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadCursor(cursor) from None
