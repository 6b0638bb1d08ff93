"""The chain of recognisers and the rules that hold whichever ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import AudioInvalid, Cancelled, ModelFileError
from lipwright.progress import CancelToken, Progress
from lipwright.speech import recognise as module
from lipwright.speech.phones import CLASS, SIL
from lipwright.speech.recognise import recognise


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def missing(name: str) -> Path:
        raise ModelFileError(f"{name} is not here")

    monkeypatch.setattr(module, "model_path", missing)
    module.shared_encoder.cache_clear()
    module.shared_detector.cache_clear()
    yield
    module.shared_encoder.cache_clear()
    module.shared_detector.cache_clear()


def vowel(seconds: float) -> np.ndarray:
    """A crude buzz with the formants of an open vowel."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    harmonics = [np.sin(2 * np.pi * 120 * k * time) / (1 + abs(120 * k - 750) / 300) for k in range(1, 25)]
    return (np.sum(harmonics, axis=0) * 0.05).astype(np.float32)


def between_silences(samples: np.ndarray) -> np.ndarray:
    hush = np.zeros(16_000, np.float32)
    return np.concatenate([hush, samples, hush])


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.zeros(48_000), np.full(16_000, 1e-6)])
def test_silence_is_silence_exactly(samples: np.ndarray) -> None:
    track = recognise(samples.astype(np.float32))
    assert track.recogniser == "silence"
    assert len(track.probabilities) == len(track.speech) == len(track.confidence) == -(-len(samples) // 160)
    assert (track.probabilities[:, SIL] == 1).all()
    assert not track.speech.any()


@pytest.mark.parametrize("bad", [np.array([0.0, np.nan]), np.array([np.inf]), np.zeros((2, 100))])
def test_what_is_no_sound_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(AudioInvalid, match="finite samples"):
        recognise(bad.astype(np.float32))


@pytest.mark.usefixtures("no_models")
def test_without_the_encoder_phones_are_used() -> None:
    track = recognise(between_silences(vowel(1.0)))
    assert track.recogniser == "pocketsphinx"
    assert (track.probabilities[:60, SIL] == 1).all()
    assert track.probabilities[130:170, SIL].mean() < 0.2
    assert track.confidence.max() < 0.5


@pytest.mark.usefixtures("no_models")
def test_loudness_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("no decoder")

    monkeypatch.setattr("lipwright.speech.fallback.pocketsphinx_visemes", broken)
    track = recognise(between_silences(vowel(1.0)))
    assert track.recogniser == "energy"
    assert track.probabilities[130:170, CLASS["aa"]].mean() > 0.7
    assert (track.probabilities[-60:, SIL] == 1).all()
    assert track.probabilities.sum(1) == pytest.approx(np.ones(300), abs=1e-5)


@pytest.mark.usefixtures("no_models")
def test_loudness_takes_hiss_for_teeth() -> None:
    hiss = np.diff(np.random.default_rng(0).standard_normal(16_001)) * 0.1
    track = recognise(between_silences(hiss.astype(np.float32)), best="energy")
    assert track.probabilities[150, CLASS["SS"]] > 0.5


@pytest.mark.usefixtures("no_models")
def test_a_cancelled_job_stops() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        recognise(vowel(1.0), progress=Progress(token=token))
