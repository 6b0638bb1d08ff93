"""What a generation would come to before it is ordered: frames, cost, and how long it would take.

Frames are counted by planning the very output, over the inputs' own frame times and lengths; so the inputs have to be
looked at while the client waits. Those of this installation are looked at where they lie, others are fetched into a
folder that goes at once. All of it has a limit in bytes and in seconds: what cannot be had within it has no estimate.
"""

from __future__ import annotations

import asyncio
import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipwright.errors import FileTooLarge, LipwrightError
from lipwright.service.jobs.children import StageFailure
from lipwright.service.jobs.prober import TIMEOUT, UNAVAILABLE
from lipwright.service.net.fetch import FileSink
from lipwright.service.orders.accept import check_body, find_inputs, inaccessible
from lipwright.service.services import Services
from lipwright.service.storage import generations

Json = dict[str, Any]

SECONDS = 20.0
"""What one estimate may take."""

MOST_BYTES = 512 << 20
"""What one input that has to be fetched may have."""

_AT_ONCE = 4
"""Estimates of one process that fetch and look at the same time."""

_USUAL_SPEED = 12.0
"""Output frames a second, before any generation has shown how fast this installation is."""


class CostEstimateUnavailable(LipwrightError):
    """The cost cannot be told for these inputs."""

    code = "cost_estimate_unavailable"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a generation would come to: frames of output, dollars, and seconds of work."""

    frames: int
    cost: float
    seconds: float


async def of_frames(services: Services, frames: int) -> Estimate:
    """The estimate for an output of so many frames."""

    def speed() -> float:
        with services.database.reading() as session:
            return generations.speed(session) or _USUAL_SPEED

    seconds = frames / await asyncio.to_thread(speed)
    return Estimate(frames, round(frames * services.config.price_per_frame, 6), round(seconds, 1))


async def of_body(services: Services, organisation: str, body: Mapping[str, Any]) -> Estimate:
    """The estimate for the body of a generation.

    Raises:
        What `accept` raises for the same body. CostEstimateUnavailable. StageFailure: the media do not do for it.
    """
    await asyncio.to_thread(check_body, services, body)
    try:
        async with asyncio.timeout(SECONDS):
            kept = await find_inputs(services, organisation, dict(body))
            gate: asyncio.Semaphore = services.extras.setdefault("estimates", asyncio.Semaphore(_AT_ONCE))
            async with gate:
                frames = await _frames(services, kept)
    except TimeoutError:
        raise CostEstimateUnavailable(
            f"The inputs could not be fetched and looked at within the {SECONDS:g} seconds that an estimate may take."
        ) from None
    return await of_frames(services, frames)


async def _frames(services: Services, kept: Json) -> int:
    """The frames of the output, found in a child."""
    with tempfile.TemporaryDirectory(prefix="estimate-", dir=services.config.work_dir) as name:
        request = await _localised(services, kept, Path(name))
        try:
            return int((await services.prober.run("measure", {"request": request}))["frames"])
        except StageFailure as failure:
            if failure.code in (TIMEOUT, UNAVAILABLE):
                raise CostEstimateUnavailable(f"The inputs could not be looked at: {failure.message}") from None
            raise


async def _localised(services: Services, kept: Json, folder: Path) -> Json:
    """The body with a local path for every input."""
    local = copy.deepcopy(kept)
    wanted = [(index, item) for index, item in enumerate(local["input"]) if item.get("type") != "text"]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_path(services, item, index, folder)) for index, item in wanted]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    for (_, item), task in zip(wanted, tasks, strict=True):
        for key in ("key", "assetId", "asset_id"):
            item.pop(key, None)
        item["url"] = str(task.result())
    return local


async def _path(services: Services, item: Json, index: int, folder: Path) -> Path:
    """The file of one input, named for messages as the request names it."""
    field, key = f"input[{index}]", item.get("key")
    path = folder / field
    if key is not None:
        where = services.objects.local_path(key)
        if where is None:
            stored = await services.objects.head(key)
            if stored is None:
                raise inaccessible(item["type"], field)
            if stored.size > MOST_BYTES:
                raise CostEstimateUnavailable(_too_large(field), field=field)
            await services.objects.fetch(key, path)
        return where or path
    most = min(MOST_BYTES, services.config.max_upload)
    with path.open("wb") as file:
        try:
            await services.fetcher.download(
                item["url"], FileSink(file), field=f"{field}.url", kind=item["type"], max_bytes=most
            )
        except FileTooLarge:
            if most < services.config.max_upload:
                raise CostEstimateUnavailable(_too_large(field), field=f"{field}.url") from None
            raise
    return path


def _too_large(field: str) -> str:
    return f"{field} is larger than the {MOST_BYTES >> 20} MB that are fetched for an estimate."
