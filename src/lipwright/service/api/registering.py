"""From an address for an upload to an asset, in the contract's three steps (section 11): ask, PUT, register.

The bytes of an upload never pass through here: they go to the object store, by the store's own link where it has one,
and are looked at where they lie, or in a copy on disk. Until it is registered an upload is a row that upkeep forgets,
file and all, after `upload_hours`. Registering is done by whoever deletes that row, so that doing it twice, also at the
same time, makes one asset.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from lipwright.errors import AssetTypeMismatch, FileTooLarge, LipwrightError
from lipwright.service.api.small import byte_count, choice, line, refuse_faults
from lipwright.service.api.uploads import described, looked_at
from lipwright.service.orders.accept import owned
from lipwright.service.orders.shape import safe_name
from lipwright.service.services import Services
from lipwright.service.storage import assets
from lipwright.service.storage.objects import Stored
from lipwright.service.storage.tables import Asset, Upload, new_id
from lipwright.timeline.fields import Fields

Json = dict[str, Any]

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+( *; *[A-Za-z0-9._-]+=[A-Za-z0-9._+\"-]+)*")
_FOLDER = "uploads"


class UploadMissing(LipwrightError):
    """No file was uploaded to that address."""

    code = "uploaded_file_not_found"


class NotOurs(LipwrightError):
    """The url is not one of your uploads."""

    code = "file_not_in_org_storage"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An upload to be registered: where it is, and what the client says it is."""

    url: str
    type: str
    name: str | None
    visibility: str
    project: str | None

    @classmethod
    def of(cls, fields: Fields) -> Wanted:
        """What a body asks for.

        Raises:
            RequestError: with all its faults.
        """
        url = fields.text("url")
        if fields.raw("url") in (None, ""):
            fields.fault("url", "is missing; it is the url that POST /v2/assets/upload answered.")
        kind = choice(fields, "type", assets.TYPES, needed=True)
        name, project = line(fields, "name"), line(fields, "project_id")
        visibility = choice(fields, "visibility", assets.VISIBILITIES) or "USER"
        refuse_faults(fields.faults)
        return cls(url or "", kind or "", name, visibility, project)


async def hand_out(services: Services, organisation: str, fields: Fields) -> Json:
    """An address to upload a file to, and the name under which it can be registered then.

    Raises:
        RequestError: the body is not valid. FileTooLarge.
    """
    name, kind = line(fields, "file_name", needed=True), line(fields, "content_type", needed=True)
    size = byte_count(fields, "size", 1)
    if kind is not None and not _MEDIA_TYPE.fullmatch(kind):
        fields.fault("content_type", f"must be a media type such as video/mp4, not {kind[:40]!r}.")
    refuse_faults(fields.faults)
    most = services.config.max_upload
    if size is not None and size > most:
        raise FileTooLarge(f"size is {size} bytes; at most {most} are allowed.", field="size")
    assert name is not None
    assert kind is not None
    key = f"{_FOLDER}/{organisation}/{new_id()}/{safe_name(name, 'file')}"
    row = Upload(key=key, organisation_id=organisation, file_name=name, content_type=kind, size=size)
    await asyncio.to_thread(_add, services, row)
    seconds = int(min(services.config.link_seconds, services.config.upload_hours * 3600))
    return {
        "uploadUrl": services.links.upload(key, kind, size or most, timedelta(seconds=seconds)),
        "url": services.links.reference(key),
        "expiresIn": seconds,
    }


def awaited(services: Services, key: str) -> bool:
    """Whether a file may still be uploaded as `key`: not once it was looked at, or nobody would find it again."""
    with services.database.reading() as session:
        return session.get(Upload, key) is not None


async def register(services: Services, organisation: str, wanted: Wanted) -> Asset:
    """The asset that an upload becomes; the one it has become, if it was registered before.

    Raises:
        NotOurs, UploadMissing, FileTooLarge.
        AssetTypeMismatch, MediaError, AudioInvalid, StageFailure: it is not what it was given as.
    """
    key = services.links.key_of(wanted.url)
    if key is None or not owned(key, organisation) or not key.startswith((f"{_FOLDER}/", "assets/")):
        raise NotOurs(f"url {wanted.url[:200]!r} is not one that POST /v2/assets/upload answered.", field="url")
    upload, before = await asyncio.to_thread(_known, services, organisation, key)
    if before is not None:
        return _same(before, wanted)
    stored = await services.objects.head(key)
    if upload is None or stored is None:
        raise UploadMissing(f"No file was uploaded to {wanted.url[:200]!r}, or it was too long ago.", field="url")
    if stored.size > services.config.max_upload:
        sentence = f"The file has {stored.size} bytes; at most {services.config.max_upload} are allowed."
        raise FileTooLarge(sentence, field="url")
    return await _made(services, upload, stored, wanted)


async def _made(services: Services, upload: Upload, stored: Stored, wanted: Wanted) -> Asset:
    identity, key = new_id(), upload.key
    with tempfile.TemporaryDirectory(prefix="upload-", dir=services.config.work_dir) as name:
        path, thumbnail = await _local(services, key, Path(name)), Path(name) / "thumbnail.jpg"
        facts = await looked_at(services, path, wanted.type.lower(), "url", thumbnail)
        if facts["type"] != wanted.type:
            raise AssetTypeMismatch(f"type is {wanted.type}, but the file is of type {facts['type']}.", field="type")
        thumbnail_key = None
        if thumbnail.exists():
            thumbnail_key = f"assets/{upload.organisation_id}/{identity}.thumbnail.jpg"
            await services.objects.put_file(thumbnail_key, thumbnail)
    asset = Asset(
        id=identity,
        organisation_id=upload.organisation_id,
        key=key,
        name=wanted.name or upload.file_name,
        visibility=wanted.visibility,
        project_id=wanted.project,
        content_type=upload.content_type,
        size=stored.size,
        thumbnail_key=thumbnail_key,
        **described(facts),
    )
    before = await asyncio.to_thread(_settle, services, asset)
    if before is None:
        return asset
    if thumbnail_key is not None:
        await services.objects.delete(thumbnail_key)
    return _same(before, wanted)


async def _local(services: Services, key: str, folder: Path) -> Path:
    """The object as a file: where it lies, or copied to `folder`."""
    path = services.objects.local_path(key)
    if path is None:
        path = folder / "file"
        await services.objects.fetch(key, path)
    return path


def _same(before: Asset, wanted: Wanted) -> Asset:
    if before.type != wanted.type:
        sentence = f"type is {wanted.type}, but the file is an asset of type {before.type} already."
        raise AssetTypeMismatch(sentence, field="type")
    return before


def _add(services: Services, row: Upload) -> None:
    with services.database.writing() as session:
        session.add(row)


def _known(services: Services, organisation: str, key: str) -> tuple[Upload | None, Asset | None]:
    with services.database.reading() as session:
        upload = session.get(Upload, key)
        mine = upload if upload is not None and upload.organisation_id == organisation else None
        return mine, assets.with_key(session, organisation, key)


def _settle(services: Services, asset: Asset) -> Asset | None:
    """Make the upload the asset; if somebody was faster, theirs.

    Raises:
        UploadMissing: it is gone, since it was too old.
    """
    with services.database.writing() as session:
        taken = session.execute(delete(Upload).where(Upload.key == asset.key).returning(Upload.key)).first()
        if taken is not None:
            session.add(asset)
            return None
        before = assets.with_key(session, asset.organisation_id, asset.key)
    if before is None:
        raise UploadMissing(field="url")
    return before
