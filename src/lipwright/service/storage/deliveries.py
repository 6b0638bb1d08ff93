"""Webhooks to be delivered: written down in the same transaction that ends what they tell of, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from lipwright.service.storage.tables import Delivery, now

PENDING, DELIVERED, FAILED = "PENDING", "DELIVERED", "FAILED"
STATUSES = (PENDING, DELIVERED, FAILED)

_SPACE = UUID("6c697077-7269-4768-8877-6562686f6f6b")


def delivery_id(subject: str) -> str:
    """The id of the delivery that tells of `subject`: always the same, so that there is one."""
    return f"msg_{uuid5(_SPACE, subject).hex}"


def create(
    session: Session,
    organisation: str,
    url: str,
    body: bytes,
    *,
    generation: str | None = None,
    batch: str | None = None,
) -> str:
    """Write down that `body` has to go to `url`, unless it is written down already; the delivery's id."""
    identity = delivery_id(generation or batch or "")
    if session.get(Delivery, identity) is None:
        session.add(
            Delivery(
                id=identity,
                organisation_id=organisation,
                generation_id=generation,
                batch_id=batch,
                url=url,
                body=body.decode("utf-8"),
            )
        )
    return identity


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries are asked for; None is any."""

    organisation: str
    generation: str | None = None
    batch: str | None = None
    statuses: Sequence[str] | None = None


def attempted(session: Session, delivery: str, attempt: dict[str, Any], delivered: bool, last: bool) -> None:
    """Add a try to the log of a delivery; its number is its place there, through repetitions too."""
    row = session.get(Delivery, delivery, with_for_update=True)
    if row is None:
        return
    row.attempts = [*row.attempts, {"number": len(row.attempts) + 1, **attempt}]
    if delivered:
        row.status, row.delivered_at = DELIVERED, now()
    elif last and row.status != DELIVERED:
        row.status = FAILED


def reopen(row: Delivery) -> None:
    """Make a delivery one that is still to be made, its log kept."""
    row.status, row.delivered_at = PENDING, None


def find(session: Session, organisation: str, delivery: str) -> Delivery | None:
    """One delivery of an organisation; `delivery` is what a stranger calls an id."""
    row = session.get(Delivery, delivery) if delivery.isprintable() else None
    return row if row is not None and row.organisation_id == organisation else None


def page(session: Session, which: Filter, limit: int, after: str | None) -> list[Delivery]:
    """Deliveries of an organisation, newest first; `after` is the id of the last one seen."""
    query = select(Delivery).where(Delivery.organisation_id == which.organisation)
    if which.generation is not None:
        query = query.where(Delivery.generation_id == which.generation)
    if which.batch is not None:
        query = query.where(Delivery.batch_id == which.batch)
    if which.statuses is not None:
        query = query.where(Delivery.status.in_(which.statuses))
    if after is not None:
        seen = find(session, which.organisation, after)
        if seen is None:
            return []
        query = query.where(tuple_(Delivery.created_at, Delivery.id) < (seen.created_at, seen.id))
    return list(session.scalars(query.order_by(Delivery.created_at.desc(), Delivery.id.desc()).limit(limit)))
