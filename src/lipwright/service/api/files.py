"""The route behind our own signed links: reading and uploading objects without an API key.

The link is the permission, so the first thing done is to check it, and what it does not allow is answered in the same
way whether the object exists or not. The bytes of users are served from the address of the API, where a page of theirs
could act as the user who opens it; so only pictures, sound and video are shown by the browser, anything else is saved
as a file, and the browser is told not to guess.

Starlette's FileResponse is not used: it answers a range that it cannot read with an error, where a player expects the
file, and knows no If-None-Match; and it needs a file, which a store in memory has not.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from mimetypes import guess_type
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from lipwright.service.api import errors
from lipwright.service.api.bodies import pieces
from lipwright.service.api.conditional import Span, Unsatisfiable, asked_span, has_it_already, http_date
from lipwright.service.api.wire import Query, bare, documented, text
from lipwright.service.storage.links import Grant, Links
from lipwright.service.storage.objects import ObjectMissing, Objects, ObjectTooLarge

router = APIRouter(tags=["files"])

_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ \w.+=\"-]+)*", re.ASCII)
_SHOWN = ("video/", "audio/", "image/")
_SCRIPTED = {"image/svg+xml"}


_SIGNATURE = (Query("signature", "The proof that this link was made here; all of the query belongs to the link."),)


@router.head("/files/{key:path}", include_in_schema=False)
@router.get(
    "/files/{key:path}",
    **documented(
        "files.read",
        text("*/*", "(the bytes)", says="The file."),
        text("*/*", "(the bytes)", 206, says="The part that the header Range asks for."),
        bare(304, "The client has this version."),
        query=(*_SIGNATURE, Query("Range", "Which bytes.", example="bytes=0-1023", place="header")),
        errors=("asset_forbidden", "asset_not_found", "range_not_satisfiable"),
        keyed=False,
    ),
)
async def read_file(key: str, request: Request) -> Response:
    """The object, or the part that is asked for."""
    objects, grant = _objects(request), _grant(key, request)
    if grant is None:
        return _forbidden(request)
    stored = await objects.head(key)
    if stored is None:
        return _refusal(request, 404, "asset_not_found", "The file does not exist any more.")
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
        answer = _refusal(request, 416, "range_not_satisfiable", f"The file has {stored.size} bytes.")
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


@router.put(
    "/files/{key:path}",
    **documented(
        "files.upload",
        bare(200, "Stored."),
        body={"*/*": {"schema": {"type": "string", "format": "binary"}, "example": "(the bytes)"}},
        query=_SIGNATURE,
        errors=("asset_forbidden", "not_found", "request_timeout", "request_too_large"),
        keyed=False,
    ),
)
async def upload_file(key: str, request: Request) -> Response:
    """Store the body as the object."""
    objects, grant = _objects(request), _grant(key, request)
    if grant is None or grant.max_bytes is None:
        return _forbidden(request)
    if not await asyncio.to_thread(request.app.state.awaited, key):
        return _forbidden(request, "What was uploaded by this link is an asset already, or was not made one in time.")
    if request.headers.get("content-type") != grant.content_type:
        return _forbidden(request, f"This link is for an upload with the header Content-Type: {grant.content_type}.")
    try:
        async with aclosing(pieces(request, request.app.state.config, grant.max_bytes)) as chunks:
            await objects.put_stream(key, chunks, grant.max_bytes)
    except ObjectTooLarge:
        message = f"This link is for an upload of at most {grant.max_bytes} bytes."
        return _refusal(request, 413, "request_too_large", message)
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


def _forbidden(request: Request, message: str = "This link is not valid or has expired.") -> Response:
    return _refusal(request, 403, "asset_forbidden", message)


def _refusal(request: Request, status: int, code: str, message: str) -> Response:
    return JSONResponse(errors.body(request, status, message, code), status, {"Cache-Control": "no-store"})
