"""What the API says of itself: an OpenAPI document, and a page that shows it without anything from elsewhere.

The document is made of the routes, which state what they take and give (`wire`), once, when it is first asked for. The
page is ours because those that FastAPI brings load their program from a CDN, which an installation may not reach.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic.json_schema import models_json_schema

from lipwright import __version__
from lipwright.service.api.wire.base import AN_ID, Wire
from lipwright.service.api.wire.documented import schema_of
from lipwright.service.api.wire.files import Batch
from lipwright.service.api.wire.generations import Generation

router = APIRouter(include_in_schema=False)

Json = dict[str, Any]

_ABOUT = """Lip sync on your own machine, by the API of sync.so: clients of that need another base URL and key only.

Every answer carries `X-Request-Id`; errors have one shape and a code (GET /v2/errors lists them). Bodies may spell keys
in camelCase or snake_case.
"""

_TAGS = {
    "generations": "Have lips moved, see how far it is, get the result.",
    "batches": "Many generations ordered in one file.",
    "assets": "Files that are uploaded once and used often, and the faces in them.",
    "models": "What `model` can be.",
    "voices": "What text can be spoken with.",
    "webhooks": "Being told when something has ended: secrets, deliveries, repetitions.",
    "files": "The addresses behind signed links.",
    "service": "How the service does, and what its errors mean.",
}

_IDS = {
    "generation_id": ("The id of a generation.", {"type": "string", "format": "uuid"}, AN_ID),
    "asset_id": ("The id of an asset.", {"type": "string", "format": "uuid"}, AN_ID),
    "batch_id": ("The id of a batch.", {"type": "string", "format": "uuid"}, AN_ID),
    "delivery_id": ("The id of a delivery.", {"type": "string"}, "msg_6f1c1d2e3f4d0c8a579b2f6f0e2f3a01"),
    "key": ("The name of a stored file, as it stands in the link.", {"type": "string"}, "assets/o/a/talk.mp4"),
}

_SECURITY = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "`lipwright keys create`"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
}

_PAGE = (files("lipwright.service.api") / "docs.html").read_text("utf-8")


def _digests(tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", _PAGE, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found)


_POLICY = (
    f"default-src 'none'; script-src {_digests('script')}; style-src {_digests('style')}; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/openapi.json")
@router.get("/api-json")
async def document(request: Request) -> Response:
    """The OpenAPI document; /api-json is where the hosted service has it."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page() -> Response:
    """A page that shows the document."""
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return HTMLResponse(_PAGE, headers=headers)


def describe(app: FastAPI) -> None:
    """Have `app` describe itself by `app.openapi()`."""
    made: list[Json] = []

    def openapi() -> Json:
        if not made:
            made.append(openapi_of(app))
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def openapi_of(app: FastAPI) -> Json:
    """The OpenAPI document of `app`."""
    told = get_openapi(
        title="Lipwright",
        version=__version__,
        description=_ABOUT,
        routes=app.routes,
        tags=[{"name": name, "description": said} for name, said in _TAGS.items()],
        servers=[{"url": app.root_path or "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for path in told["paths"].values():
        for operation in path.values():
            _finish(operation)
    _, schemas = models_json_schema(
        [(shape, "validation") for shape in shapes(Wire)], ref_template="#/components/schemas/{model}"
    )
    told["components"] = {"schemas": schemas["$defs"], "securitySchemes": _SECURITY}
    told["webhooks"] = {
        "generation": _webhook("A generation has ended; some keys of it are left out.", Generation),
        "batch": _webhook("A batch has ended.", Batch),
    }
    return told


def shapes(root: type[Wire]) -> list[type[Wire]]:
    """All shapes there are."""
    found: list[type[Wire]] = []
    for shape in root.__subclasses__():
        found += [shape, *shapes(shape)]
    return found


def _finish(operation: Json) -> None:
    """What is the same for all operations, or follows from what they say."""
    first = re.split(r"(?<=[.;:])\s", operation.get("description", ""), maxsplit=1)[0].strip().rstrip(".;:")
    if first:
        operation["summary"] = " ".join(first.split())
    for parameter in operation.get("parameters", []):
        known = _IDS.get(parameter["name"])
        if parameter["in"] == "path" and known is not None:
            parameter["description"], parameter["schema"], parameter["example"] = known
    faults = operation["responses"].get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if faults.get("$ref", "").endswith("/HTTPValidationError"):  # added by FastAPI; what is not valid is a 400 here
        del operation["responses"]["422"]
    for answer in operation["responses"].values():
        answer.setdefault("headers", {})["X-Request-Id"] = {"schema": {"type": "string"}, "required": True}


def _webhook(said: str, shape: type[Wire]) -> Json:
    parameters = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": meaning}
        for name, meaning in (
            ("Sync-Signature", "t=<unix seconds>,v1=<hex HMAC-SHA256 of t.body, keyed with the whole secret>"),
            ("webhook-id", "The id of the delivery, the same in every try."),
            ("webhook-timestamp", "Unix seconds."),
            ("webhook-signature", "v1,<base64 HMAC-SHA256>, by the Standard Webhooks specification"),
        )
    ]
    body = {"content": {"application/json": {"schema": schema_of(shape)}}}
    taken = {"2XX": {"description": "Taken. Anything else is sent again."}}
    return {"post": {"summary": said, "parameters": parameters, "requestBody": body, "responses": taken}}
