"""Sounds to mouth shapes."""

from __future__ import annotations

import pytest

from lipwright.speech.phones import CLASS, Phone, arpabet_shape, ipa_shape, shape_spans
from lipwright.speech.visemes import VISEMES


def named(phones: list[Phone], *, ipa: bool = False) -> list[tuple[str, float, float]]:
    return [(VISEMES[c], a, b) for c, a, b in shape_spans(phones, ipa=ipa)]


def test_lips_close_for_the_bilabials_and_nothing_else() -> None:
    alphabet = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
    assert {p for p in alphabet.split() if "PP" in str(arpabet_shape(p))} == {"P", "B", "M"}
    assert all(arpabet_shape(p) is not None for p in alphabet.split())
    assert all(set(str(arpabet_shape(p)).split()) <= set(VISEMES) for p in alphabet.split())


def test_stress_digits_do_not_matter() -> None:
    assert arpabet_shape("AA1") == arpabet_shape("AA") == "aa"


def test_a_diphthong_is_two_shapes_that_fill_its_time() -> None:
    (first, a, b), (second, c, d) = named([Phone("AY", 1.0, 2.0)])
    assert (first, second) == ("aa", "I")
    assert (a, b, d) == (1.0, c, 2.0)


def test_h_wears_the_next_vowel_or_at_the_end_the_last() -> None:
    assert named([Phone("HH", 0, 1), Phone("UW", 1, 2)])[0] == ("U", 0, 1)
    assert named([Phone("h", 0, 1), Phone("a", 1, 2)], ipa=True)[0] == ("aa", 0, 1)
    assert named([Phone("AA", 0, 1), Phone("HH", 1, 2), Phone("SIL", 2, 3)])[1] == ("aa", 1, 2)
    assert named([Phone("HH", 0, 1)]) == [("sil", 0, 1)]


def test_unknown_symbols_are_silence() -> None:
    assert named([Phone("<sil>", 0, 1)]) == [("sil", 0, 1)]
    assert ipa_shape("%") is None


@pytest.mark.parametrize(
    ("symbol", "shape"), [("m", "PP"), ("ɱ", None), ("v", "FF"), ("θ", "TH"), ("ʃ", "CH"), ("ɹ", "RR")]
)
def test_ipa(symbol: str, shape: str | None) -> None:
    assert ipa_shape(symbol) == shape


def test_classes_follow_the_order_of_the_track() -> None:
    assert [CLASS[name] for name in VISEMES] == list(range(len(VISEMES)))
