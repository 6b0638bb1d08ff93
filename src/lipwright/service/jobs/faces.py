"""The faces of an asset: a child looks, and the asset remembers what it saw."""

from __future__ import annotations

import asyncio
from typing import Any

from lipwright.service.jobs.children import ChildLimits, StageFailure, run_stage
from lipwright.service.jobs.workplace import Workplace
from lipwright.service.services import Services, media_limits
from lipwright.service.storage.tables import Asset

Json = dict[str, Any]

PROCESSING, COMPLETED, FAILED = "PROCESSING", "COMPLETED", "FAILED"


async def find_faces(services: Services, asset: str) -> Json:
    """Find the faces of an asset and note them in its row."""
    row = await asyncio.to_thread(_read, services, asset)
    if row is None:
        return {"status": FAILED}
    place = Workplace(services.config.work_dir, services.objects, f"faces-{asset}")
    try:
        async with place.step("look") as folder:
            sheet = folder / "faces.png"
            task = {
                "path": str(await place.local(row.key)),
                "sheet": str(sheet),
                "cache": str(services.config.data_dir / "cache" / "faces"),
                "media": media_limits(services.config),
            }
            found = await run_stage("faces", task, ChildLimits.of(services.config))
            key = f"faces/{row.organisation_id}/{asset}/faces.png"
            if sheet.exists():
                await services.objects.put_file(key, sheet)
        facts = {"status": COMPLETED, "faces": found["faces"], "sheet": key}
    except StageFailure as failure:
        facts = {"status": FAILED, "faces": [], "error": failure.message, "errorCode": failure.code}
    finally:
        await place.clear()
    await asyncio.to_thread(_write, services, asset, facts)
    return {"status": facts["status"]}


def _read(services: Services, asset: str) -> Asset | None:
    with services.database.reading() as session:
        return session.get(Asset, asset)


def _write(services: Services, asset: str, facts: Json) -> None:
    with services.database.writing() as session:
        row = session.get(Asset, asset, with_for_update=True)
        if row is not None:
            row.faces = {**(row.faces or {}), **facts}
