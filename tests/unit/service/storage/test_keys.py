"""Which names objects may have."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.service.storage.keys import checked, checked_prefix


@pytest.mark.parametrize(
    "key", ["a", "uploads/3f2c/talk.mp4", "a/ü (1)/日本 語.mp4", "a/.hidden", "a/...", "a#b?c%2f&d"]
)
def test_an_ordinary_key_is_kept_as_it_is(key: str) -> None:
    assert checked(key) == key


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b"),
        *("a\\b", "..\\a", "a\0b", "a\nb", "a\x7fb", "a\x85b", "a\u2028b", "a\ud800b"),
        *(".staging", ".staging/x", ".STAGING/x", "x" * 256, "ü" * 128, "/".join(["x" * 100] * 11)),
    ],
)
def test_a_key_that_could_be_read_in_two_ways_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="object key"):
        checked(key)


@given(st.text(st.sampled_from("a.\\/:\0~%") | st.characters(), max_size=30))
def test_no_key_leads_out_of_a_folder(key: str) -> None:
    try:
        checked(key)
    except ValueError:
        return
    assert PurePosixPath("/store", key).as_posix() == f"/store/{key}"
    assert ".." not in PureWindowsPath(key).parts


def test_a_prefix_may_end_with_a_slash_and_may_be_empty() -> None:
    assert [checked_prefix(prefix) for prefix in ("", "a/b", "a/b/")] == ["", "a/b", "a/b"]
    with pytest.raises(ValueError, match="empty part"):
        checked_prefix("a//")
