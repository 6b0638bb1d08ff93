"""Batches as rows: creating one within its organisation's limit, finding them, and noting what becomes of each line.

A line (`BatchRow`) is PENDING until its generation is created, PROCESSING while that is in work, and then what the
generation ended as; a line that cannot be created is FAILED. It keeps its end when its generation is deleted. A batch
only ever goes PENDING -> JOBS_CREATED -> PROCESSING -> COMPLETED, or from PENDING to FAILED when no line could be
created. Whoever changes lines holds the batch's row (`lock`) until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from lipwright.service.storage import generations
from lipwright.service.storage.tables import Batch, BatchRow, Delivery, Generation, Organisation, now

PENDING, JOBS_CREATED, PROCESSING, COMPLETED, FAILED = "PENDING", "JOBS_CREATED", "PROCESSING", "COMPLETED", "FAILED"
ENDED = (COMPLETED, FAILED)
STATUSES = (PENDING, JOBS_CREATED, PROCESSING, *ENDED)

_ROW_IN_WORK, _ROW_OPEN = generations.PROCESSING, generations.ACTIVE


class AtLimit(Exception):
    """The organisation has as many batches in work as it may."""

    def __init__(self, active: int, limit: int) -> None:
        self.active, self.limit = active, limit
        super().__init__(f"{active} of {limit} batches are in work")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many lines a batch has, and how many ended in which way."""

    total: int = 0
    success: int = 0
    failed: int = 0

    @property
    def pending(self) -> int:
        """How many have not ended."""
        return self.total - self.success - self.failed


@dataclass(frozen=True, slots=True)
class Filter:
    """Which batches are asked for; None is any."""

    organisation: str
    status: str | None = None
    after: datetime | None = None
    before: datetime | None = None


def create(session: Session, batch: Batch, rows: Sequence[BatchRow], limit: int) -> None:
    """Add `batch` and its lines, if its organisation has fewer than `limit` in work; in a writing transaction.

    Raises:
        AtLimit: the organisation has not.
    """
    mine = Batch.organisation_id == batch.organisation_id
    owner = select(Organisation.id).where(Organisation.id == batch.organisation_id)
    session.execute(owner.with_for_update(key_share=True))
    active = session.scalar(select(func.count()).select_from(Batch).where(mine, Batch.status.not_in(ENDED))) or 0
    if active >= limit:
        raise AtLimit(active, limit)
    session.add(batch)
    session.flush()
    session.add_all(rows)


def find(session: Session, organisation: str, batch: str) -> Batch | None:
    """One batch of an organisation."""
    row = session.get(Batch, batch)
    return row if row is not None and row.organisation_id == organisation else None


def page(session: Session, which: Filter) -> list[Batch]:
    """Batches, newest first."""
    query = select(Batch).where(Batch.organisation_id == which.organisation)
    if which.status is not None:
        query = query.where(Batch.status == which.status)
    if which.after is not None:
        query = query.where(Batch.created_at > which.after)
    if which.before is not None:
        query = query.where(Batch.created_at < which.before)
    return list(session.scalars(query.order_by(Batch.created_at.desc(), Batch.id.desc())))


def counts(session: Session, batches: Sequence[Batch]) -> dict[str, Counts]:
    """The counts of each of these batches by its id."""
    done = func.sum(case((BatchRow.status == generations.COMPLETED, 1), else_=0))
    still = func.sum(case((BatchRow.status.in_(_ROW_OPEN), 1), else_=0))
    found = {batch.id: Counts() for batch in batches}
    # In parts, since databases limit the parameters of a query.
    for start in range(0, len(batches), 500):
        ids = [batch.id for batch in batches[start : start + 500]]
        query = select(BatchRow.batch_id, func.count(), done, still).where(BatchRow.batch_id.in_(ids))
        for batch, total, success, open_ in session.execute(query.group_by(BatchRow.batch_id)):
            found[batch] = Counts(total, int(success), total - int(success) - int(open_))
    return found


def unended(session: Session) -> list[str]:
    """The ids of all batches that have not ended, of every organisation."""
    return list(session.scalars(select(Batch.id).where(Batch.status.not_in(ENDED))))


def lock(session: Session, batch: str) -> Batch | None:
    """The batch, with its row held until the transaction ends. (SQLite has a single writer anyway.)"""
    return session.get(Batch, batch, with_for_update=True, populate_existing=True)


def settle(session: Session, batch: Batch) -> None:
    """Note which lines of a locked batch have ended with their generations, and how far it is."""
    query = (
        select(BatchRow, Generation.id, Generation.status, Generation.started_at, Generation.error)
        .add_columns(Generation.error_code)
        .outerjoin(Generation, Generation.id == BatchRow.generation_id)
        .where(BatchRow.batch_id == batch.id, BatchRow.status == _ROW_IN_WORK)
    )
    for row, generation, status, started, error, code in session.execute(query).all():
        if generation is None:
            row.status, row.generation_id = generations.FAILED, None
            row.error, row.error_code = "The generation does not exist any more.", "generation_not_found"
        elif status in generations.ENDED:
            row.status, row.error, row.error_code = status, error, code
        if batch.status == JOBS_CREATED and (started is not None or row.status != _ROW_IN_WORK):
            batch.status = PROCESSING
    session.flush()


def next_rows(session: Session, batch: str, at_once: int) -> list[BatchRow]:
    """The lines to be created next, so that `at_once` are in work."""
    mine = BatchRow.batch_id == batch
    free = at_once - _in_work(session, batch)
    if free <= 0:
        return []
    query = select(BatchRow).where(mine, BatchRow.status == generations.PENDING).order_by(BatchRow.line).limit(free)
    return list(session.scalars(query))


def take(session: Session, batch: str, line: int, generation: str, at_once: int) -> bool:
    """Note that a line becomes this generation, in the transaction that creates it.

    False if it must not be created: somebody else did, it was refused, enough are in work, or the batch is gone.
    """
    held = lock(session, batch)
    row = session.get(BatchRow, (batch, line), populate_existing=True)
    if held is None or row is None or row.status != generations.PENDING or _in_work(session, batch) >= at_once:
        return False
    row.status, row.generation_id = _ROW_IN_WORK, generation
    if held.status == PENDING:
        held.status = JOBS_CREATED
    return True


def refuse(session: Session, batch: str, line: int, code: str, message: str) -> None:
    """Note that a line could not be created, unless somebody else did create it."""
    if lock(session, batch) is not None:
        session.execute(
            update(BatchRow)
            .where(BatchRow.batch_id == batch, BatchRow.line == line, BatchRow.status == generations.PENDING)
            .values(status=generations.FAILED, error=message, error_code=code)
        )


def release(session: Session, generation: Generation) -> None:
    """Let a line keep how its generation ended, which is about to be deleted."""
    if generation.batch_id is None or lock(session, generation.batch_id) is None:
        return
    query = select(BatchRow).where(
        BatchRow.batch_id == generation.batch_id, BatchRow.generation_id == generation.id
    )  # at most one
    for row in session.scalars(query):
        if row.status == _ROW_IN_WORK:
            row.status, row.error, row.error_code = generation.status, generation.error, generation.error_code
        row.generation_id = None


def is_over(session: Session, batch: str) -> bool:
    """Whether no line is left to be waited for."""
    query = select(BatchRow.line).where(BatchRow.batch_id == batch, BatchRow.status.in_(_ROW_OPEN)).limit(1)
    return session.scalars(query).first() is None


def outcomes(session: Session, batch: str) -> list[tuple[BatchRow, Generation | None]]:
    """Every line, in order, with its generation as far as there is one."""
    rows = session.execute(
        select(BatchRow, Generation)
        .outerjoin(Generation, Generation.id == BatchRow.generation_id)
        .where(BatchRow.batch_id == batch)
        .order_by(BatchRow.line)
    )
    return [(row, generation) for row, generation in rows]


def end(batch: Batch, result_key: str) -> None:
    """Give a locked batch, of which every line has ended, its last status."""
    batch.status = FAILED if batch.status == PENDING else COMPLETED
    batch.error = "No line of the batch could be created." if batch.status == FAILED else None
    batch.result_key, batch.finished_at = result_key, now()


def expired(session: Session, organisation: str, before: datetime) -> list[Batch]:
    """The batches of an organisation that ended before that time."""
    return list(session.scalars(select(Batch).where(Batch.organisation_id == organisation, Batch.finished_at < before)))


def remove(session: Session, batch: str) -> None:
    """Forget a batch, its lines and its webhook."""
    session.execute(delete(Delivery).where(Delivery.batch_id == batch))
    session.execute(delete(BatchRow).where(BatchRow.batch_id == batch))
    session.execute(delete(Batch).where(Batch.id == batch))


def _in_work(session: Session, batch: str) -> int:
    query = select(func.count()).select_from(BatchRow)
    return session.scalar(query.where(BatchRow.batch_id == batch, BatchRow.status == _ROW_IN_WORK)) or 0
