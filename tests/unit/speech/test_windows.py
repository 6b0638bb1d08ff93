"""Windows over long sound: full cover, enough shared, and no seam where one hands over to the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.errors import Cancelled
from lipwright.progress import CancelToken, Progress
from lipwright.speech import encoder
from lipwright.speech.encoder import SHARED, SHORTEST, WIDTH, WINDOW, features, windows


class Local:
    """An encoder whose rows depend on their own two mel frames alone: seams can then be told from content."""

    def __init__(self) -> None:
        self.longest = 0

    def encode(self, mel: np.ndarray) -> np.ndarray:
        self.longest = max(self.longest, len(mel))
        return np.tile(mel[::2], 7)[:, :WIDTH].astype(np.float32)


class Edgy(Local):
    """An encoder that is wrong near the edges of its window, as real ones are for want of context."""

    def encode(self, mel: np.ndarray) -> np.ndarray:
        rows = super().encode(mel)
        rows[:20] += 5.0
        rows[-20:] -= 5.0
        return rows


def noise(seconds: float) -> np.ndarray:
    return (np.random.default_rng(3).standard_normal(int(16_000 * seconds)) * 0.1).astype(np.float32)


@given(st.integers(1, 100_000))
def test_windows_cover_everything_and_share_enough(frames: int) -> None:
    spans = windows(frames)
    assert spans[0][0] == 0
    assert spans[-1][1] >= frames
    assert all(last - first <= WINDOW and first % 2 == 0 == last % 2 for first, last in spans)
    assert all(before[1] - after[0] >= SHARED for before, after in pairwise(spans))
    assert spans[-1][1] - spans[-1][0] >= SHORTEST


def test_no_sound_no_windows() -> None:
    assert windows(0) == []
    assert list(features(np.zeros(0, np.float32), Local())) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0.02, 0.5, 9.99, 10.0, 10.01, 12.3, 31.7])
def test_joined_blocks_equal_one_look_at_the_whole(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(seconds)
    joined = np.concatenate(list(features(samples, Local())))  # type: ignore[arg-type]
    monkeypatch.setattr(encoder, "WINDOW", 1_000_000)
    monkeypatch.setattr(encoder, "SHARED", 0)
    whole = np.concatenate(list(features(samples, Local())))  # type: ignore[arg-type]
    assert joined.shape == (-(-len(samples) // 320), WIDTH)
    np.testing.assert_allclose(joined, whole, atol=1e-4)


def test_the_edges_of_windows_do_not_show() -> None:
    samples = noise(40)
    clean = np.concatenate(list(features(samples, Local())))  # type: ignore[arg-type]
    joined = np.concatenate(list(features(samples, Edgy())))  # type: ignore[arg-type]
    np.testing.assert_allclose(joined[20:-20], clean[20:-20], atol=1e-4)


def test_long_sound_is_read_in_windows_and_can_be_cancelled() -> None:
    local, token, seen = Local(), CancelToken(), []

    def listener(event: object) -> None:
        seen.append(event)
        if len(seen) == 3:
            token.cancel()

    blocks = features(noise(120), local, Progress(listener, token))  # type: ignore[arg-type]
    assert [len(next(blocks)) for _ in range(3)] == [(WINDOW - SHARED) // 2] * 3
    with pytest.raises(Cancelled):
        next(blocks)
    assert local.longest == WINDOW
