"""Creating, reading, cancelling and deleting generations (contract sections 3, 4 and 6)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.datastructures import UploadFile

from lipwright.errors import Conflict, GenerationNotFound, RequestError, StillProcessing
from lipwright.service.api import lists
from lipwright.service.api.bodies import Body, read_body
from lipwright.service.api.state import TheAnswers, TheCaller, TheServices
from lipwright.service.api.uploads import asset_of_upload
from lipwright.service.api.wire import Query, documented, file_body, gives, json_body, text
from lipwright.service.api.wire.generations import Count, Report, SegmentMap
from lipwright.service.api.wire.generations import Generation as Shape
from lipwright.service.api.wire.orders import (
    FORM_EXAMPLE,
    GENERATE_EXAMPLES,
    ORDER_ERRORS,
    GenerateForm,
    GenerateRequest,
)
from lipwright.service.jobs import batches
from lipwright.service.jobs.steps import Steps
from lipwright.service.orders import idempotency
from lipwright.service.orders.accept import Order, accept, check_body
from lipwright.service.orders.removal import remove_asset_file, remove_generation
from lipwright.service.orders.shape import with_files
from lipwright.service.services import Services
from lipwright.service.storage import generations
from lipwright.service.storage.access import Caller
from lipwright.service.storage.generations import ENDED, STATUSES, Filter
from lipwright.service.storage.tables import Asset, Generation, is_id, new_id

router = APIRouter(tags=["generations"])

Json = dict[str, Any]

_LONGEST_SOURCE = 200
LARGEST_REPORT = 64 << 20
"""Bytes; a report grows with segments and with the ranges that were left alone, to a few megabytes at most."""

_LOOK_EVERY = 0.25
_WAIT_DEFAULT, _WAIT_LOW, _WAIT_HIGH = 5.0, 1.0, 10.0


class InvalidGenerationId(RequestError):
    """The generation id is not valid."""

    code = "invalid_generation_id"


_FOUND = ("invalid_generation_id", "generation_not_found")
_BAD_QUERY = "generation_input_validation_failed"
_FILTERS = (
    Query.some_of("status", STATUSES, "Only those in one of these states."),
    Query.some_of("ids", None, "Only those with one of these ids."),
    Query("source", "Only those that this program sent (its x-sync-source)."),
    Query("projectId", "Only those with this label."),
)


@router.post(
    "/v2/generate",
    **documented(
        "generations.create",
        gives(
            Shape,
            201,
            says="The generation, waiting for its turn.",
            headers={"Idempotency-Replayed": "true: this is the answer to an earlier request with the same key."},
        ),
        body=json_body(GenerateRequest, GENERATE_EXAMPLES) | file_body(GenerateForm, FORM_EXAMPLE),
        query=(
            Query("Idempotency-Key", "Makes sending it again safe.", {"type": "string"}, "order-7", "header"),
            Query("x-sync-source", "Which program sends this; generations can be listed by it.", place="header"),
        ),
        errors=ORDER_ERRORS,
    ),
)
async def create(request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Create a generation; JSON with addresses or asset ids, or multipart with files."""
    body = await read_body(request, services.config)
    try:
        keys = request.headers.getlist("idempotency-key")
        key = await asyncio.to_thread(idempotency.key_of, keys, await _fingerprint(body)) if keys else None
        order = Order(body.json, _source(request), key=key, answer=answers.generation)
        row, replayed = await _order(services, caller, order, body)
    finally:
        await body.close()
    if replayed:
        first = (row.result or {}).get("created") or answers.generation(row)
        return JSONResponse(first, 201, {"Idempotency-Replayed": "true"})
    return JSONResponse(answers.generation(row), 201)


async def _order(services: Services, caller: Caller, order: Order, body: Body) -> tuple[Generation, bool]:
    """The generation that was created, or the one that was before."""
    if order.key is not None:
        before = await asyncio.to_thread(_before, services, caller, order.key)
        if before is not None:
            return before, True
    if body.files:  # what is wrong with the rest is told before they are looked at and stored
        stand_in = {kind: f"upload:{kind}" for kind in body.files}
        await asyncio.to_thread(check_body, services, with_files(body.json, stand_in))
    assets: dict[str, Asset] = {}
    identity = new_id()
    try:
        for kind, file in body.files.items():
            assets[kind] = await asset_of_upload(services, caller.organisation, kind, file)
        await asyncio.to_thread(_keep, services, list(assets.values()))
        urls = {kind: services.links.reference(asset.key) for kind, asset in assets.items()}
        own = [asset.id for asset in assets.values()]
        order = replace(order, body=with_files(body.json, urls), own_assets=own, generation=identity)
        return await accept(services, caller, order), False
    except BaseException as error:
        if not await asyncio.shield(asyncio.to_thread(_exists, services, identity)):
            await asyncio.shield(_discard(services, list(assets.values())))
        if isinstance(error, idempotency.Replayed):
            return await asyncio.to_thread(owned_row, services, caller, error.generation), True
        raise


async def _fingerprint(body: Body) -> Json:
    """What tells one request from another: the decoded body, and the content of files."""
    files = {kind: await asyncio.to_thread(_digest, file) for kind, file in sorted(body.files.items())}
    return {"body": body.json, "files": files}


def _digest(file: UploadFile) -> str:
    file.file.seek(0)
    digest = hashlib.sha256()
    while block := file.file.read(1 << 20):
        digest.update(block)
    file.file.seek(0)
    return digest.hexdigest()


def _before(services: Services, caller: Caller, key: idempotency.Key) -> Generation | None:
    with services.database.reading() as session:
        try:
            idempotency.check(session, caller.organisation, key)
        except idempotency.Replayed as replayed:
            return session.get(Generation, replayed.generation)
        return None


def _exists(services: Services, generation: str) -> bool:
    with services.database.reading() as session:
        return session.get(Generation, generation) is not None


def _keep(services: Services, assets: list[Asset]) -> None:
    with services.database.writing() as session:
        session.add_all(assets)


async def _discard(services: Services, assets: list[Asset]) -> None:
    """Forget files of a request that came to nothing."""

    def rows() -> None:
        with services.database.writing() as session:
            for asset in assets:
                row = session.get(Asset, asset.id)
                if row is not None:
                    session.delete(row)

    await asyncio.to_thread(rows)
    for asset in assets:
        await remove_asset_file(services, asset.key)
        if asset.thumbnail_key is not None:
            await services.objects.delete(asset.thumbnail_key)


@router.get(
    "/v2/generations/count",
    **documented("generations.count", gives(Count), query=_FILTERS, errors=(_BAD_QUERY,)),
)
async def count(request: Request, services: TheServices, caller: TheCaller) -> Response:
    """How many generations there are."""
    which = _filter(request, caller)

    def read() -> int:
        with services.database.reading() as session:
            return generations.count(session, which)

    return JSONResponse({"count": await asyncio.to_thread(read)})


@router.get(
    "/v2/generate/{generation_id}",
    **documented(
        "generations.get",
        gives(
            Shape,
            headers={
                "Retry-After": "With wait: seconds after which to ask again.",
                "X-Sync-Wait-Mode": "With wait: long_poll.",
                "X-Sync-Wait-Timeout-Seconds": "With wait: how long was waited at most.",
            },
        ),
        query=(
            Query("wait", "Answer when it has ended, or after `timeout` seconds.", {"type": "boolean"}),
            Query("timeout", "", {"type": "number", "minimum": 1, "maximum": 10, "default": 5}),
            Query.some_of("include", ("progress",), "What to tell more. Not with wait."),
        ),
        errors=(_BAD_QUERY, *_FOUND),
    ),
)
@router.get("/v2/generations/{generation_id}", include_in_schema=False)
async def get(
    generation_id: str, request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller
) -> Response:
    """One generation; `wait=true` answers when it has ended or after `timeout` seconds (contract section 6.2)."""
    wait = lists.switch(request, "wait")
    include = lists.one_of(lists.listed(request, "include"), ("progress",), "include") or []
    timeout = _timeout(request)
    if wait and include:
        raise RequestError("include cannot be used together with wait=true.", field="include")
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    headers: dict[str, str] = {}
    if wait:
        headers = {"X-Sync-Wait-Mode": "long_poll", "X-Sync-Wait-Timeout-Seconds": f"{timeout:g}"}
        until = asyncio.get_running_loop().time() + timeout
        while row.status not in ENDED and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_EVERY)
            row = await asyncio.to_thread(owned_row, services, caller, generation_id)
        if row.status not in ENDED:
            headers["Retry-After"] = "2"
    return JSONResponse(answers.generation(row, "progress" in include), headers=headers)


def _source(request: Request) -> str | None:
    """Which program sends a request, as far as it says so in a way that can be kept."""
    told = request.headers.get("x-sync-source", "").strip()[:_LONGEST_SOURCE]
    return told if told and told.isprintable() else None


def _timeout(request: Request) -> float:
    text = request.query_params.get("timeout")
    if text is None or not text.strip():
        return _WAIT_DEFAULT
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not _WAIT_LOW <= seconds <= _WAIT_HIGH:
        raise RequestError(
            f"timeout must be a number of seconds from {_WAIT_LOW:g} to {_WAIT_HIGH:g}, not {text[:40]!r}.",
            field="timeout",
        )
    return seconds


@router.get(
    "/v2/generations",
    **documented(
        "generations.list",
        gives(Shape, many=True),
        query=(
            *_FILTERS,
            Query.whole("limit", 1, 100, says="A page of so many; without it, all."),
            Query("cursor", "The id of the last one of the page before; needs `limit`."),
        ),
        errors=(_BAD_QUERY,),
    ),
)
async def list_all(request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Generations, newest first; with `limit` a page of them, the last one's id being the next `cursor`."""
    limit = lists.whole(request, "limit", 1, 100)
    cursor = lists.text(request, "cursor")
    if cursor is not None and limit is None:
        raise RequestError("cursor needs a limit.", field="cursor")
    which = _filter(request, caller)

    def answer() -> Response:  # all of it beside the event loop: without a limit there may be very many
        with services.database.reading() as session:
            rows = generations.page(session, which, limit, cursor)
        return JSONResponse([answers.generation(row) for row in rows])

    return await asyncio.to_thread(answer)


def _filter(request: Request, caller: Caller) -> Filter:
    return Filter(
        caller.organisation,
        lists.one_of(lists.listed(request, "status", "statuses"), STATUSES, "status"),
        lists.listed(request, "ids"),
        lists.text(request, "source", "generationSource"),
        lists.text(request, "projectId"),
    )


@router.get(
    "/v2/generations/{generation_id}/download",
    **documented(
        "generations.download",
        text("text/plain", "https://lipwright.example.com/files/generations/o/g/output.mp4?signature=..."),
        errors=(*_FOUND, "generation_conflict"),
    ),
)
async def download(generation_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """The address of the output, as plain text."""
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    url = answers.generation(row)["outputUrl"]
    if url is None:
        raise Conflict(f"The generation is {row.status}; it has no output to download.")
    return PlainTextResponse(url)


@router.post(
    "/v2/generations/{generation_id}/cancel",
    **documented("generations.cancel", gives(Shape), errors=(*_FOUND, "generation_conflict")),
)
async def cancel(generation_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Stop a generation; it becomes FAILED with `generation_cancelled`. One that has ended cannot be cancelled."""
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    if row.status in ENDED:
        raise Conflict(f"The generation is {row.status} already; only one that is in work can be cancelled.")
    steps = Steps(services)
    error = {"code": "generation_cancelled", "message": "The generation was cancelled."}
    delivery = await asyncio.to_thread(steps.end, row, error)
    await asyncio.to_thread(services.queue.cancel, row.id)
    if delivery is not None:
        await asyncio.to_thread(services.queue.deliver, delivery)
    await steps.clear(row)
    await batches.moved(services, row.batch_id)
    return JSONResponse(answers.generation(await asyncio.to_thread(owned_row, services, caller, generation_id)))


@router.delete(
    "/v2/generations/{generation_id}",
    **documented("generations.delete", gives(Shape), errors=(*_FOUND, "generation_not_deletable_while_processing")),
)
async def delete(generation_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Delete a generation that has ended, with everything it fetched, made and wrote; the answer is what it was."""
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    if row.status not in ENDED:
        raise StillProcessing
    answer = answers.generation(row)
    await remove_generation(services, row)
    return JSONResponse(answer)


@router.get(
    "/v2/generations/{generation_id}/report",
    **documented("generations.report", gives(Report), errors=(*_FOUND, "generation_conflict")),
)
async def report(generation_id: str, services: TheServices, caller: TheCaller) -> Response:
    """The quality report of a finished generation (docs/quality-report.md)."""
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    if row.report_key is None:
        raise Conflict(f"The generation is {row.status}; it has no report.")
    return Response(await services.objects.get_bytes(row.report_key, LARGEST_REPORT), media_type="application/json")


@router.get(
    "/v2/generations/{generation_id}/segments",
    **documented("generations.segments", gives(SegmentMap), errors=(*_FOUND, "generation_conflict")),
)
async def segments(generation_id: str, services: TheServices, caller: TheCaller) -> Response:
    """Where each segment of the request came to lie in the output."""
    row = await asyncio.to_thread(owned_row, services, caller, generation_id)
    told = (row.result or {}).get("segments")
    if row.status not in ENDED or told is None:
        raise Conflict(f"The generation is {row.status}; it has no segment map.")
    return JSONResponse({"id": row.id, "outputDuration": row.output_seconds, "segments": told})


def owned_row(services: Services, caller: Caller, generation: str) -> Generation:
    """The caller's generation.

    Raises:
        InvalidGenerationId: that is no id. GenerationNotFound: there is none of that id, or it is somebody else's.
    """
    if not is_id(generation):
        raise InvalidGenerationId(f"{generation[:80]!r} is not the id of a generation.", field="id")
    with services.database.reading() as session:
        row = generations.find(session, caller.organisation, generation)
    if row is None:
        raise GenerationNotFound(f"There is no generation {generation!r}.", field="id")
    return row
