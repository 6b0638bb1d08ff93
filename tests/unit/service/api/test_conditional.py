"""Ranges and versions of files, as headers ask for them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.service.api.conditional import Span, Unsatisfiable, asked_span, has_it_already

MODIFIED = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
DATE = "Fri, 01 May 2026 12:00:00 GMT"
ETAG = '"v1"'


def span(value: str, size: int = 100, **headers: str) -> Span | None:
    return asked_span({"range": value, **{n.replace("_", "-"): v for n, v in headers.items()}}, size, ETAG, MODIFIED)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=10-19", Span(10, 20)),
        ("bytes=10-", Span(10, 100)),
        ("bytes=90-1000", Span(90, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-1000", Span(0, 100)),
        ("Bytes= 0-1", Span(0, 2)),
        # not understood, or several: the whole file
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=--5", None),
        ("bytes=٣-٤", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("items=0-1", None),
        ("", None),
    ],
)
def test_a_range(value: str, expected: Span | None) -> None:
    assert span(value) == expected


@pytest.mark.parametrize(
    ("value", "size"), [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_a_range_after_the_end_cannot_be_had(value: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        span(value, size)


@given(st.text(), st.integers(0, 50))
def test_a_span_is_never_empty_and_always_inside(value: str, size: int) -> None:
    try:
        found = span("bytes=" + value, size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found.start < found.stop <= size


@pytest.mark.parametrize(
    ("known", "same"), [(ETAG, True), (DATE, True), ('"v0"', False), ("W/" + ETAG, False), ("x", False), ("", False)]
)
def test_a_range_counts_only_for_the_version_the_client_has_parts_of(known: str, same: bool) -> None:
    assert (span("bytes=0-1", if_range=known) is not None) == same


@pytest.mark.parametrize(
    ("headers", "has"),
    [
        ({}, False),
        ({"if-none-match": ETAG}, True),
        ({"if-none-match": "W/" + ETAG}, True),
        ({"if-none-match": f'"v0", {ETAG}'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"v0"'}, False),
        ({"if-none-match": ""}, False),
        ({"if-modified-since": DATE}, True),
        ({"if-modified-since": "Fri, 01 May 2026 11:59:59 GMT"}, False),
        ({"if-modified-since": "Sat, 02 May 2026 12:00:00 GMT"}, True),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-none-match": '"v0"', "if-modified-since": DATE}, False),
    ],
)
def test_what_a_client_has_is_not_sent_again(headers: dict[str, str], has: bool) -> None:
    assert has_it_already(headers, ETAG, MODIFIED) == has
