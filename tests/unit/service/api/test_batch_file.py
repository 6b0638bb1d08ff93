"""What a batch file may hold, and how its faults are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from lipwright.errors import Fault, RequestError
from lipwright.service.api.batch_file import MOST_BYTES, MOST_LINES, Line, LineFault, lines_of_file, lines_of_rows

FAULTY = "faulty"


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {"request_id": f"r{number}", "endpoint": "/v2/generate", "payload": {"model": "m"}, **changes}


def jsonl(*rows: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def check(payload: Mapping[str, Any]) -> None:
    """Refuses what says that it is faulty."""
    if payload.get("model") == FAULTY:
        raise RequestError.of([Fault("input", "input is missing."), Fault("model", "model is faulty.", "some_code")])


def faults(data: bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(RequestError) as caught:
        lines_of_file(data, check)
    assert all(isinstance(one, LineFault) for one in caught.value.faults)
    return [(one.line, one.field, one.code) for one in caught.value.faults if isinstance(one, LineFault)]


def code(data: bytes) -> str:
    with pytest.raises(RequestError) as caught:
        lines_of_file(data, check)
    return caught.value.code


def test_lines_in_order() -> None:
    assert lines_of_file(jsonl(row(1), row(2)), check) == [
        Line(1, "r1", {"model": "m"}),
        Line(2, "r2", {"model": "m"}),
    ]


def test_blank_lines_are_passed_over_but_counted() -> None:
    data = b"\xef\xbb\xbf\n" + jsonl(row(1)).rstrip() + b"\r\n  \r\n\n" + jsonl(row(2)).rstrip()
    assert [(line.number, line.request_id) for line in lines_of_file(data, check)] == [(2, "r1"), (5, "r2")]


def test_a_line_ends_only_where_a_newline_is() -> None:
    data = json.dumps(row(1, request_id="a\u2028b\x85c"), ensure_ascii=False).encode()
    assert [line.request_id for line in lines_of_file(data, check)] == ["a\u2028b\x85c"]


@pytest.mark.parametrize("data", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_a_file_without_lines(data: bytes) -> None:
    assert code(data) == "batch_insufficient_records"


def test_the_most_lines() -> None:
    most = [row(number) for number in range(MOST_LINES)]
    assert len(lines_of_file(jsonl(*most), check)) == MOST_LINES
    assert code(jsonl(*most, row(MOST_LINES))) == "batch_too_many_requests"
    with pytest.raises(RequestError, match="500"):
        lines_of_rows([*most, row(MOST_LINES)], check)


def test_the_largest_file() -> None:
    data = jsonl(row(1))
    assert len(lines_of_file(data + b" " * (MOST_BYTES - len(data)), check)) == 1
    assert code(data + b" " * (MOST_BYTES - len(data) + 1)) == "batch_file_too_large"


@pytest.mark.parametrize(
    "line",
    [
        b"{not json",
        b"[1]",
        b"null",
        b'{"request_id": "x", "endpoint": "/v2/generate", "payload": {"n": NaN}}',
        b'{"request_id": "x", "endpoint": "/v2/generate", "payload": {"s": "\xff"}}',
        b'{"request_id": "x", "endpoint": "/v2/generate", "payload": {"s": "\\ud800"}}',
        b'{"request_id": "x", "endpoint": "/v2/generate", "payload": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"request_id": "x", "endpoint": "/v2/generate"}',
        b'{"request_id": "x", "endpoint": "/v2/generate", "payload": "text"}',
        b'{"request_id": "", "endpoint": "/v2/generate", "payload": {}}',
        b'{"request_id": 7, "endpoint": "/v2/generate", "payload": {}}',
        b'{"endpoint": "/v2/generate", "payload": {}}',
        '{"request_id": "x"}'.encode("utf-16"),
    ],
)
def test_a_line_that_is_not_as_it_has_to_be(line: bytes) -> None:
    found = faults(jsonl(row(1)) + line + b"\n" + jsonl(row(3)))
    assert {(number, code) for number, _, code in found} >= {(2, "batch_invalid_jsonl")}
    assert {number for number, _, _ in found} == {2}


@pytest.mark.parametrize("endpoint", ["/v2/tts", "/v2/generate/", "v2/generate", "", None, 3])
def test_another_endpoint(endpoint: object) -> None:
    assert faults(jsonl(row(1), row(2, endpoint=endpoint))) == [(2, "endpoint", "batch_invalid_endpoint")]


def test_a_request_id_twice_names_both_lines() -> None:
    with pytest.raises(RequestError, match=r"Line 4.*line 1 already") as caught:
        lines_of_file(jsonl(row(1), row(2), row(3), row(1)), check)
    assert caught.value.code == "batch_duplicate_request_id"


def test_payloads_are_checked_as_requests_and_named_with_their_line() -> None:
    found = faults(jsonl(row(1), row(2, payload={"model": FAULTY}), row(3)))
    assert found == [
        (2, "payload.input", "generation_input_validation_failed"),
        (2, "payload.model", "some_code"),
    ]


def test_everything_wrong_is_told_at_once_in_the_order_of_the_lines() -> None:
    data = b"{\n" + jsonl(row(1, endpoint="/x"), row(3, payload={"model": FAULTY}), row(1)) + b"\xff\n"
    assert [(number, code) for number, _, code in faults(data)] == [
        (1, "batch_invalid_jsonl"),
        (2, "batch_invalid_endpoint"),
        (3, "generation_input_validation_failed"),
        (3, "some_code"),
        (4, "batch_duplicate_request_id"),
        (5, "batch_invalid_jsonl"),
    ]


def test_an_answer_does_not_grow_without_end() -> None:
    def hopeless(_: Mapping[str, Any]) -> None:
        raise RequestError.of([Fault(f"input[{n}]", "It is wrong.") for n in range(500)])

    with pytest.raises(RequestError) as caught:
        lines_of_file(jsonl(*(row(number) for number in range(10))), hopeless)
    assert len(caught.value.faults) == 1001
    assert caught.value.faults[-1].message == "4000 more faults are not listed."


def test_rows_instead_of_a_file() -> None:
    camel = {"requestId": "r2", "endpoint": "/v2/generate", "payload": {}}
    assert lines_of_rows([row(1), camel], check) == [Line(1, "r1", {"model": "m"}), Line(2, "r2", {})]
    for wrong in (None, {}, "text"):
        with pytest.raises(RequestError, match="rows must be an array"):
            lines_of_rows(wrong, check)
    with pytest.raises(RequestError, match="at least 1"):
        lines_of_rows([], check)
