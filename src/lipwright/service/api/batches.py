"""Many generations ordered in one file (contract section 10): creating, reading and listing batches, and their results.

The address of the results carries a permit, the signature of a link to the file, so that whoever was given the address
(by an answer or by the webhook) can follow it without an API key, like the address of an output. With a key the address
works without the permit, for its organisation. Either way it leads to a link that is good for minutes, and no key has
to be sent to wherever that is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from lipwright.errors import BatchNotFound, Conflict, LipwrightError, RequestError
from lipwright.service.answers import Answers
from lipwright.service.api import lists
from lipwright.service.api.batch_file import MOST_BYTES, BatchFileTooLarge, Line, lines_of_file, lines_of_rows
from lipwright.service.api.bodies import read_body, read_form
from lipwright.service.api.state import TheAnswers, TheCaller, TheServices, caller_of
from lipwright.service.api.wire import BODY_ERRORS, Query, bare, documented, file_body, gives, json_body
from lipwright.service.api.wire.files import BATCH_FORM_EXAMPLE as FORM_EXAMPLE
from lipwright.service.api.wire.files import Batch as Shape
from lipwright.service.api.wire.files import BatchForm, BatchRequest, Validated
from lipwright.service.jobs.batches import moved
from lipwright.service.orders.accept import check_body
from lipwright.service.services import Services
from lipwright.service.storage import batches
from lipwright.service.storage.access import Caller
from lipwright.service.storage.tables import Batch, BatchRow, is_id, new_id

router = APIRouter(tags=["batches"])

Json = dict[str, Any]

_LINK_GOOD_FOR = timedelta(minutes=10)


class LinkRefused(LipwrightError):
    """This link is not valid or has expired."""

    code = "asset_forbidden"


@dataclass(frozen=True, slots=True)
class _Submission:
    """What came: the file, or else the rows, and what is to be done with them."""

    file: bytes | None
    rows: Any
    webhook_url: str | None
    dry_run: bool


_BATCH_ERRORS = (
    "batch_file_too_large",
    "batch_too_many_requests",
    "batch_insufficient_records",
    "batch_invalid_jsonl",
    "batch_duplicate_request_id",
    "batch_invalid_endpoint",
    "generation_input_segments_invalid",
    "unsupported_media_type",
    "batch_concurrency_limit_reached",
)


@router.post(
    "/v2/batch",
    **documented(
        "batch.create",
        gives(Shape, 201, says="The batch, being taken into work."),
        gives(Validated, says="Nothing is wrong: the answer to a dry run."),
        body=json_body(BatchRequest) | file_body(BatchForm, FORM_EXAMPLE),
        errors=(*BODY_ERRORS, *_BATCH_ERRORS),
    ),
)
@router.post("/v2/batches", status_code=201, include_in_schema=False)
async def create(request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Create a batch: multipart with a JSONL file, or JSON with rows. A dry run only says that nothing is wrong."""
    asked = await _read(request, services)
    lines = await asyncio.to_thread(_lines, services, asked)
    if asked.dry_run:
        return JSONResponse({"status": "VALIDATED"})
    batch = await asyncio.to_thread(_create, services, caller, lines, asked.webhook_url)
    answer = answers.batch(batch, batches.Counts(total=len(lines)))
    return JSONResponse(answer, 201, background=BackgroundTask(moved, services, batch.id))


@router.get(
    "/v2/batch",
    **documented(
        "batch.list",
        gives(Shape, many=True),
        query=(
            Query.one_of("status", batches.STATUSES, "Only those in this state."),
            Query("created_after", "Only those created since.", {"type": "string", "format": "date-time"}),
            Query("created_before", "Only those created until.", {"type": "string", "format": "date-time"}),
        ),
        errors=("generation_input_validation_failed",),
    ),
)
@router.get("/v2/batches", include_in_schema=False)
async def list_all(request: Request, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """Batches, newest first."""
    status = lists.one_of(lists.listed(request, "status"), batches.STATUSES, "status")
    if status is not None and len(status) > 1:
        raise RequestError(f"status must be one of {', '.join(batches.STATUSES)}, not several.", field="status")
    after, before = (
        _moment(request, "created_after", "createdAfter"),
        _moment(request, "created_before", "createdBefore"),
    )
    which = batches.Filter(caller.organisation, status[0] if status else None, after, before)

    def read() -> list[Json]:
        with services.database.reading() as session:
            rows = batches.page(session, which)
            counts = batches.counts(session, rows)
        return [answers.batch(row, counts[row.id]) for row in rows]

    return JSONResponse(await asyncio.to_thread(read))


@router.get("/v2/batch/{batch_id}", **documented("batch.get", gives(Shape), errors=("batch_not_found",)))
@router.get("/v2/batches/{batch_id}", include_in_schema=False)
async def get(batch_id: str, services: TheServices, answers: TheAnswers, caller: TheCaller) -> Response:
    """One batch."""
    return JSONResponse(await asyncio.to_thread(_told, services, answers, caller, batch_id))


@router.head("/v2/batch/{batch_id}/result", include_in_schema=False)
@router.get(
    "/v2/batch/{batch_id}/result",
    **documented(
        "batch.result",
        bare(302, "The results are at Location: a line of JSON for each line of the batch.", Location="A link."),
        query=(Query("signature", "The permit that the batch's outputUrl carries; no key is needed then."),),
        errors=("asset_forbidden", "batch_not_found", "generation_conflict"),
    ),
)
@router.api_route("/v2/batches/{batch_id}/result", methods=["GET", "HEAD"], include_in_schema=False)
async def result(batch_id: str, request: Request, services: TheServices) -> Response:
    """Where the results are now: a redirect to a file with a line of JSON for each line of the batch."""
    row = await asyncio.to_thread(_permitted, services, batch_id, request)
    if row is None:
        if "signature" in request.query_params and not _has_key(request):
            raise LinkRefused
        caller = await caller_of(request)
        row = await asyncio.to_thread(_row, services, caller, batch_id)
    if row.result_key is None:
        raise Conflict(f"The batch is {row.status}; it has no results yet.")
    link = services.links.download(row.result_key, _LINK_GOOD_FOR, f"batch-{row.id}.jsonl", "application/x-ndjson")
    return RedirectResponse(link, 302, {"Cache-Control": "no-store"})


async def _read(request: Request, services: Services) -> _Submission:
    """The request as it came.

    Raises:
        RequestError: it is not one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, services)
    body = (await read_body(request, services.config)).json
    webhook, dry = _either(body, "webhook_url", "webhookUrl"), _either(body, "dry_run", "dryRun")
    return _Submission(None, body.get("rows"), _webhook(services, webhook), _switch(dry))


async def _read_form(request: Request, services: Services) -> _Submission:
    small = services.config.model_copy(update={"max_upload": MOST_BYTES})
    try:
        form = await read_form(request, small)
    except HTTPException as error:
        if error.status_code == 413:
            raise BatchFileTooLarge(
                f"{error.detail} A batch file may have {MOST_BYTES} bytes.", field="input"
            ) from None
        raise
    try:
        given = [value for name, value in form.multi_items() if name in ("input", "file")]
        if len(given) != 1:
            raise RequestError(
                f"input, the file with one request a line, must be given once; it is given {len(given)} times.",
                field="input",
            )
        first = given[0]
        data = await first.read(MOST_BYTES + 1) if isinstance(first, UploadFile) else first.encode()
        texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    finally:
        await form.close()
    webhook, dry = _either(texts, "webhook_url", "webhookUrl"), _either(texts, "dry_run", "dryRun")
    return _Submission(data, None, _webhook(services, webhook), _switch(dry))


def _either(given: Json, *names: str) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)


def _webhook(services: Services, url: Any) -> str | None:
    """The webhook's address.

    Raises:
        RequestError: it cannot be one.
    """
    if url is None or url == "":
        return None
    if not isinstance(url, str):
        raise RequestError(f"webhook_url must be a URL, not {url!r:.80}.", field="webhook_url")
    services.fetcher.check_webhook_url(url)
    return url


def _switch(given: Any) -> bool:
    """The value of dry_run, false by default.

    Raises:
        RequestError: it is neither true nor false.
    """
    if given is None or isinstance(given, bool):
        return bool(given)
    text = given.strip().lower() if isinstance(given, str) else ""
    if text not in ("true", "false", "1", "0"):
        raise RequestError(f"dry_run must be true or false, not {given!r:.80}.", field="dry_run")
    return text in ("true", "1")


def _moment(request: Request, *names: str) -> datetime | None:
    """A time in the query; one without a zone is UTC.

    Raises:
        RequestError: it is none.
    """
    text = next((request.query_params[name].strip() for name in names if request.query_params.get(name)), "")
    if not text:
        return None
    try:
        # A plus sign that was not encoded arrives as a space.
        time = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(
            f"{names[0]} must be a time such as 2024-01-01T00:00:00Z, not {text[:40]!r}.", field=names[0]
        ) from None


def _lines(services: Services, asked: _Submission) -> list[Line]:
    def check(payload: Any) -> None:
        check_body(services, payload)

    return lines_of_rows(asked.rows, check) if asked.file is None else lines_of_file(asked.file, check)


def _create(services: Services, caller: Caller, lines: list[Line], webhook_url: str | None) -> Batch:
    batch = Batch(id=new_id(), organisation_id=caller.organisation, api_key_id=caller.key, webhook_url=webhook_url)
    rows = [
        BatchRow(batch_id=batch.id, line=line.number, request_id=line.request_id, payload=line.payload)
        for line in lines
    ]
    with services.database.writing() as session:
        batches.create(session, batch, rows, services.config.batch_concurrency)
    return batch


def _told(services: Services, answers: Answers, caller: Caller, batch: str) -> Json:
    row = _row(services, caller, batch)
    with services.database.reading() as session:
        return answers.batch(row, batches.counts(session, [row])[row.id])


def _row(services: Services, caller: Caller, batch: str) -> Batch:
    """The caller's batch.

    Raises:
        BatchNotFound: there is none of that id, or it is somebody else's.
    """
    row = None
    if is_id(batch):
        with services.database.reading() as session:
            row = batches.find(session, caller.organisation, batch)
    if row is None:
        raise BatchNotFound(f"There is no batch {batch[:80]!r}.", field="id")
    return row


def _permitted(services: Services, batch: str, request: Request) -> Batch | None:
    """The batch, if the query holds a permit for its results."""
    if "signature" not in request.query_params or not is_id(batch):
        return None
    with services.database.reading() as session:
        row = session.get(Batch, batch)
    if row is None or row.result_key is None:
        return None
    return row if services.links.verify("GET", row.result_key, request.query_params) is not None else None


def _has_key(request: Request) -> bool:
    return bool(request.headers.get("x-api-key") or request.headers.get("authorization"))
