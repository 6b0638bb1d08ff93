"""What a generation would cost and how long it would take: for a request, or for a length (contract section 9)."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from lipwright.errors import RequestError
from lipwright.service.api.bodies import read_json
from lipwright.service.api.small import choice, read_fields, refuse_faults
from lipwright.service.api.state import TheCaller, TheServices
from lipwright.service.api.wire import BODY_ERRORS, documented, gives, json_body
from lipwright.service.api.wire.generations import CostEstimate, LengthEstimate, LengthRequest
from lipwright.service.api.wire.orders import GENERATE_EXAMPLES, ORDER_ERRORS, GenerateRequest
from lipwright.service.config import ServiceConfig
from lipwright.service.orders.accept import model_names
from lipwright.service.orders.estimate import Estimate, of_body, of_frames
from lipwright.timeline.body import MODEL
from lipwright.timeline.fields import Fields, finite, shown

router = APIRouter(tags=["generations"])

Json = dict[str, Any]

_LONGEST = 24 * 3600
_FASTEST = 1000
_FPS = 30


@router.post(
    "/v2/analyze/cost",
    **documented(
        "generations.estimate_cost",
        gives(CostEstimate, many=True),
        body=json_body(GenerateRequest, GENERATE_EXAMPLES),
        errors=(*ORDER_ERRORS, "cost_estimate_unavailable"),
    ),
)
async def of_a_request(request: Request, services: TheServices, caller: TheCaller) -> Response:
    """What the generation with this body would come to; an array of one, as the SDKs read it. Nothing is created."""
    body = await read_json(request, services.config)
    if not isinstance(body, dict):
        raise RequestError(f"The request must be a JSON object, not {shown(body)}.", field="")
    return JSONResponse([_told(await of_body(services, caller.organisation, body))])


@router.post(
    "/v2/generations/estimate",
    **documented(
        "generations.estimate",
        gives(LengthEstimate),
        body=json_body(LengthRequest),
        errors=(*BODY_ERRORS, "generation_unsupported_model"),
    ),
)
@router.post("/v2/generate/estimate-cost", include_in_schema=False)
async def of_a_length(request: Request, services: TheServices, caller: TheCaller) -> Response:
    """What an output of `duration` seconds at `fps` would come to; no media are looked at."""
    fields = await read_fields(request, services.config)
    frames = await asyncio.to_thread(_frames, services.config, fields)
    return JSONResponse({**_told(await of_frames(services, frames)), "estimatedCredits": None})


def _told(estimate: Estimate) -> Json:
    return {
        "estimatedFrameCount": estimate.frames,
        "estimatedGenerationCost": estimate.cost,
        "estimatedSeconds": estimate.seconds,
    }


def _frames(config: ServiceConfig, fields: Fields) -> int:
    """The frames that a body asks about.

    Raises:
        RequestError: with all its faults.
    """
    models = model_names(config)
    model = fields.text("model")
    if fields.raw("model") is None:
        fields.fault("model", f"is missing; it can be {', '.join(sorted(models))}.")
    elif model is not None and model not in models:
        fields.fault("model", f"must be one of {', '.join(sorted(models))}, not {shown(model)}.", MODEL)
    numbers = {}
    for key, most, default in (("duration", _LONGEST, None), ("fps", _FASTEST, _FPS)):
        raw = fields.raw(key)
        number = finite(default if raw is None else raw)
        if raw is None and default is None:
            fields.fault(key, "is missing: it is the length of the output in seconds.")
        elif number is None or not 0 < number <= most:
            fields.fault(key, f"must be a number above 0 and up to {most}, not {shown(raw)}.")
        numbers[key] = number or 0
    fields.boolean("reasoning_enabled")
    choice(fields, "workflow", ("lipsync",))
    refuse_faults(fields.faults)
    return math.ceil(numbers["duration"] * numbers["fps"])
