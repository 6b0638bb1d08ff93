"""What is older than its organisation keeps things: generations and batches that ended, and assets nobody uses.

An organisation's own number of days comes before the installation's; none or 0 keeps everything. A generation or batch
is as old as its end. An asset is as old as its upload, and stays as long as anything that is kept uses it: a generation
that has not ended or ended within the time, or a line of a batch that is still to become one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from lipwright.service.orders.shape import entries
from lipwright.service.services import Services
from lipwright.service.storage import batches, generations
from lipwright.service.storage.tables import Asset, Batch, BatchRow, Generation, Organisation, now

_AT_ONCE = 200
"""Bodies in memory at a time; one may have megabytes."""


def expired(services: Services) -> tuple[list[Generation], list[Batch]]:
    """Generations and batches that ended too long ago."""
    found: list[Generation] = []
    old: list[Batch] = []
    with services.database.reading() as session:
        for organisation, before in _limits(services, session):
            mine = Generation.organisation_id == organisation
            found += session.scalars(select(Generation).where(mine, Generation.finished_at < before))
            old += batches.expired(session, organisation, before)
    return found, old


def unused_assets(services: Services) -> list[Asset]:
    """Assets that are too old and that nothing uses which is kept."""
    found: list[Asset] = []
    with services.database.reading() as session:
        for organisation, before in _limits(services, session):
            old = list(
                session.scalars(select(Asset).where(Asset.organisation_id == organisation, Asset.created_at < before))
            )
            if old:
                used = {*_inputs(session, organisation, before), *_ordered(services, session, organisation)}
                found += [asset for asset in old if asset.key not in used and asset.id not in used]
    return found


def _limits(services: Services, session: Session) -> Iterator[tuple[str, datetime]]:
    """Organisations that do not keep everything, and what is too old for each."""
    for organisation in session.scalars(select(Organisation)).all():
        own = organisation.retention_days
        days = services.config.retention_days if own is None else own
        if days > 0:
            yield organisation.id, now() - timedelta(days=days)


def _inputs(session: Session, organisation: str, before: datetime) -> Iterator[str]:
    """The objects that generations which are kept have among their inputs."""
    kept = or_(Generation.finished_at.is_(None), Generation.finished_at >= before)
    query = select(Generation.request).where(Generation.organisation_id == organisation, kept)
    for request in session.scalars(query.execution_options(yield_per=_AT_ONCE)):
        yield from (item["key"] for item in request.get("input") or [] if item.get("key"))


def _ordered(services: Services, session: Session, organisation: str) -> Iterator[str]:
    """The assets, by id or object, that lines of batches name which are not generations yet."""
    query = (
        select(BatchRow.payload)
        .join(Batch, Batch.id == BatchRow.batch_id)
        .where(Batch.organisation_id == organisation, BatchRow.status == generations.PENDING)
    )
    for payload in session.scalars(query.execution_options(yield_per=_AT_ONCE)):
        for item in entries(payload):
            yield from _named(services, item)


def _named(services: Services, item: Any) -> Iterator[str]:
    if isinstance(item, Mapping):
        yield from (str(item[name]) for name in ("assetId", "asset_id") if item.get(name))
        if isinstance(item.get("url"), str):
            key = services.links.key_of(item["url"])
            yield from () if key is None else (key,)
