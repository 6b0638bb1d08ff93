"""Errors as JSON (contract section 15): whatever goes wrong, the body has the same shape and the request's id.

`message` is a sentence, or a list of them where a body has several faults (the SDKs know both); `error` is the status
in words; `errorCode`, `suggestion` and `field` say what to do. What is a fault of ours is logged and not told.
"""

from __future__ import annotations

import errno
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from lipwright.error_codes import BY_CODE, known
from lipwright.errors import Fault, LipwrightError, RequestError
from lipwright.service.api.batch_file import LineFault
from lipwright.service.api.limits import RateLimited
from lipwright.service.api.state import Unauthorized
from lipwright.service.jobs.children import StageFailure
from lipwright.service.storage import batches
from lipwright.service.storage.generations import AtLimit
from lipwright.service.storage.objects import ObjectMissing

_log = logging.getLogger(__name__)

_BY_STATUS = {
    400: "generation_input_validation_failed",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    503: "service_unavailable",
}
RETRY_SECONDS = 10
"""What a client at its limit is told to wait: about the time in which something may have ended."""


def install(app: FastAPI) -> None:
    """Have `app` answer every error in the contract's shape."""
    app.add_exception_handler(LipwrightError, _lipwright)
    app.add_exception_handler(StageFailure, _stage)
    app.add_exception_handler(AtLimit, _at_limit)
    app.add_exception_handler(batches.AtLimit, _at_batch_limit)
    app.add_exception_handler(ObjectMissing, _missing)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _unexpected)


def body(
    request: Request,
    status: int,
    message: str | list[str],
    code: str | None,
    field: str | None = None,
    suggestion: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The body of an error."""
    told: dict[str, Any] = {"statusCode": status, "message": message, "error": _phrase(status)}
    if code is not None:
        told["errorCode"] = code
        told["suggestion"] = suggestion or (BY_CODE[code].suggestion if code in BY_CODE else None)
    if field:
        told["field"] = field
    told["requestId"] = getattr(request.state, "request_id", None)
    return {name: value for name, value in (told | more).items() if value is not None}


async def _lipwright(request: Request, error: Exception) -> Response:
    assert isinstance(error, LipwrightError)
    if isinstance(error, Unauthorized):  # these two bodies are recorded, see contract section 1
        told: dict[str, Any] = {"message": error.message, "statusCode": 401}
        return JSONResponse(told | ({"error": "Unauthorized"} if " " in error.message else {}), 401)
    more: dict[str, Any] = {}
    message: str | list[str] = error.message
    status = error.status
    if isinstance(error, RequestError):
        faults = error.faults
        message = faults[0].message if len(faults) == 1 else [fault.message for fault in faults]
        more |= _line(faults[0])
        if len(faults) > 1:
            more["faults"] = [
                {"field": one.field, "message": one.message, "errorCode": one.code} | _line(one) for one in faults
            ]
    headers = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after)
    if status == 499:  # not a status to send
        status = 409
    if status >= 500:
        _log.error("%s: %s", error.code, error.message, exc_info=error)
    told = body(request, status, message, error.code, error.field, error.suggestion, **more)
    return JSONResponse(told, status, headers)


def _line(fault: Fault) -> dict[str, int]:
    """The line of a batch that a fault is in."""
    return {"lineNumber": fault.line} if isinstance(fault, LineFault) and fault.line else {}


async def _stage(request: Request, error: Exception) -> Response:
    """What a child found wrong with media."""
    assert isinstance(error, StageFailure)
    status = int(error.detail.get("status") or known(error.code).status)
    field, suggestion = error.detail.get("field"), error.detail.get("suggestion")
    return JSONResponse(body(request, status, error.message, error.code, field, suggestion), status)


async def _at_limit(request: Request, error: Exception) -> Response:
    assert isinstance(error, AtLimit)
    told = body(
        request,
        429,
        f"Concurrency limit reached: {error.active} of {error.limit} generations are in work.",
        "concurrency_limit_reached",
        activeGenerations=error.active,
        concurrencyLimit=error.limit,
        retryAfterSeconds=RETRY_SECONDS,
    )
    told["upgradeUrl"] = None  # there is nothing to buy
    headers = {
        "Retry-After": str(RETRY_SECONDS),
        "X-Sync-Concurrency-Limit": str(error.limit),
        "X-Sync-Active-Generations": str(error.active),
    }
    return JSONResponse(told, 429, headers)


async def _at_batch_limit(request: Request, error: Exception) -> Response:
    assert isinstance(error, batches.AtLimit)
    told = body(
        request,
        429,
        f"Batch concurrency limit reached. {error.active} of {error.limit} batches are in work.",
        "batch_concurrency_limit_reached",
        activeBatches=error.active,
        concurrencyLimit=error.limit,
        retryAfterSeconds=RETRY_SECONDS,
    )
    told["upgradeUrl"] = None  # there is nothing to buy
    return JSONResponse(told, 429, {"Retry-After": str(RETRY_SECONDS)})


async def _missing(request: Request, error: Exception) -> Response:
    """A file that was deleted a moment ago, by another request or by retention."""
    told = body(request, 404, "The file does not exist any more.", "asset_not_found")
    return JSONResponse(told, 404)


async def _left(request: Request, error: Exception) -> Response:
    """The client is gone in the middle of its body: nobody reads this, but it is counted."""
    return Response(status_code=499)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code)
    message = error.detail if error.detail and error.detail != _phrase(error.status_code) else None
    if message is None:
        message = (
            f"Cannot {request.method} {request.url.path}" if error.status_code == 404 else _phrase(error.status_code)
        )
    return JSONResponse(body(request, error.status_code, message, code), error.status_code, error.headers)


async def _parameters(request: Request, error: Exception) -> Response:
    """A query or path parameter, or a small JSON body, that is not as declared."""
    assert isinstance(error, RequestValidationError)
    faults = []
    for one in error.errors():
        field = ".".join(str(part) for part in one["loc"][1:]) or "body"
        faults.append((field, f"{field}: {one['msg']}."))
    message = faults[0][1] if len(faults) == 1 else [sentence for _, sentence in faults]
    told = body(request, 400, message, "generation_input_validation_failed", faults[0][0])
    return JSONResponse(told, 400)


async def _unexpected(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _log.error("the disk is full in %s %s", request.method, request.url.path)
        told = body(request, 507, "The service's disk is full.", "generation_infra_storage_error")
        return JSONResponse(told, 507)
    _log.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    return JSONResponse(body(request, 500, BY_CODE["internal_error"].message, "internal_error"), 500)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
