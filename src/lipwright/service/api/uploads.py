"""Files that come with a request, made assets: looked at by a confined child, then stored under a name of ours."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile

from lipwright.errors import AssetTypeMismatch, AudioInvalid, MediaError
from lipwright.service.jobs.children import StageFailure
from lipwright.service.orders.accept import ASSET_TYPES
from lipwright.service.orders.shape import safe_name
from lipwright.service.services import Services
from lipwright.service.storage.tables import Asset, new_id

_EXTENSIONS = {"mov": "mp4", "matroska": "mkv", "jpeg_pipe": "jpg", "png_pipe": "png", "webp_pipe": "webp"}


async def asset_of_upload(services: Services, organisation: str, kind: str, file: UploadFile) -> Asset:
    """The asset that an uploaded `kind` file becomes; stored, and not in the database yet.

    Raises:
        MediaError, AudioInvalid, AssetTypeMismatch: it is not what it was given as.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="upload-", dir=services.config.work_dir))
    try:
        path = folder / "file"
        await asyncio.to_thread(_copy, file, path)
        return await asset_of_file(services, organisation, kind, path, file.filename or kind, file.content_type)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


async def asset_of_file(
    services: Services, organisation: str, kind: str, path: Path, name: str, content_type: str | None
) -> Asset:
    """The asset that the file at `path` becomes; stored, and not in the database yet."""
    thumbnail = path.with_name("thumbnail.jpg")
    facts = await looked_at(services, path, kind, kind, thumbnail)
    identity = new_id()
    safe = safe_name(name, kind)
    key = f"assets/{organisation}/{identity}/{safe}"
    size = path.stat().st_size
    thumbnail_key = None
    if thumbnail.exists():
        thumbnail_key = f"assets/{organisation}/{identity}.thumbnail.jpg"
        await services.objects.put_file(thumbnail_key, thumbnail)
    try:
        await services.objects.put_file(key, path)
    except BaseException:  # a full disk, say: no row will name the thumbnail, so nobody would find it again
        if thumbnail_key is not None:
            await asyncio.shield(services.objects.delete(thumbnail_key))
        raise
    return Asset(
        id=identity,
        organisation_id=organisation,
        key=key,
        name=safe,
        content_type=content_type,
        size=size,
        thumbnail_key=thumbnail_key,
        **described(facts),
    )


async def looked_at(
    services: Services, path: Path, kind: str, field: str, thumbnail: Path | None = None
) -> dict[str, Any]:
    """What the child says of a file that was given as `kind`.

    Raises:
        MediaError, AudioInvalid, AssetTypeMismatch.
    """
    try:
        facts = await services.prober.probe(path, "audio" if kind == "audio" else "", thumbnail)
    except StageFailure as failure:
        if failure.code.startswith("generation_media_probe"):
            raise
        message = failure.message.replace(repr(path.name), f"The file given as {kind}")
        if kind == "audio":
            raise AudioInvalid(message, field=field) from None
        failure.detail.update(field=field)
        raise StageFailure(failure.code, message, failure.detail) from None
    if facts["type"] == "AUDIO" and kind != "audio":
        raise MediaError(f"The file given as {kind} has sound but no picture.", field=field)
    if kind == "image" and facts["type"] != ASSET_TYPES[kind]:
        raise AssetTypeMismatch("The file given as image is a video.", field=field)
    return facts


def described(facts: dict[str, Any]) -> dict[str, Any]:
    """The columns of an asset that tell what its file is."""
    name = str(facts["format"]).partition(",")[0]
    return {
        "type": facts["type"],
        "format": _EXTENSIONS.get(name, name),
        "duration_seconds": facts.get("seconds"),
        "width": facts.get("width"),
        "height": facts.get("height"),
        "frames": facts.get("frames"),
    }


def _copy(file: UploadFile, path: Path) -> None:
    file.file.seek(0)
    with path.open("wb") as target:
        shutil.copyfileobj(file.file, target, 1 << 20)
