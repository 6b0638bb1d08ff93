"""Visemes become lips: closed on p, b, m at any frame rate, at rest in silence, in the subject's range, in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engines.head import landmarks, track

from lipwright.engines.exemplar.shape import head_space
from lipwright.engines.exemplar.subject import Subject, learn_subject
from lipwright.engines.exemplar.trajectory import trajectory
from lipwright.speech.visemes import VISEMES, VisemeTrack


@pytest.fixture(scope="module")
def subject() -> Subject:
    shapes = head_space(track([landmarks(0.005 * k) for k in range(32)])).shapes
    return learn_subject(shapes, np.ones(32))


def spoken(*runs: tuple[str, int]) -> VisemeTrack:
    """Certain visemes, each for so many hundredths of a second."""
    classes = np.concatenate([np.full(length, VISEMES.index(name)) for name, length in runs])
    probabilities = np.eye(len(VISEMES), dtype=np.float32)[classes]
    ones = np.ones(len(classes), np.float32)
    return VisemeTrack(probabilities, 1 - probabilities[:, 0], ones, "whisper-head")


def at_rate(rate: float, seconds: float, phase: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0, seconds, 1 / rate) + phase
    return times, np.full(len(times), 1 / rate)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([23.976, 24.0, 25.0, 29.97, 50.0, 60.0]), st.floats(0, 0.05), st.integers(0, 9))
def test_every_bilabial_has_a_closed_frame(rate: float, phase: float, offset: int) -> None:
    shapes = head_space(track([landmarks(0.005 * k) for k in range(32)])).shapes
    subject = learn_subject(shapes, np.ones(32))
    track_of = spoken(("sil", 20 + offset), ("aa", 20), ("PP", 7), ("aa", 20), ("PP", 6), ("E", 20), ("sil", 20))
    times, spacing = at_rate(rate, 1.2, phase)
    lips = trajectory(track_of, times, spacing, subject, 0.5)
    for start, length in ((40, 7), (67, 6)):
        begin = (start + offset) / 100
        near = (times > begin - 0.03) & (times < begin + length / 100 + 0.03)
        assert lips.gaps[near].min() < 0.03 * subject.full_gap


def test_silence_is_rest_and_vowels_are_open(subject: Subject) -> None:
    times, spacing = at_rate(25, 2.0)
    lips = trajectory(spoken(("sil", 60), ("aa", 40), ("sil", 100)), times, spacing, subject, 0.5)
    assert lips.gaps[(times > 0.7) & (times < 0.9)].max() > 0.9 * subject.full_gap
    quiet = (times < 0.45) | (times > 1.15)
    assert np.abs(lips.gaps[quiet]).max() == 0.0
    assert lips.widths[quiet] == pytest.approx(subject.rest_width)


def test_the_mouth_opens_with_the_vowel_to_within_a_hundredth(subject: Subject) -> None:
    times, spacing = at_rate(200, 2.0)
    lips = trajectory(spoken(("DD", 90), ("aa", 30), ("DD", 80)), times, spacing, subject, 0.5)
    above = np.flatnonzero(lips.gaps > (lips.gaps.max() + lips.gaps[150]) / 2)
    middle = (times[above[0]] + times[above[-1]]) / 2
    assert middle == pytest.approx(1.05, abs=0.0155)


def test_rounding_narrows_and_spreading_widens(subject: Subject) -> None:
    times, spacing = at_rate(25, 1.5)
    lips = trajectory(spoken(("sil", 20), ("U", 50), ("I", 50), ("sil", 30)), times, spacing, subject, 0.5)
    assert lips.widths[(times > 0.35) & (times < 0.6)].max() < subject.rest_width
    assert lips.widths[(times > 0.85) & (times < 1.1)].min() > subject.rest_width


def test_temperature_scales_the_opening(subject: Subject) -> None:
    times, spacing = at_rate(25, 1.0)
    speech = spoken(("sil", 20), ("aa", 50), ("sil", 30))
    low, mid, high = (trajectory(speech, times, spacing, subject, t).gaps.max() for t in (0.0, 0.5, 1.0))
    assert low < 0.75 * mid
    assert high > 1.25 * mid


def test_frames_without_speech_time_rest(subject: Subject) -> None:
    times = np.array([*[np.nan] * 6, 0.3, 0.34, *[np.nan] * 6])
    lips = trajectory(spoken(("aa", 100)), times, np.full(14, 0.04), subject, 0.5)
    assert not lips.gaps[[0, 1, 2, -3, -2, -1]].any()
    assert lips.widths[0] == pytest.approx(subject.rest_width)
    assert lips.gaps[6] > 0


def test_no_speech_at_all_is_rest(subject: Subject) -> None:
    lips = trajectory(None, np.array([0.0, 0.04]), np.full(2, 0.04), subject, 0.5)
    assert not lips.gaps.any()
    assert lips.widths == pytest.approx(subject.rest_width)


def test_speech_cut_in_a_vowel_lets_the_mouth_close_over_several_frames(subject: Subject) -> None:
    times = np.where(np.arange(50) < 25, np.arange(50) / 25, np.nan)
    lips = trajectory(spoken(("aa", 200)), times, np.full(50, 0.04), subject, 0.5)
    assert lips.gaps[24] > 0.9 * subject.full_gap
    steps = -np.diff(lips.gaps[24:32])
    assert steps.max() < 0.6 * subject.full_gap
    assert not lips.gaps[30:].any()
