"""Deleting for good: a generation with its inputs, working files and outputs; an asset with its file."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, select

from lipwright.service.jobs import face_cache
from lipwright.service.services import Services
from lipwright.service.storage import batches, generations
from lipwright.service.storage.tables import Asset, Batch, Delivery, Generation


async def remove_generation(services: Services, row: Generation) -> None:
    """Delete a generation that has ended: its row last, so that a crash on the way is mended by doing it again."""
    for folder in ("generations", "work"):
        await services.objects.delete_prefix(f"{folder}/{row.organisation_id}/{row.id}")
    for key in filter(None, (row.output_key, row.segment_output_key)):  # an output can be an input too
        await asyncio.to_thread(face_cache.remove, services.config, row.organisation_id, key)
    for asset in await asyncio.to_thread(_own_assets, services, row):
        await remove_asset(services, asset)
    await asyncio.to_thread(services.queue.forget, [row.id])
    await asyncio.to_thread(_forget, services, row)


async def remove_batch(services: Services, row: Batch) -> None:
    """Delete a batch that has ended, its lines and results; what is left of its generations stays."""
    await services.objects.delete_prefix(f"batches/{row.organisation_id}/{row.id}")
    await asyncio.to_thread(_forget_batch, services, row.id)


async def remove_asset(services: Services, row: Asset) -> None:
    """Delete an asset, its file and what was made of it.

    Other machines than this one forget the faces they found in it when they look next (`face_cache.sweep`).
    """
    await remove_asset_file(services, row.key)
    await asyncio.to_thread(face_cache.remove, services.config, row.organisation_id, row.key)
    if row.thumbnail_key is not None:
        await services.objects.delete(row.thumbnail_key)
    await services.objects.delete_prefix(f"faces/{row.organisation_id}/{row.id}")
    await asyncio.to_thread(_forget_asset, services, row.id)


async def remove_asset_file(services: Services, key: str) -> None:
    """Delete the object of an asset or upload."""
    await services.objects.delete(key)


def uses(services: Services, row: Asset, but: str | None = None) -> bool:
    """Whether a generation other than `but` has the asset's file among its inputs."""
    with services.database.reading() as session:
        query = select(Generation.id, Generation.request).where(
            Generation.organisation_id == row.organisation_id, Generation.status.in_(generations.ACTIVE)
        )
        for identity, request in session.execute(query):
            if identity != but and any(item.get("key") == row.key for item in request.get("input") or []):
                return True
    return False


def _own_assets(services: Services, row: Generation) -> list[Asset]:
    """The assets that came with this generation and that no other one in work uses."""
    with services.database.reading() as session:
        found = list(session.scalars(select(Asset).where(Asset.id.in_(row.own_assets or []))))
    return [asset for asset in found if not uses(services, asset, but=row.id)]


def _forget(services: Services, generation: Generation) -> None:
    with services.database.writing() as session:
        session.execute(delete(Delivery).where(Delivery.generation_id == generation.id))
        batches.release(session, generation)
        generations.remove(session, generation.id)


def _forget_batch(services: Services, batch: str) -> None:
    with services.database.writing() as session:
        batches.remove(session, batch)


def _forget_asset(services: Services, asset: str) -> None:
    with services.database.writing() as session:
        session.execute(delete(Asset).where(Asset.id == asset))
