"""The openness curve."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lipwright.speech.openness import openness_of
from lipwright.speech.phones import CLASS


def sequence(*parts: tuple[str, int]) -> np.ndarray:
    classes = np.concatenate([np.full(n, CLASS[name]) for name, n in parts])
    return np.eye(14, dtype=np.float32)[classes]


def test_an_open_vowel_opens_fully_and_silence_closes_fully() -> None:
    curve = openness_of(sequence(("sil", 30), ("aa", 30), ("sil", 30)))
    assert curve[45] > 0.99
    assert (curve[:20] == 0).all()
    assert (curve[75:] == 0).all()


def test_a_short_closure_between_open_vowels_is_a_closure() -> None:
    curve = openness_of(sequence(("aa", 20), ("PP", 5), ("aa", 20)))
    assert (curve[20:25] == 0).all()
    assert curve[10] > 0.95


def test_an_unsure_closure_closes_less() -> None:
    sure = sequence(("aa", 20), ("PP", 5), ("aa", 20))
    unsure = 0.5 * sure + 0.5 * sequence(("aa", 45))
    assert openness_of(unsure)[22] > openness_of(sure)[22] + 0.2


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (40, 14), elements=st.floats(0.0625, 1, width=32)))
def test_always_between_shut_and_open(raw: np.ndarray) -> None:
    curve = openness_of(raw / raw.sum(1, keepdims=True))
    assert curve.shape == (40,)
    assert curve.min() >= 0
    assert curve.max() <= 1


def test_no_rows_no_curve() -> None:
    assert openness_of(np.zeros((0, 14), np.float32)).shape == (0,)
