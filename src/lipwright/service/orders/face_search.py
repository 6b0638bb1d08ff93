"""Finding the faces of an asset: asked for once, done by a job, remembered in the asset's row.

`Asset.faces` is JSON: `status`, `number` (which time of asking this is, and part of the job's id), and at the end
`faces` and `sheet`, or `error` and `errorCode`. The row says PROCESSING before the queue is asked; if this process dies
in between, asking again asks the queue again, for the same job.
"""

from __future__ import annotations

import asyncio
from typing import Any

from lipwright.error_codes import known
from lipwright.errors import AssetNotFound, AssetTypeMismatch
from lipwright.service.jobs.faces import COMPLETED, FAILED, PROCESSING
from lipwright.service.jobs.queue import faces_workflow
from lipwright.service.services import Services
from lipwright.service.storage import assets
from lipwright.service.storage.tables import Asset

Json = dict[str, Any]

NOT_STARTED = "NOT_STARTED"

_DEAD = {"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}


async def search(services: Services, row: Asset, again: bool) -> Json:
    """Have the faces of an asset found, unless they are being found or, but for `again`, were; what is known now.

    Raises:
        AssetTypeMismatch: it has no picture.
    """
    if row.type == "AUDIO":
        raise AssetTypeMismatch("The asset is an audio; faces can be found in a video or an image.", field="id")
    known_now = await state(services, row)
    if known_now.get("status") == PROCESSING or (known_now.get("status") == COMPLETED and not again):
        number = known_now["number"]
    else:
        known_now = await asyncio.to_thread(_begin, services, row, known_now.get("number", 0))
        number = known_now["number"]
    if known_now["status"] == PROCESSING:
        await asyncio.to_thread(services.queue.find_faces, row.id, number)
    return known_now


async def state(services: Services, row: Asset) -> Json:
    """What is known of the faces of an asset; a job that died without a word has failed."""
    told: Json = row.faces or {"status": NOT_STARTED}
    if told["status"] != PROCESSING:
        return told
    job = faces_workflow(row.id, told["number"])
    states = await asyncio.to_thread(services.queue.states, [job])
    if states.get(job) not in _DEAD:
        return told
    entry = known("generation_unknown_error")
    return {**told, "status": FAILED, "error": entry.message, "errorCode": entry.code}


def _begin(services: Services, row: Asset, number: int) -> Json:
    """Note that search `number + 1` begins; if somebody else's has begun meanwhile, that one."""
    with services.database.writing() as session:
        fresh = assets.find(session, row.organisation_id, row.id, lock=True)
        if fresh is None:
            raise AssetNotFound(f"There is no asset {row.id!r}.", field="id")
        if (fresh.faces or {}).get("number", 0) == number:
            fresh.faces = {"status": PROCESSING, "number": number + 1}
        return dict(fresh.faces or {})
