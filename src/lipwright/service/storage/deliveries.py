"""Webhooks to be delivered: written down in the same transaction that ends what they tell of, once."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from lipwright.service.storage.tables import Delivery, now

PENDING, DELIVERED, FAILED = "PENDING", "DELIVERED", "FAILED"

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


def attempted(session: Session, delivery: str, attempt: dict[str, Any], delivered: bool, last: bool) -> None:
    """Add a try to the log of a delivery."""
    row = session.get(Delivery, delivery, with_for_update=True)
    if row is None:
        return
    row.attempts = [*row.attempts, attempt]
    if delivered:
        row.status, row.delivered_at = DELIVERED, now()
    elif last and row.status != DELIVERED:
        row.status = FAILED


def page(
    session: Session, organisation: str, generation: str | None, status: str | None, limit: int, after: str | None
) -> list[Delivery]:
    """Deliveries of an organisation, newest first; `after` is the id of the last one seen."""
    query = select(Delivery).where(Delivery.organisation_id == organisation)
    if generation is not None:
        query = query.where(Delivery.generation_id == generation)
    if status is not None:
        query = query.where(Delivery.status == status)
    if after is not None:
        seen = session.get(Delivery, after)
        if seen is None or seen.organisation_id != organisation:
            return []
        query = query.where(tuple_(Delivery.created_at, Delivery.id) < (seen.created_at, seen.id))
    return list(session.scalars(query.order_by(Delivery.created_at.desc(), Delivery.id.desc()).limit(limit)))
