"""Is it there, and can it work: for load balancers and people. No key is needed and nothing private is told."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from lipwright import __version__
from lipwright.service.api.state import TheServices
from lipwright.service.api.wire import documented, gives
from lipwright.service.api.wire.service import Health, Ready
from lipwright.service.jobs.reaper import alive

router = APIRouter(tags=["service"])


@router.get("/health", **documented("service.health", gives(Health), keyed=False))
async def health() -> Response:
    """The API answers."""
    return JSONResponse({"status": "ok", "version": __version__})


@router.get(
    "/ready",
    **documented(
        "service.ready", gives(Ready), gives(Ready, 503, says="No worker is running, or no database."), keyed=False
    ),
)
async def ready(services: TheServices) -> Response:
    """The database answers, and a worker was heard of lately; 503 if not."""

    def workers() -> int:
        with services.database.reading() as session:
            return alive(session, services.database, services.config.dead_after_seconds)

    try:
        count = await asyncio.to_thread(workers)
    except Exception:
        return JSONResponse({"status": "the database does not answer", "workers": 0}, 503)
    status = "ready" if count else "no worker is running"
    return JSONResponse({"status": status, "workers": count}, 200 if count else 503)
