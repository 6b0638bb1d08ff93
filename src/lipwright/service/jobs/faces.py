"""The faces of an asset: a child looks, and the asset remembers what it saw."""

from __future__ import annotations

import asyncio
from typing import Any

from lipwright.errors import LipwrightError
from lipwright.service.jobs import face_cache
from lipwright.service.jobs.children import ChildLimits, StageFailure, run_stage
from lipwright.service.jobs.workplace import Workplace
from lipwright.service.services import Services, media_limits
from lipwright.service.storage.objects import ObjectMissing
from lipwright.service.storage.tables import Asset

Json = dict[str, Any]

PROCESSING, COMPLETED, FAILED = "PROCESSING", "COMPLETED", "FAILED"


async def find_faces(services: Services, asset: str) -> Json:
    """Find the faces of an asset and note them, or why there are none, in its row."""
    row = await asyncio.to_thread(_read, services, asset)
    if row is None:
        return {"status": FAILED}
    try:
        facts = await _found(services, row)
    except StageFailure as failure:
        facts = _failed(failure.code, failure.message)
    except LipwrightError as error:
        facts = _failed(error.code, error.message)
    except ObjectMissing:
        facts = _failed("generation_input_video_inaccessible", "The asset's file does not exist any more.")
    if not await asyncio.to_thread(_write, services, asset, facts):
        await services.objects.delete_prefix(_prefix(row))  # the asset was deleted meanwhile
        await asyncio.to_thread(face_cache.remove, services.config, row.organisation_id, row.key)
    return {"status": facts["status"]}


async def _found(services: Services, row: Asset) -> Json:
    place = Workplace(services.config.work_dir, services.objects, f"faces-{row.id}")
    try:
        async with place.step("look") as folder:
            sheet = folder / "faces.png"
            task = {
                "path": str(await place.local(row.key)),
                "sheet": str(sheet),
                "cache": str(face_cache.folder_for(services.config, row.organisation_id, row.key, folder)),
                "media": media_limits(services.config),
            }
            found = await run_stage("faces", task, ChildLimits.of(services.config))
            key = None
            if sheet.exists():
                key = f"{_prefix(row)}/faces.png"
                await services.objects.put_file(key, sheet)
        return {"status": COMPLETED, "faces": found["faces"], "sheet": key}
    finally:
        await place.clear()


def _prefix(row: Asset) -> str:
    return f"faces/{row.organisation_id}/{row.id}"


def _failed(code: str, message: str) -> Json:
    return {"status": FAILED, "faces": [], "error": message, "errorCode": code}


def _read(services: Services, asset: str) -> Asset | None:
    with services.database.reading() as session:
        return session.get(Asset, asset)


def _write(services: Services, asset: str, facts: Json) -> bool:
    """Note what was found; False if the asset is gone."""
    with services.database.writing() as session:
        row = session.get(Asset, asset, with_for_update=True)
        if row is None:
            return False
        row.faces = {"number": (row.faces or {}).get("number", 0), **facts}
        return True
