"""The voices that text can be spoken with on this machine (contract section 12.1)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from lipwright.service.api.state import TheCaller
from lipwright.service.api.wire import documented, gives
from lipwright.service.api.wire.service import Voice as Shape
from lipwright.speech.tts import Voice, voices

router = APIRouter(tags=["voices"])

Json = dict[str, Any]


@router.get("/v2/voices", **documented("voices.list", gives(Shape, many=True)))
async def list_all(caller: TheCaller) -> Response:
    """The voices of this machine, with what is missing before one of them can speak.

    `voiceId` is what `provider.voiceId` of a text input names, with `provider.name` "local".
    """
    return JSONResponse([_told(voice) for voice in await asyncio.to_thread(voices)])


def _told(voice: Voice) -> Json:
    return {
        "id": voice.id,
        "name": voice.name,
        "provider": voice.provider,
        "voiceId": voice.id,
        "language": voice.language,
        "gender": voice.gender or None,
        "installed": voice.installed,
        "needs": voice.needs or None,
        "previewUrl": None,
    }
