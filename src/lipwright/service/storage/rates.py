"""Calls counted in the database, so that several API processes count together.

A window is a period of the rate (a minute, say) by the database's clock, and a row counts the calls in it. Counting is
one statement that adds a call only where there is room for it, so that any number of processes that count at once let
through exactly as many calls as the rate allows. A row says when its window ends and so needs nothing else to be
known as old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import RateWindow

__all__ = ["Counted", "count", "forget_old"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Whether a call was let through, and in how many seconds the next window begins."""

    allowed: bool
    seconds_left: float


def count(database: Database, key: str, kind: str, period: float, limit: int) -> Counted:
    """Count a call of `key`, if it had fewer than `limit` of this kind in this window of `period` seconds."""
    with database.writing() as session:
        clock = database.clock(session)
        ends_at = (clock // period + 1) * period
        allowed = limit > 0 and _add(session, sqlite_is=database.is_sqlite, key=key, kind=kind, at=ends_at, limit=limit)
    return Counted(allowed, ends_at - clock)


def forget_old(database: Database) -> int:
    """Remove windows that are over; how many there were."""
    with database.writing() as session:
        gone = session.execute(delete(RateWindow).where(RateWindow.ends_at < database.clock(session)))
        return cast("CursorResult[Any]", gone).rowcount


def _add(session: Session, *, sqlite_is: bool, key: str, kind: str, at: float, limit: int) -> bool:
    insert = sqlite.insert if sqlite_is else postgresql.insert
    statement = (
        insert(RateWindow)
        .values(key=key, kind=kind, ends_at=at, count=1)
        .on_conflict_do_update(
            index_elements=[RateWindow.key, RateWindow.kind, RateWindow.ends_at],
            set_={"count": RateWindow.count + 1},
            where=RateWindow.count < limit,
        )
        .returning(RateWindow.count)
    )
    return session.execute(statement).first() is not None
