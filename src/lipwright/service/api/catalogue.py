"""The codes that errors carry, for programs and people who look one up; no key is needed."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from lipwright.error_codes import CODES
from lipwright.service.api.wire import documented, gives
from lipwright.service.api.wire.service import CodeEntry

router = APIRouter(tags=["service"])


@router.get("/v2/errors", **documented("service.errors", gives(CodeEntry, many=True), keyed=False))
async def errors() -> Response:
    """Every error code: its usual HTTP status, what it means and what can be done (docs/errors.md)."""
    return JSONResponse([asdict(one) for one in CODES])
