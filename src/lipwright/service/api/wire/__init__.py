"""The shapes of the API's bodies, for its description (OpenAPI) only.

Handlers build and read plain JSON (`lipwright.service.answers`, `lipwright.timeline.body`); nothing here runs when a
request is served, so that what is described costs nothing and bodies are judged in one place, with one sentence for
each fault. Tests hold the description to what is really answered. A route says what it takes and gives in its
decorator:

    @router.get("/v2/things/{thing_id}", **documented("things.get", gives(Thing), errors=("thing_not_found",)))

`documented` tells the rest: the API key, the errors that any route can answer, examples.
"""

from __future__ import annotations

from lipwright.service.api.wire.base import Wire, error_example
from lipwright.service.api.wire.documented import (
    BODY_ERRORS,
    Query,
    bare,
    documented,
    file_body,
    gives,
    json_body,
    stream,
    text,
)

__all__ = [
    "BODY_ERRORS",
    "Query",
    "Wire",
    "bare",
    "documented",
    "error_example",
    "file_body",
    "gives",
    "json_body",
    "stream",
    "text",
]
