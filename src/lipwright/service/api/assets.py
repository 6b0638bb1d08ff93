"""Assets: the files of an organisation that generations can use (contract section 11)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from lipwright.errors import AssetInUse, AssetNotFound, RequestError
from lipwright.service.api import lists, registering
from lipwright.service.api.small import asked, byte_count, choice, line, read_fields, refuse_faults
from lipwright.service.api.state import TheAnswers, TheCaller, TheServices
from lipwright.service.api.wire import BODY_ERRORS, Query, documented, gives, json_body
from lipwright.service.api.wire.files import Asset as Shape
from lipwright.service.api.wire.files import AssetChange, AssetPage, AssetRequest, UploadRequest
from lipwright.service.api.wire.files import Upload as UploadShape
from lipwright.service.orders.removal import remove_asset, uses
from lipwright.service.services import Services
from lipwright.service.storage import assets
from lipwright.service.storage.access import Caller
from lipwright.service.storage.assets import NEWEST, SORTS, TYPES, VISIBILITIES, BadCursor, Filter
from lipwright.service.storage.tables import Asset, is_id
from lipwright.timeline.fields import Fields

router = APIRouter(tags=["assets"])

Json = dict[str, Any]

_PAGE = 100


class InvalidAssetId(RequestError):
    """The asset id is not valid."""

    code = "invalid_asset_id_format"


_FOUND = ("invalid_asset_id_format", "asset_not_found")
_BAD = "generation_input_validation_failed"


@router.get(
    "/v2/assets",
    **documented(
        "assets.list",
        gives(AssetPage),
        query=(
            Query("projectId", "Only those with this label."),
            Query.some_of("types", TYPES, "Only those of one of these types."),
            Query("searchQuery", "Only those with this in their name."),
            Query.one_of("sortBy", [NEWEST, *(one for one in SORTS if one != NEWEST)]),
            Query.whole("limit", 1, 100, _PAGE),
            Query("cursor", "The nextCursor of the page before, in the same order."),
        ),
        errors=(_BAD,),
    ),
)
async def list_all(request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Assets in the order `sortBy` (newest first), a page of `limit` at a time."""
    limit = lists.whole(request, "limit", 1, 100, _PAGE) or _PAGE
    types = lists.one_of(lists.listed(request, "types"), TYPES, "types")
    sort = asked(request, "sort_by") or NEWEST
    lists.one_of([sort], SORTS, "sortBy")
    search, cursor = asked(request, "search_query"), asked(request, "cursor")
    which = Filter(caller.organisation, types, asked(request, "project_id"), search)

    def read() -> tuple[list[Asset], str | None, int]:
        with services.database.reading() as session:
            return *assets.page(session, which, sort, limit, cursor), assets.count(session, which)

    try:
        rows, following, total = await asyncio.to_thread(read)
    except BadCursor:
        sentence = "cursor must be the nextCursor of a page in the same order (sortBy)."
        raise RequestError(sentence, field="cursor") from None
    answer: Json = {"items": [answers.asset(row) for row in rows], "totalCount": total}
    return JSONResponse(answer | ({} if following is None else {"nextCursor": following}))


@router.post(
    "/v2/assets/upload",
    **documented(
        "assets.upload",
        gives(UploadShape, 201),
        body=json_body(UploadRequest),
        errors=(*BODY_ERRORS, "file_size_exceeds_plan_limit"),
    ),
)
async def upload(request: Request, services: TheServices, caller: TheCaller) -> Response:
    """An address to PUT a file to, with the same Content-Type and no key, before it can be made an asset."""
    fields = await read_fields(request, services.config)
    return JSONResponse(await registering.hand_out(services, caller.organisation, fields), 201)


@router.post(
    "/v2/assets",
    **documented(
        "assets.create",
        gives(Shape, 201),
        body=json_body(AssetRequest),
        errors=(
            *BODY_ERRORS,
            "uploaded_file_not_found",
            "file_not_in_org_storage",
            "file_size_exceeds_plan_limit",
            "generation_input_asset_type_mismatch",
            "generation_input_video_invalid",
            "generation_input_audio_invalid",
            "generation_input_resolution_unsupported",
            "generation_input_duration_greater_than_max_duration",
            "generation_infra_storage_error",
            "generation_media_probe_unavailable",
            "generation_media_probe_timeout",
        ),
    ),
)
async def create(request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Make an uploaded file an asset, once it was looked at."""
    wanted = registering.Wanted.of(await read_fields(request, services.config))
    return JSONResponse(answers.asset(await registering.register(services, caller.organisation, wanted)), 201)


@router.get("/v2/assets/{asset_id}", **documented("assets.get", gives(Shape), errors=_FOUND))
async def get(asset_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """One asset."""
    return JSONResponse(answers.asset(await asyncio.to_thread(asset_of, services, caller, asset_id)))


@router.patch(
    "/v2/assets/{asset_id}",
    **documented("assets.update", gives(Shape), body=json_body(AssetChange), errors=(*_FOUND, *BODY_ERRORS)),
)
async def change(
    asset_id: str, request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller
) -> Response:
    """Change an asset's name, visibility or what is told of its file."""
    await asyncio.to_thread(asset_of, services, caller, asset_id)
    values = _changes(await read_fields(request, services.config))

    def write() -> Asset:
        with services.database.writing() as session:
            row = assets.find(session, caller.organisation, asset_id, lock=True)
            if row is None:
                raise _missing(asset_id)
            for name, value in values.items():
                setattr(row, name, value)
            return row

    return JSONResponse(answers.asset(await asyncio.to_thread(write)))


@router.delete("/v2/assets/{asset_id}", **documented("assets.delete", gives(Shape), errors=(*_FOUND, "asset_in_use")))
async def delete(asset_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Delete an asset that no generation in work uses, with its file; the answer is what it was."""
    row = await asyncio.to_thread(asset_of, services, caller, asset_id)
    if await asyncio.to_thread(uses, services, row):
        raise AssetInUse
    answer = answers.asset(row)
    await remove_asset(services, row)
    return JSONResponse(answer)


def asset_of(services: Services, caller: Caller, asset: str) -> Asset:
    """The caller's asset.

    Raises:
        InvalidAssetId: that is no id. AssetNotFound: there is none of that id, or it is somebody else's.
    """
    if not is_id(asset):
        raise InvalidAssetId(f"{asset[:80]!r} is not the id of an asset.", field="id")
    with services.database.reading() as session:
        row = assets.find(session, caller.organisation, asset)
    if row is None:
        raise _missing(asset)
    return row


def _missing(asset: str) -> AssetNotFound:
    return AssetNotFound(f"There is no asset {asset!r}.", field="id")


def _changes(fields: Fields) -> Json:
    """The columns that a body changes.

    Raises:
        RequestError: with all its faults.
    """
    form = line(fields, "format")
    if form is not None and len(form) > 32:
        fields.fault("format", f"must have at most 32 characters, not {len(form)}.")
    seconds = fields.seconds("duration_seconds")
    given = {
        "name": line(fields, "name"),
        "visibility": choice(fields, "visibility", VISIBILITIES),
        "format": form,
        "duration_seconds": None if seconds is None else float(seconds),
        "size": byte_count(fields, "size"),
        "width": fields.whole("width"),
        "height": fields.whole("height"),
    }
    refuse_faults(fields.faults)
    return {name: value for name, value in given.items() if value is not None}
