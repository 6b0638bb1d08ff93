"""Cutting scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.speech.tts.sentences import pieces, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "Dr. Smith met J. K. Rowling at 3.30 p.m. on Monday.",
            ["Dr. Smith met J. K. Rowling at 3.30 p.m. on Monday."],
        ),
        ("He said “Stop.” Then he left.", ["He said “Stop.”", "Then he left."]),
        ("First line\nsecond line", ["First line", "second line"]),
        ("やあ。げんき？「はい。」そう", ["やあ。", "げんき？", "「はい。」", "そう"]),
        ("Wait... what? ok", ["Wait... what?", "ok"]),
        ("  \n \n", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="ab .,!?;\n「」。é", max_size=300))
def test_no_character_but_space_is_lost_or_moved(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(st.text(alphabet="abc ,;", max_size=400), st.integers(5, 60))
def test_pieces_fit_and_lose_nothing_but_space(text: str, limit: int) -> None:
    cut = pieces(text, limit)
    assert all(0 < len(piece) <= limit for piece in cut)
    assert "".join("".join(cut).split()) == "".join(text.split())


def test_pieces_are_cut_after_clauses_when_there_are_any() -> None:
    assert pieces("aaaa bbbb, cccc dddd; eeee ffff", 12) == ["aaaa bbbb,", "cccc dddd;", "eeee ffff"]
