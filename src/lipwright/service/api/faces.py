"""Who is to be seen in an asset, and how to choose one of them as the speaker (`active_speaker_detection`)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from lipwright.service.answers import Answers
from lipwright.service.api.assets import asset_of
from lipwright.service.api.small import read_fields, refuse_faults
from lipwright.service.api.state import TheAnswers, TheCaller, TheServices
from lipwright.service.api.wire import BODY_ERRORS, documented, gives, json_body
from lipwright.service.api.wire.files import Faces, FaceSearch
from lipwright.service.jobs.faces import PROCESSING
from lipwright.service.orders import face_search

router = APIRouter(tags=["assets"])

Json = dict[str, Any]


_FOUND = ("invalid_asset_id_format", "asset_not_found")


@router.post(
    "/v2/assets/{asset_id}/faces",
    **documented(
        "assets.find_faces",
        gives(Faces, 202, says="They are being looked for."),
        gives(Faces, says="They were found before."),
        body=json_body(FaceSearch),
        body_needed=False,
        errors=(*_FOUND, *BODY_ERRORS, "generation_input_asset_type_mismatch"),
    ),
)
async def search(
    asset_id: str, request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller
) -> Response:
    """Find the faces of a video or image; what was found before is answered at once, but for `{"again": true}`."""
    row = await asyncio.to_thread(asset_of, services, caller, asset_id)
    fields = await read_fields(request, services.config, optional=True)
    again = fields.boolean("again") or False
    refuse_faults(fields.faults)
    known = await face_search.search(services, row, again)
    return JSONResponse(_told(answers, known), 202 if known["status"] == PROCESSING else 200)


@router.get("/v2/assets/{asset_id}/faces", **documented("assets.faces", gives(Faces), errors=_FOUND))
async def get(asset_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """The faces that were found, with a sheet that shows them, or why they were not.

    `choose` of a face can be sent as `options.active_speaker_detection` of a generation with this asset.
    """
    row = await asyncio.to_thread(asset_of, services, caller, asset_id)
    return JSONResponse(_told(answers, await face_search.state(services, row)))


def _told(answers: Answers, known: Json) -> Json:
    told: Json = {
        "status": known["status"],
        "faces": known.get("faces") or [],
        "sheetUrl": answers.link(known.get("sheet")),
    }
    return told | {name: known[name] for name in ("error", "errorCode") if known.get(name)}
