"""Forced alignment against a voice whose words are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hibari import Hibari
from scipy.signal import resample_poly

from lipwright.errors import RequestError
from lipwright.speech.pocket import align

TEXT = "Stop the bus by the small map."


@pytest.fixture(scope="module")
def said() -> np.ndarray:
    return resample_poly(Hibari(threads=1)(TEXT, seed=1), 2, 3).astype(np.float32)


def test_sounds_come_in_order_and_fill_the_speech(said: np.ndarray) -> None:
    phones = align(said, TEXT)
    spoken = [p.symbol for p in phones if p.symbol != "SIL"]
    assert [s for s in spoken if s in {"S", "P", "B", "M"}] == ["S", "P", "B", "S", "B", "S", "M", "M", "P"]
    assert all(p.end > p.start for p in phones)
    assert all(abs(a.end - b.start) < 0.011 for a, b in pairwise(phones))


def test_hiss_is_where_it_is_heard(said: np.ndarray) -> None:
    """The three `s` hold most of the power above 4 kHz."""
    spectrum = np.abs(np.fft.rfft(said[: len(said) // 160 * 160].reshape(-1, 160))) ** 2
    hiss = spectrum[:, 40:].sum(1)
    inside = np.zeros(len(hiss), bool)
    for phone in align(said, TEXT):
        if phone.symbol in {"S", "T"}:
            inside[round(phone.start * 100) - 2 : round(phone.end * 100) + 2] = True
    assert inside.mean() < 0.5
    assert hiss[inside].sum() > 0.85 * hiss.sum()


def test_the_same_again_after_a_text_that_does_not_fit(said: np.ndarray) -> None:
    before = align(said, TEXT)
    with pytest.raises(RequestError, match="does not fit"):
        align(said[:4000], "a very long sentence that nobody could ever say in a quarter of a second")
    assert align(said, TEXT) == before


@pytest.mark.parametrize(("text", "named"), [("hello qzzxy", "qzzxy"), ("...", "none given")])
def test_words_out_of_the_dictionary_are_named(said: np.ndarray, text: str, named: str) -> None:
    with pytest.raises(RequestError, match=named):
        align(said, text)
