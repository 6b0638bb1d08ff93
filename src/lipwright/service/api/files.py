"""The route behind our own signed links: reading and uploading objects without an API key.

The link is the permission, so the first thing done is to check it, and what it does not allow is answered in the same
way whether the object exists or not. The bytes of users are served from the address of the API, where a page of theirs
could act as the user who opens it; so only pictures, sound and video are shown by the browser, anything else is saved
as a file, and the browser is told not to guess.

Starlette's FileResponse is not used: it answers a range that it cannot read with an error, where a player expects the
file, and knows no If-None-Match; and it needs a file, which a store in memory has not.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from mimetypes import guess_type
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from lipwright.service.api.conditional import Span, Unsatisfiable, asked_span, has_it_already, http_date
from lipwright.service.storage.links import Grant, Links
from lipwright.service.storage.objects import ObjectMissing, Objects, ObjectTooLarge

router = APIRouter(include_in_schema=False)

_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ \w.+=\"-]+)*", re.ASCII)
_SHOWN = ("video/", "audio/", "image/")
_SCRIPTED = {"image/svg+xml"}


@router.api_route("/files/{key:path}", methods=["GET", "HEAD"])
async def read_file(key: str, request: Request) -> Response:
    """The object, or the part that is asked for."""
    objects, grant = _objects(request), _grant(key, request)
    if grant is None:
        return _forbidden("This link is not valid or has expired.")
    stored = await objects.head(key)
    if stored is None:
        return _refusal(404, "Not Found", "asset_not_found", "The file does not exist any more.")
    shared = {
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={max(0, int(grant.expires - time.time()))}",
        "ETag": stored.etag,
        "Last-Modified": http_date(stored.modified),
    }
    if has_it_already(request.headers, stored.etag, stored.modified):
        return Response(status_code=304, headers=shared)
    try:
        span = (
            asked_span(request.headers, stored.size, stored.etag, stored.modified) if request.method == "GET" else None
        )
    except Unsatisfiable:
        answer = _refusal(416, "Range Not Satisfiable", None, f"The file has {stored.size} bytes.")
        answer.headers["Content-Range"] = f"bytes */{stored.size}"
        return answer
    kind = _media_type(grant.content_type or guess_type(key)[0] or "")
    headers = {
        **shared,
        "Content-Type": kind,
        "Content-Disposition": disposition(kind, grant.filename or key.rpartition("/")[2]),
        "X-Content-Type-Options": "nosniff",
    }
    part = span or Span(0, stored.size)
    headers["Content-Length"] = str(part.stop - part.start)
    if span is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(_body(objects, key, part), 200 if span is None else 206, headers)


@router.put("/files/{key:path}")
async def upload_file(key: str, request: Request) -> Response:
    """Store the body as the object."""
    objects, grant = _objects(request), _grant(key, request)
    if grant is None or grant.max_bytes is None:
        return _forbidden("This link is not valid or has expired.")
    if request.headers.get("content-type") != grant.content_type:
        return _forbidden(f"This link is for an upload with the header Content-Type: {grant.content_type}.")
    too_large = _refusal(
        413,
        "Payload Too Large",
        "generation_input_validation_failed",
        f"This link is for an upload of at most {grant.max_bytes} bytes.",
    )
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > grant.max_bytes:
        return too_large
    try:
        async with aclosing(request.stream()) as chunks:
            await objects.put_stream(key, chunks, grant.max_bytes)
    except ObjectTooLarge:
        return too_large
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    return Response()


def disposition(content_type: str, filename: str) -> str:
    """The Content-Disposition (RFC 6266) of a file: media are shown, all else is saved, both under `filename`."""
    essence = content_type.partition(";")[0].strip().lower()
    shown = essence.startswith(_SHOWN) and essence not in _SCRIPTED
    name = "".join(" " if ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char in "/\\" else char for char in filename)
    plain = "".join(char if " " <= char <= "~" and char not in '"%' else "_" for char in name)
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name.encode(errors='replace'), safe='')}"
    return f'{"inline" if shown else "attachment"}; filename="{plain}"{extended}'


def _media_type(kind: str) -> str:
    return kind if _MEDIA_TYPE.fullmatch(kind) else "application/octet-stream"


async def _body(objects: Objects, key: str, part: Span) -> AsyncIterator[bytes]:
    try:
        async with aclosing(objects.stream(key, part.start, part.stop)) as chunks:
            async for chunk in chunks:
                yield chunk
    except ObjectMissing:
        return  # deleted a moment ago; the answer is shorter than announced, which the client sees


def _objects(request: Request) -> Objects:
    objects: Objects = request.app.state.objects
    return objects


def _grant(key: str, request: Request) -> Grant | None:
    links: Links = request.app.state.links
    return links.verify(request.method, key, request.query_params)


def _forbidden(message: str) -> Response:
    return _refusal(403, "Forbidden", "asset_forbidden", message)


def _refusal(status: int, error: str, code: str | None, message: str) -> Response:
    body: dict[str, int | str] = {"statusCode": status, "message": message, "error": error}
    if code is not None:
        body["errorCode"] = code
    return JSONResponse(body, status, {"Cache-Control": "no-store"})
