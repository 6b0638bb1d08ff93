"""The labels and the figures of the training code, which decide what the head learns and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from training.labels import label
from training.metrics import measure
from training.utterance import Utterance

from lipwright.speech.phones import CLASS, PP, SIL


def spoken(phonemes: str, seconds_each: float, sound: np.ndarray) -> Utterance:
    """A voice that gives every symbol (and the pad before them) the same time."""
    ends = np.arange(1, len(phonemes) + 2) * seconds_each
    return Utterance("test", "en", phonemes, sound.astype(np.float32), ends)


def buzz(seconds: float) -> np.ndarray:
    return 0.1 * np.sign(np.sin(2 * np.pi * 150 * np.arange(int(seconds * 16_000)) / 16_000))


def test_sounds_are_labelled_at_their_times_less_the_delay() -> None:
    labels = label(spoken("ama", 0.2, buzz(1.0)), delay=0.1)
    assert set(labels[12:28]) == {CLASS["aa"]}
    assert set(labels[32:48]) == {PP}
    assert labels[75] == SIL


def test_length_and_stress_marks_belong_to_their_sound() -> None:
    labels = label(spoken("\N{MODIFIER LETTER VERTICAL LINE}aːp", 0.1, buzz(1.0)), delay=0.0)
    assert set(labels[11:39]) == {CLASS["aa"]}
    assert set(labels[41:49]) == {PP}


def test_a_gap_between_words_is_silence_only_where_it_is_quiet() -> None:
    said = buzz(1.0)
    run_on = label(spoken("a o", 0.2, said), delay=0.0)
    assert set(run_on[20:78]) == {CLASS["aa"], CLASS["O"]}
    said[int(0.42 * 16_000) : int(0.58 * 16_000)] = 0
    paused = label(spoken("a o", 0.2, said), delay=0.0)
    assert set(paused[45:55]) == {SIL}


def test_perfect_tracks_have_perfect_figures() -> None:
    truth = np.array([SIL] * 20 + [CLASS["aa"]] * 20 + [PP] * 8 + [CLASS["E"]] * 20 + [SIL] * 20)
    figures = measure([truth], [np.eye(14, dtype=np.float32)[truth]])
    assert (figures.accuracy, figures.recall, figures.precision, figures.offset, figures.closures) == (1, 1, 1, 0, 1)
    assert figures.openness == pytest.approx(1)


def test_late_closures_show_as_an_offset_and_far_ones_as_misses() -> None:
    truth = np.array([CLASS["aa"]] * 50 + [PP] * 8 + [CLASS["aa"]] * 50)
    late = np.roll(truth, 2)
    assert measure([truth], [np.eye(14, dtype=np.float32)[late]]).offset == 20
    missed = measure([truth], [np.eye(14, dtype=np.float32)[np.roll(truth, 20)]])
    assert (missed.recall, missed.precision) == (0, 0)
