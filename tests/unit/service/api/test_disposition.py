"""How a browser is told to treat a file, and what to call it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.service.api.files import disposition


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("video/mp4", "talk.mp4", 'inline; filename="talk.mp4"'),
        ("image/png", "a b.png", 'inline; filename="a b.png"'),
        ("image/svg+xml", "a.svg", 'attachment; filename="a.svg"'),
        ("IMAGE/SVG+XML; x=y", "a.svg", 'attachment; filename="a.svg"'),
        ("text/html", "a.html", 'attachment; filename="a.html"'),
        ("application/octet-stream", "a", 'attachment; filename="a"'),
        ("video/mp4", "Grüße.mp4", "inline; filename=\"Gr__e.mp4\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.mp4"),
        ("video/mp4", 'a";x="b', "inline; filename=\"a_;x=_b\"; filename*=UTF-8''a%22%3Bx%3D%22b"),
        ("video/mp4", "../a\r\nSet-Cookie: b", 'inline; filename=".. a  Set-Cookie: b"'),
    ],
)
def test_a_file(kind: str, name: str, expected: str) -> None:
    assert disposition(kind, name) == expected


@given(st.text())
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    value = disposition("video/mp4", name)
    assert value.isascii()
    assert value.isprintable()
    assert value.removeprefix('inline; filename="').partition("; filename*=")[0].count('"') == 1
