"""Progress as server-sent events: how far a generation is, as it goes, and the generation itself when it has ended.

    curl -N -H "x-api-key: ..." .../v2/generations/ID/events

There is no history to resume: whoever connects is told how things are now, so `Last-Event-ID` needs no answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from lipwright.errors import GenerationNotFound
from lipwright.service.answers import Answers
from lipwright.service.api import errors
from lipwright.service.api.generations import owned_row
from lipwright.service.api.state import TheAnswers, TheCaller, TheServices
from lipwright.service.api.watching import EVERY, Gone, Watches
from lipwright.service.api.wire import documented, stream
from lipwright.service.api.wire.base import Error
from lipwright.service.api.wire.generations import Generation as Shape
from lipwright.service.api.wire.generations import Progress
from lipwright.service.storage.generations import ENDED
from lipwright.service.storage.tables import Generation

router = APIRouter(tags=["generations"])

PING = 15
SEND_SECONDS = 30.0
"""How long a client may take no bytes before it is let go."""


_EXAMPLE = """event: progress
data: {"status":"PROCESSING","percent":61.5,"phase":"render","frames":212,"totalFrames":600,"etaSeconds":14.2}

event: end
data: {"id":"...","status":"COMPLETED"}

"""


@router.get(
    "/v2/generations/{generation_id}/events",
    **documented(
        "generations.events",
        stream(_EXAMPLE, progress=Progress, end=Shape, error=Error),
        errors=("invalid_generation_id", "generation_not_found"),
    ),
)
async def events(
    generation_id: str, request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller
) -> Response:
    """How far a generation is, as server-sent events.

    `progress` comes at once and then whenever something changed, at most twice a second; `end` comes last, with the
    generation, and the stream closes. `error`, with an error's body, comes instead if it is deleted meanwhile.
    """
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    watches = cast(Watches, request.app.state.watches)
    return EventSourceResponse(_told(request, watches, answers, row), ping=PING, sep="\n", send_timeout=SEND_SECONDS)


async def _told(
    request: Request, watches: Watches, answers: Answers, row: Generation
) -> AsyncIterator[ServerSentEvent]:
    yield _event("progress", answers.progress(row))
    if row.status not in ENDED:
        with watches.of(row.id) as watch:
            since = watch.begun
            while row.status not in ENDED:
                await asyncio.sleep(EVERY)
                try:
                    row = await watch.after(row, since)
                except Gone:
                    gone = GenerationNotFound("The generation was deleted.", field="id")
                    yield _event("error", errors.body(request, 404, gone.message, gone.code, gone.field))
                    return
                yield _event("progress", answers.progress(row))
    yield _event("end", answers.generation(row))


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False, separators=(",", ":")), event=name)
