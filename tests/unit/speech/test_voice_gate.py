"""The gate made from voice activity."""

from __future__ import annotations

import numpy as np
import pytest

from lipwright.speech.vad import AFTER, BEFORE, FLOOR_DB, frame_level, gate


def speech_between(first: float, last: float, seconds: float = 3.0) -> np.ndarray:
    middle = (np.arange(int(seconds * 16_000 / 512)) + 0.5) * 0.032
    return ((middle > first) & (middle < last)).astype(np.float32)


LOUD = np.full(300, -20.0, np.float32)


def test_opens_early_and_closes_late_but_not_for_long() -> None:
    opened = np.flatnonzero(gate(speech_between(1.0, 2.0), LOUD) > 0.5) / 100
    assert 1.0 - (BEFORE + 6) / 100 <= opened.min() <= 1.0 - (BEFORE - 6) / 100
    assert 2.0 + (AFTER - 6) / 100 <= opened.max() <= 2.0 + (AFTER + 6) / 100


def test_silence_is_exactly_zero() -> None:
    opened = gate(speech_between(1.0, 2.0), LOUD)
    assert (opened[:80] == 0).all()
    assert (opened[220:] == 0).all()


def test_nothing_audible_is_never_speech() -> None:
    level = LOUD.copy()
    level[140:160] = FLOOR_DB - 1
    opened = gate(speech_between(0.0, 3.0), level)
    assert (opened[145:155] == 0).all()
    assert opened[100] == 1


def test_a_short_hold_within_speech_stays_open() -> None:
    level = LOUD.copy()
    level[140:145] = -120
    assert (gate(speech_between(0.0, 3.0), level)[130:155] == 1).all()


def test_level_is_in_dbfs() -> None:
    samples = np.concatenate([np.full(1600, 1.0), np.full(1600, 0.01), np.zeros(1650)]).astype(np.float32)
    level = frame_level(samples)
    assert len(level) == 31
    assert level[5] == pytest.approx(0)
    assert level[15] == pytest.approx(-40, abs=1e-3)
    assert level[25] == -120
