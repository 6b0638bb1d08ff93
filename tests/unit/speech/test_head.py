"""The shipped head and its streaming."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from lipwright.speech.head import FILE, shipped_head
from lipwright.speech.recognise import head_blocks
from lipwright.speech.visemes import VISEMES


def rows(n: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, 512)) * 1.4).astype(np.float32)


def test_the_file_is_small() -> None:
    assert len(resources.files("lipwright.speech").joinpath(FILE).read_bytes()) < 1_000_000


def test_two_rows_of_probabilities_for_each_row_of_features() -> None:
    probabilities = shipped_head()(rows(50))
    assert probabilities.shape == (100, len(VISEMES))
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    assert probabilities.sum(1) == pytest.approx(np.ones(100), abs=1e-5)


def test_an_output_depends_on_its_reach_and_nothing_further() -> None:
    head = shipped_head()
    features = rows(80)
    changed = features.copy()
    changed[40] += 1.0
    moved = np.flatnonzero(np.abs(head(features) - head(changed)).max(1) > 1e-6) // 2
    assert moved.min() == 40 - head.reach
    assert moved.max() == 40 + head.reach


@pytest.mark.parametrize("sizes", [[100], [1, 1, 1], [3, 40, 2, 30, 1], [8, 8, 8], [200, 5]])
def test_blocks_equal_the_whole(sizes: list[int]) -> None:
    head = shipped_head()
    features = rows(sum(sizes))
    blocks = np.split(features, np.cumsum(sizes)[:-1])
    joined = np.concatenate(list(head_blocks(iter(blocks), head)))
    np.testing.assert_allclose(joined, head(features), atol=1e-5)
