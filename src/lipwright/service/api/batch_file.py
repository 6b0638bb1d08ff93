"""The lines of a batch (contract section 10): what each has to hold, and all that is wrong with them in one answer.

Each fault names its line, counted as an editor counts, blank lines included. The payload of a line is judged by the
same rules as the body of a request, given as `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lipwright.errors import Fault, RequestError
from lipwright.service.api.bodies import decode

Json = dict[str, Any]
Check = Callable[[Mapping[str, Any]], object]

MOST_BYTES = 5 << 20
MOST_LINES = 500
ENDPOINT = "/v2/generate"
_LONGEST_ID = 255
_MOST_FAULTS = 1000


@dataclass(frozen=True, slots=True)
class LineFault(Fault):
    """A fault in one line of a batch; `line` 0 is the file as a whole."""

    line: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number, the client's name for it, and the request."""

    number: int
    request_id: str
    payload: Json


class BatchFileTooLarge(RequestError):
    """The batch file is too large."""

    code = "batch_file_too_large"


class BatchTooManyRequests(RequestError):
    """The batch has too many lines."""

    code = "batch_too_many_requests"


class BatchInsufficientRecords(RequestError):
    """The batch has no lines."""

    code = "batch_insufficient_records"


class BatchInvalidJsonl(RequestError):
    """A line of the batch is not a JSON object as it has to be."""

    code = "batch_invalid_jsonl"


class BatchDuplicateRequestId(RequestError):
    """A request_id stands on more than one line."""

    code = "batch_duplicate_request_id"


class BatchInvalidEndpoint(RequestError):
    """A line names another endpoint."""

    code = "batch_invalid_endpoint"


def lines_of_file(data: bytes, check: Check) -> list[Line]:
    """The lines of a JSONL file; blank ones are passed over.

    Raises:
        RequestError: with everything that is wrong.
    """
    if len(data) > MOST_BYTES:
        raise BatchFileTooLarge(
            f"The batch file is larger than the {MOST_BYTES} bytes that are allowed.", field="input"
        )
    texts = enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
    filled = [(number, text) for number, text in texts if text.strip()]
    _count(len(filled))
    faults: list[LineFault] = []
    values: list[tuple[int, Any]] = []
    for number, text in filled:
        try:
            values.append((number, decode(text.decode("utf-8"), f"Line {number}")))
        except UnicodeDecodeError:
            faults.append(LineFault("", f"Line {number} is not UTF-8.", BatchInvalidJsonl.code, number))
        except RequestError as error:
            faults.append(LineFault("", error.message, BatchInvalidJsonl.code, number))
    return _checked(values, faults, check)


def lines_of_rows(rows: Any, check: Check) -> list[Line]:
    """The lines given as a JSON array; the first is number 1.

    Raises:
        RequestError: with everything that is wrong.
    """
    if not isinstance(rows, list):
        raise RequestError("rows must be an array of objects with request_id, endpoint and payload.", field="rows")
    _count(len(rows))
    return _checked(list(enumerate(rows, 1)), [], check)


def _count(count: int) -> None:
    if count == 0:
        raise BatchInsufficientRecords("The batch has no lines; at least 1 is needed.", field="input")
    if count > MOST_LINES:
        raise BatchTooManyRequests(f"The batch has {count} lines; at most {MOST_LINES} are allowed.", field="input")


def _checked(values: list[tuple[int, Any]], faults: list[LineFault], check: Check) -> list[Line]:
    """The lines, if nothing is wrong with them; `faults` were found before."""
    lines: list[Line] = []
    seen: dict[str, int] = {}
    for number, value in values:
        found = list(_faults(number, value, seen, check))
        if found:
            faults += found
        else:
            lines.append(Line(number, _named(value, "request_id", "requestId"), value["payload"]))
    if faults:
        raise _all(sorted(faults, key=lambda fault: fault.line))
    return lines


def _faults(number: int, value: Any, seen: dict[str, int], check: Check) -> Iterator[LineFault]:
    """What is wrong with a line; `seen` are the request ids of those before it."""
    if not isinstance(value, dict):
        yield LineFault("", f"Line {number} is not a JSON object.", BatchInvalidJsonl.code, number)
        return
    identity, endpoint, payload = _named(value, "request_id", "requestId"), value.get("endpoint"), value.get("payload")
    if not isinstance(identity, str) or not 0 < len(identity) <= _LONGEST_ID:
        said = f"Line {number}: request_id must be a string of 1 to {_LONGEST_ID} characters, not {_shown(identity)}."
        yield LineFault("request_id", said, BatchInvalidJsonl.code, number)
    elif (before := seen.setdefault(identity, number)) != number:
        said = f"Line {number}: request_id {_shown(identity)} stands on line {before} already."
        yield LineFault("request_id", said, BatchDuplicateRequestId.code, number)
    if endpoint != ENDPOINT:
        said = f"Line {number}: endpoint must be {ENDPOINT!r}, not {_shown(endpoint)}."
        yield LineFault("endpoint", said, BatchInvalidEndpoint.code, number)
    if not isinstance(payload, dict):
        said = f"Line {number}: payload must be an object, the body of a request, not {_shown(payload)}."
        yield LineFault("payload", said, BatchInvalidJsonl.code, number)
        return
    try:
        check(payload)
    except RequestError as error:
        for fault in error.faults:
            field = f"payload.{fault.field}" if fault.field else "payload"
            yield LineFault(field, f"Line {number}: {fault.message}", fault.code, number)


def _all(faults: list[LineFault]) -> RequestError:
    """The error for these faults; those beyond what anybody reads are only counted."""
    if len(faults) > _MOST_FAULTS:
        said = f"{len(faults) - _MOST_FAULTS} more faults are not listed."
        faults = [*faults[:_MOST_FAULTS], LineFault("", said, faults[0].code)]
    return RequestError.of(list(faults))


def _named(value: Json, *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _shown(value: Any) -> str:
    return repr(value)[:80]
