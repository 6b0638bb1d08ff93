"""Generations as rows: creating one within its key's limit and turn, finding them, and moving them through their life.

A status only ever goes PENDING -> PROCESSING -> COMPLETED | FAILED | REJECTED, and every change says from which status:
a worker that comes back from the dead cannot overwrite what became of a generation in the meantime.

**Turns.** Jobs are taken from the queue by the number `turn`, which is dealt as in start-time fair queueing (Goyal, Vin
and Cheng, 1996) with jobs of equal weight: a job's turn is one after the later of its key's last job and of the job
that was started last. So keys that wait are served one after the other, however many jobs one of them piled up, and a
key that was idle has no credit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select, tuple_, update
from sqlalchemy.orm import Session, defer

from lipwright.service.storage.tables import ApiKey, Generation, now

PENDING, PROCESSING, COMPLETED, FAILED, REJECTED = "PENDING", "PROCESSING", "COMPLETED", "FAILED", "REJECTED"
ACTIVE = (PENDING, PROCESSING)
ENDED = (COMPLETED, FAILED, REJECTED)
STATUSES = (*ACTIVE, *ENDED)


class AtLimit(Exception):
    """The key has as many generations in work as it may."""

    def __init__(self, active: int, limit: int) -> None:
        self.active, self.limit = active, limit
        super().__init__(f"{active} of {limit} generations are in work")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which generations are asked for; None is any."""

    organisation: str
    statuses: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    source: str | None = None
    project: str | None = None

    def on(self, query: Select[Any]) -> Select[Any]:
        """`query` with these conditions."""
        query = query.where(Generation.organisation_id == self.organisation)
        if self.statuses is not None:
            query = query.where(Generation.status.in_(self.statuses))
        if self.ids is not None:
            query = query.where(Generation.id.in_(self.ids))
        if self.source is not None:
            query = query.where(Generation.source == self.source)
        if self.project is not None:
            query = query.where(Generation.project_id == self.project)
        return query


def lock(session: Session, key: str) -> None:
    """Hold the key's row until the transaction ends, so that counting and adding are one step.

    For PostgreSQL; SQLite has a single writer anyway.
    """
    session.execute(select(ApiKey.id).where(ApiKey.id == key).with_for_update())


def create(session: Session, generation: Generation, limit: int | None) -> None:
    """Add `generation` with its turn, if its key has fewer than `limit` in work; in a writing transaction.

    Raises:
        AtLimit: the key has not.
    """
    mine = Generation.api_key_id == generation.api_key_id
    lock(session, generation.api_key_id)
    if limit is not None:
        own = (mine, Generation.status.in_(ACTIVE), Generation.batch_id.is_(None))  # batches have limits of their own
        active = session.scalar(select(func.count()).select_from(Generation).where(*own)) or 0
        if active >= limit:
            raise AtLimit(active, limit)
    last = session.scalar(select(func.max(Generation.turn)).where(mine)) or 0
    started = session.scalar(select(func.max(Generation.turn)).where(Generation.started_at.is_not(None))) or 0
    generation.turn = max(last, started) + 1
    session.add(generation)
    session.flush()


def find(session: Session, organisation: str, generation: str) -> Generation | None:
    """One generation of an organisation."""
    row = session.get(Generation, generation)
    return row if row is not None and row.organisation_id == organisation else None


def with_idempotency_key(session: Session, organisation: str, key: str) -> Generation | None:
    """The generation that was created under an Idempotency-Key."""
    query = select(Generation).where(Generation.organisation_id == organisation, Generation.idempotency_key == key)
    return session.scalars(query).first()


def page(session: Session, which: Filter, limit: int | None, after: str | None) -> list[Generation]:
    """Generations, newest first; `after` is the id of the last one seen."""
    # The request is the one column that can be large (boxes for every frame), and no answer shows it.
    query = which.on(select(Generation).options(defer(Generation.request))).order_by(
        Generation.created_at.desc(), Generation.id.desc()
    )
    if after is not None:
        seen = session.get(Generation, after)
        if seen is None or seen.organisation_id != which.organisation:
            return []
        query = query.where(tuple_(Generation.created_at, Generation.id) < (seen.created_at, seen.id))
    return list(session.scalars(query.limit(limit) if limit is not None else query))


def count(session: Session, which: Filter) -> int:
    """How many there are."""
    return session.scalar(which.on(select(func.count()).select_from(Generation))) or 0


def begin(session: Session, generation: str) -> Generation | None:
    """Mark a generation as running and return it; None if it has ended (or is gone)."""
    session.execute(
        update(Generation)
        .where(Generation.id == generation, Generation.status == PENDING)
        .values(status=PROCESSING, started_at=now(), updated_at=now())
    )
    row = session.get(Generation, generation)
    return row if row is not None and row.status == PROCESSING else None


def tell(session: Session, generation: str, progress: dict[str, Any]) -> None:
    """Note how far a running generation is."""
    session.execute(
        update(Generation)
        .where(Generation.id == generation, Generation.status == PROCESSING)
        .values(progress=progress, updated_at=now())
    )


def end(session: Session, generation: str, status: str, **values: Any) -> bool:
    """Give a generation its last status; False if it already had one (or is gone)."""
    ended = session.execute(
        update(Generation)
        .where(Generation.id == generation, Generation.status.in_(ACTIVE))
        .values(status=status, finished_at=now(), updated_at=now(), progress=None, **values)
        .returning(Generation.id)
    )
    return ended.first() is not None


def remove(session: Session, generation: str) -> None:
    """Forget a generation."""
    session.execute(delete(Generation).where(Generation.id == generation))


def speed(session: Session, jobs: int = 50) -> float | None:
    """Output frames per second of the last `jobs` generations, from start to end; None if there were none."""
    rows = session.execute(
        select(Generation.frames, Generation.started_at, Generation.finished_at)
        .where(Generation.status == COMPLETED, Generation.frames.is_not(None), Generation.started_at.is_not(None))
        .order_by(Generation.finished_at.desc())
        .limit(jobs)
    ).all()
    seconds = sum((stop - start).total_seconds() for _, start, stop in rows if start and stop)
    return sum(frames or 0 for frames, _, _ in rows) / seconds if seconds > 0 else None
