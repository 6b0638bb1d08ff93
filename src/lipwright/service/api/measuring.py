"""Counting and timing requests, around everything else the application does.

Requests are told apart by the template of their route, never by their path, which strangers choose and which would make
a new series each. The time of a request is that until its answer begins: how long a body takes is up to the network,
and a stream of events lasts as long as a generation.
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
UNMATCHED = "unmatched"
BROKEN_OFF = "499"
"""The status of a request whose client was gone before there was an answer."""


class Requests:
    """The two series about requests, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.count = Counter(
            "lipwright_http_requests", "Requests answered.", ("route", "method", "status"), registry=registry
        )
        self.seconds = Histogram(
            "lipwright_http_request_seconds",
            "Seconds until the answer to a request began.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=registry,
        )


class Measured:
    """The middleware."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, taken = time.perf_counter(), BROKEN_OFF, 0.0

        async def noted(message: Message) -> None:
            nonlocal status, taken
            if message["type"] == "http.response.start":
                status, taken = str(message["status"]), time.perf_counter() - start
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if status == BROKEN_OFF:  # the error is answered outside of this
                status = "500"
            raise
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            template = getattr(scope.get("route"), "path_format", None) or UNMATCHED
            self._requests.count.labels(template, method, status).inc()
            self._requests.seconds.labels(template, method).observe(taken or time.perf_counter() - start)
