"""Filters along time agree with SciPy's, which they stand in for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, maximum_filter1d, uniform_filter1d

from lipwright.speech import running


@pytest.fixture(params=[1, 2, 6, 50, 900])
def levels(request: pytest.FixtureRequest) -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(-40, 20, request.param).astype(np.float32)


@pytest.mark.parametrize("span", [5, 200])
def test_mean(levels: NDArray[np.float32], span: int) -> None:
    assert np.allclose(running.mean(levels, span), uniform_filter1d(levels, span, mode="nearest"), atol=1e-4)


def test_highest(levels: NDArray[np.float32]) -> None:
    assert np.array_equal(running.highest(levels, 100, 99), maximum_filter1d(levels, 200, mode="nearest"))
    later = maximum_filter1d(levels, 21, origin=-2, mode="constant")
    assert np.array_equal(running.highest(levels, 8, 12, 0.0), later)


def test_weighted(levels: NDArray[np.float32]) -> None:
    weights = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    assert np.allclose(running.weighted(levels, weights), convolve1d(levels, weights, mode="nearest"), atol=1e-4)
    table = np.stack([levels, -levels, 2 * levels], axis=1).astype(np.float64)
    assert np.allclose(running.weighted(table, weights), convolve1d(table, weights, axis=0, mode="nearest"))


def test_nothing_stays_nothing() -> None:
    nothing = np.zeros(0, np.float32)
    assert len(running.mean(nothing, 5)) == len(running.highest(nothing, 2, 2)) == 0
    assert running.weighted(np.zeros((0, 3), np.float32), np.ones(3)).shape == (0, 3)
