"""The application: routes, errors, and what is opened when it starts and closed when it stops."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lipwright import __version__
from lipwright.service.answers import Answers
from lipwright.service.api import (
    assets,
    batches,
    catalogue,
    describing,
    errors,
    estimates,
    events,
    faces,
    files,
    generations,
    health,
    metrics,
    models,
    registering,
    voices,
    webhooks,
)
from lipwright.service.api.limits import RateLimiter
from lipwright.service.api.measuring import Measured
from lipwright.service.api.state import Keys
from lipwright.service.api.watching import Watches
from lipwright.service.config import ServiceConfig
from lipwright.service.logs import context
from lipwright.service.services import Services, open_services

_log = logging.getLogger(__name__)

THREADS = 32

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_app(config: ServiceConfig, services: Services | None = None) -> FastAPI:
    """The API of an installation; `services` stands in for the parts that `config` describes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        # Handlers wait for the database in threads; the default of a few more than there are cores is for computing.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "lipwright-api"))
        parts = services or open_services(config)
        app.state.services, app.state.objects, app.state.links = parts, parts.objects, parts.links
        app.state.answers = Answers(config, parts.links)
        app.state.keys, app.state.limiter = Keys(parts), RateLimiter(config)
        app.state.watches = Watches(parts)
        app.state.awaited = partial(registering.awaited, parts)
        app.state.registry.register(metrics.Installation(parts, app.state.watches))
        try:
            yield
        finally:
            await parts.close()

    app = FastAPI(
        title="Lipwright",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    describing.describe(app)
    app.state.config = config
    errors.install(app)
    for module in (
        generations,
        events,
        batches,
        webhooks,
        files,
        health,
        metrics,
        assets,
        faces,
        estimates,
        models,
        voices,
        catalogue,
        describing,
    ):
        app.include_router(module.router)
    app.add_middleware(Identified)
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(config.cors_origins), allow_methods=["*"], allow_headers=["*"]
        )
    app.state.registry, requests = metrics.new_registry()
    app.add_middleware(Measured, requests=requests)
    return app


class Identified:
    """Gives every request an id, the client's own if it has one, for the log, the answer and errors.

    Plain ASGI: Starlette's own kind of middleware starts a task group for each request, which costs more than the rest
    of a poll.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = identity

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = identity
            await send(message)

        with context(request=identity):
            await self._app(scope, receive, named)
