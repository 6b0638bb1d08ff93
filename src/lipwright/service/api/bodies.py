"""Reading bodies: JSON and multipart, in every shape that clients send, within bounds.

A body is read piece by piece: its size is counted, a client that stops sending is not waited for, and what is nested
too deep is refused before it is built. Of a multipart body the text parts are kept in memory and the files go to
temporary files, whose content is looked at later; names and types that clients give are only names.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from lipwright.errors import Fault, FileTooLarge, RequestError
from lipwright.service.config import ServiceConfig

Json = dict[str, Any]

DEEPEST = 64
FILES, FIELDS, PARTS = 3, 32, 35
_JSON_PARTS = ("input", "options", "segments", "dubParams", "dub_params", "dialogueEdit", "dialogue_edit")
_TEXT_PARTS = (
    *("model", "webhookUrl", "webhook_url", "outputFileName", "output_file_name", "projectId", "project_id"),
)
_SMALL = 1 << 14
_SLOWEST = 1 << 10
"""Bytes a second that a body has to come in at, over all."""

_PATIENCE = 60.0
"""Seconds in which a body may come as slowly as it likes."""


@dataclass(slots=True)
class Body:
    """What came: the decoded body, and files by the kind of input they are."""

    json: Json
    files: dict[str, UploadFile] = field(default_factory=dict)

    async def close(self) -> None:
        """Let go of the files."""
        for file in self.files.values():
            await file.close()


async def read_body(request: Request, config: ServiceConfig) -> Body:
    """The body of a request to create something, JSON or multipart.

    Raises:
        RequestError: it is no JSON object, or a part is not. HTTPException: 408, 413, 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request, config)
    if kind == "application/x-www-form-urlencoded":
        raise RequestError(
            "The body is application/x-www-form-urlencoded; send application/json, or multipart/form-data with files.",
            field="Content-Type",
            suggestion="The Python SDK sends this when create_with_files is called without files: use create instead.",
        )
    if kind not in ("application/json", "text/json", "") and not kind.endswith("+json"):
        raise HTTPException(415, f"The body is {kind}; it has to be application/json or multipart/form-data.")
    value = await read_json(request, config)
    if not isinstance(value, dict):
        raise RequestError("The request must be a JSON object.", field="")
    return Body(value)


async def read_json(request: Request, config: ServiceConfig) -> Any:
    """The body as JSON.

    Raises:
        RequestError: it is not JSON. HTTPException: 408, 413.
    """
    data = bytearray()
    async for piece in pieces(request, config, config.max_json):
        data += piece
    return await decoded(bytes(data), "The body")


async def decoded(data: bytes | str, what: str) -> Any:
    """`decode`, beside the event loop if it takes long: a megabyte of numbers takes a tenth of a second.

    Raises:
        RequestError: it is not JSON.
    """
    return decode(data, what) if len(data) < _SMALL else await asyncio.to_thread(decode, data, what)


def decode(data: bytes | str, what: str) -> Any:
    """JSON text as a value; NaN and infinities, which are not JSON, are refused, and so is what is nested too deep.

    A key that is given twice is refused too: whoever looked at the body before us may have gone by the other one.

    Raises:
        RequestError: it is not JSON.
    """
    try:
        value = json.loads(data, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique)
        _shallow(value)
        _storable(value)
    except (ValueError, RecursionError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise RequestError(f"{what} is not valid JSON: {reason}.", field="body") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise ValueError(f"the key {twice[:80]!r} is given twice")
    return found


def _shallow(value: Any) -> None:
    """Raise `ValueError` if arrays and objects are nested deeper than `DEEPEST`."""
    level = [value]
    for _ in range(DEEPEST):
        level = (
            [
                inner
                for one in level
                for inner in (one.values() if isinstance(one, dict) else one)
                if isinstance(inner, dict | list)
            ]
            if isinstance(level[0], dict | list)
            else []
        )
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _storable(value: Any) -> None:
    """Raise `ValueError` if a string holds what no database takes: NUL, or half a character."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a string holds half a surrogate pair") from None
    if "\\u0000" in text:
        raise ValueError("a string holds a NUL character")


async def pieces(request: Request, config: ServiceConfig, most: int) -> AsyncGenerator[bytes, None]:
    """The pieces of a body, as long as they keep coming and are not too many.

    Raises:
        HTTPException: 408, 413.
    """
    told = request.headers.get("content-length", "")[:20]
    if told.isascii() and told.isdecimal() and int(told) > most:
        raise HTTPException(413, f"The body has {told} bytes; at most {most} bytes are allowed.")
    count, start = 0, asyncio.get_running_loop().time()
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(config.body_idle_seconds):
                piece = await anext(stream, None)
        except TimeoutError:
            raise HTTPException(408, "The body stopped arriving.") from None
        if piece is None:
            return
        count += len(piece)
        if count > most:
            raise HTTPException(413, f"The body is larger than the {most} bytes that are allowed.")
        gone = asyncio.get_running_loop().time() - start
        if gone > _PATIENCE and count < _SLOWEST * gone:
            raise HTTPException(408, "The body arrives too slowly.")
        if piece:
            yield piece


async def read_form(request: Request, config: ServiceConfig) -> FormData:
    """The parts of a multipart body.

    Raises:
        RequestError: it is malformed. HTTPException: 408, 413.
    """
    most = FILES * config.max_upload + PARTS * config.max_text_part
    _, told = parse_options_header(request.headers.get("content-type", ""))
    charset = told.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in ("utf-8", "utf8"):  # some of Python's make characters that no database takes
        raise RequestError(f"The charset of the body is {charset[:40]!r}; it has to be utf-8.", field="Content-Type")
    parser = _Parser(
        Headers(raw=request.headers.raw),
        pieces(request, config, most),
        max_files=FILES,
        max_fields=FIELDS,
        max_part_size=config.max_text_part,
    )
    try:
        return await parser.whole()
    except MultiPartException as error:
        too_much = "Too many" in error.message or "exceeded" in error.message
        if too_much:
            raise HTTPException(413, f"{error.message.rstrip('.')}.") from None
        raise RequestError(f"The multipart body cannot be read: {error.message}", field="body") from None
    except (KeyError, ValueError, AssertionError) as error:
        raise RequestError(f"The multipart body cannot be read: {error}.", field="body") from None


class _Parser(MultiPartParser):
    """Notices a body that ends too early, which would else be taken for a shorter one."""

    _ended = False

    def on_end(self) -> None:
        """The last boundary came."""
        self._ended = True

    async def whole(self) -> FormData:
        """The parts.

        Raises:
            MultiPartException: the body is malformed, or not all of it came.
        """
        form = await self.parse()
        if not self._ended:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("it ends before its last boundary.")
        return form


async def _multipart(request: Request, config: ServiceConfig) -> Body:
    form = await read_form(request, config)
    files: dict[str, UploadFile] = {}
    body: Json = {}
    faults: list[Fault] = []
    inputs: list[Any] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name in _JSON_PARTS or name in _TEXT_PARTS:
                value = (await value.read(config.max_text_part)).decode("utf-8", "replace")
            elif name not in ("video", "audio", "image"):
                faults.append(Fault(name, f"{name} is a file part; files are called video, audio or image."))
                continue
            elif name in files:
                faults.append(Fault(name, f"{name} is given as a file more than once; one is allowed."))
                continue
            else:
                files[name] = value
                continue
        try:
            if name == "input":
                given = await decoded(value, "input")
                inputs += given if isinstance(given, list) else [given]
            elif name in _JSON_PARTS:
                body[name] = await decoded(value, name)
            elif name in _TEXT_PARTS:
                _storable(value)
                body[name] = value
        except ValueError as error:
            faults.append(Fault(name, f"{name} is not text: {error}."))
        except RequestError as error:
            faults.append(Fault(name, error.message))
    if inputs:
        body["input"] = inputs
    large = next((name for name, file in files.items() if (file.size or 0) > config.max_upload), None)
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) and (faults or large or files.get(name) is not value):
            await value.close()
    if large is not None:
        raise FileTooLarge(
            f"The file given as {large} has more than {config.max_upload} bytes, the limit.", field=large
        )
    if faults:
        raise RequestError.of(faults)
    return Body(body, files)
