"""The log-mel spectrogram against what is known of it without computing it the same way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwright.speech.features import BANDS, HOP, frame_count, log_mel, mel_bands, whisper_scale

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)).astype(np.float32)


def slaney_mel(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < 1000 else 15 + np.log(hertz / 1000) * 27 / np.log(6.4)


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0, 2500.0, 6000.0])
def test_a_tone_lights_the_band_it_falls_in(hertz: float) -> None:
    band = log_mel(tone(hertz))[20:80].mean(0).argmax()
    expected = slaney_mel(hertz) / slaney_mel(8000.0) * (BANDS + 1) - 1
    assert abs(band - expected) <= 1


def test_bands_have_equal_area_per_hertz() -> None:
    area = mel_bands().sum(1) * RATE / 400
    assert area == pytest.approx(np.ones(BANDS), abs=0.09)  # the bins are coarse for narrow bands


def test_twice_the_amplitude_is_four_times_the_power() -> None:
    quiet, loud = log_mel(tone(700, level=0.2)), log_mel(tone(700, level=0.4))
    band = loud[50].argmax()
    assert loud[10:90, band] - quiet[10:90, band] == pytest.approx(np.full(80, np.log10(4)), abs=1e-4)


def test_a_click_is_seen_in_the_frames_around_it() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[50 * HOP] = 1.0
    loud = np.flatnonzero(log_mel(samples).max(1) > -9)
    assert loud.tolist() == [49, 50, 51]


@settings(max_examples=30, deadline=None)
@given(length=st.integers(401, 5000), data=st.data())
def test_any_stretch_equals_that_stretch_of_the_whole(length: int, data: st.DataObject) -> None:
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    whole = log_mel(samples)
    assert whole.shape == (frame_count(length), BANDS)
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole)))
    np.testing.assert_allclose(log_mel(samples, first, last), whole[first:last], atol=1e-5)


def test_frames_beyond_the_recording_are_silent() -> None:
    beyond = log_mel(tone(300), 110, 120)
    assert beyond == pytest.approx(np.full((10, BANDS), -10.0), abs=1e-5)


def test_the_scale_keeps_eight_decades() -> None:
    scaled = whisper_scale(np.array([[-10.0, -6.0, 1.0]], np.float32), 1.0)
    assert scaled.tolist() == [[-0.75, -0.5, 1.25]]
