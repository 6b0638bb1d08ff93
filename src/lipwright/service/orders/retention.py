"""What is older than it is kept: generations and batches that ended, assets nobody uses, uploads nobody registered.

An organisation's own number of days comes before the installation's; none or 0 keeps everything. A generation or batch
is as old as its end. An asset is as old as its upload, and stays as long as anything that is kept uses it: a generation
that has not ended or ended within the time, or a line of a batch that is still to become one. So does an upload, which
can be used by its address without being made an asset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from lipwright.service.orders.shape import entries
from lipwright.service.services import Services
from lipwright.service.storage import batches, generations
from lipwright.service.storage.tables import Asset, Batch, BatchRow, Generation, Organisation, Upload, now

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
                mine = Generation.organisation_id == organisation
                kept = or_(Generation.finished_at.is_(None), Generation.finished_at >= before)
                lines = _ordered(services, session, Batch.organisation_id == organisation)
                used = {*_inputs(session, mine, kept), *lines}
                found += [asset for asset in old if asset.key not in used and asset.id not in used]
    return found


def _limits(services: Services, session: Session) -> Iterator[tuple[str, datetime]]:
    """Organisations that do not keep everything, and what is too old for each."""
    for organisation in session.scalars(select(Organisation)).all():
        own = organisation.retention_days
        days = services.config.retention_days if own is None else own
        if days > 0:
            yield organisation.id, now() - timedelta(days=days)


def stale_uploads(services: Services) -> list[str]:
    """The objects of uploads that never became assets and are too old; their rows are gone afterwards."""
    limit = now() - timedelta(hours=services.config.upload_hours)
    with services.database.writing() as session:
        old = list(session.scalars(select(Upload).where(Upload.created_at < limit)))
        if not old:
            return []
        used = {*_inputs(session, Generation.status.in_(generations.ACTIVE)), *_ordered(services, session)}
        stale = [row for row in old if row.key not in used]
        for row in stale:
            session.delete(row)
        return [row.key for row in stale]


def _inputs(session: Session, *which: ColumnElement[bool]) -> Iterator[str]:
    """The objects that these generations have among their inputs."""
    query = select(Generation.request).where(*which)
    for request in session.scalars(query.execution_options(yield_per=_AT_ONCE)):
        yield from (item["key"] for item in request.get("input") or [] if item.get("key"))


def _ordered(services: Services, session: Session, *which: ColumnElement[bool]) -> Iterator[str]:
    """The assets, by id or object, that lines of these batches name which are not generations yet."""
    query = (
        select(BatchRow.payload)
        .join(Batch, Batch.id == BatchRow.batch_id)
        .where(BatchRow.status == generations.PENDING, *which)
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
