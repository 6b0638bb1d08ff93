"""Shot cuts on made-up footage with known cuts."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.faces.cuts import CutFinder

U8 = NDArray[np.uint8]


def scene(seed: int, width: int = 480, height: int = 270) -> U8:
    """A picture of soft blobs, its own for each seed."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 22)
    soft = (soft - soft.mean()) / soft.std() * 45 + rng.uniform(90, 150)
    return np.clip(soft, 0, 255).astype(np.uint8)


def found(source: Callable, pictures: list[U8]) -> list[int]:
    return [frame.index for frame, cut in CutFinder().mark(source(pictures).frames(0, len(pictures))) if cut]


def still(picture: U8, count: int, seed: int = 0) -> list[U8]:
    """The picture with grain."""
    rng = np.random.default_rng(seed)
    return [np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def test_hard_cuts_are_found_where_they_are(source: Callable) -> None:
    pictures = still(scene(1), 12) + still(scene(2), 7) + still(scene(3), 9)
    assert found(source, pictures) == [12, 19]


def test_a_cut_on_the_last_frame_is_found(source: Callable) -> None:
    assert found(source, still(scene(1), 8) + still(scene(2), 1)) == [8]


def test_every_frame_comes_through_once_in_order(source: Callable) -> None:
    pictures = still(scene(1), 7)
    assert [f.index for f, _ in CutFinder().mark(source(pictures).frames(0, 7))] == list(range(7))


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(source: Callable, length: int) -> None:
    flash = [np.clip(p.astype(int) * 2 + 120, 0, 255).astype(np.uint8) for p in still(scene(1), length)]
    assert found(source, still(scene(1), 10) + flash + still(scene(1), 10)) == []


def test_one_broken_frame_is_no_cut(source: Callable) -> None:
    assert found(source, still(scene(1), 10) + still(scene(9), 1) + still(scene(1), 10)) == []


def test_a_fast_pan_is_no_cut(source: Callable) -> None:
    wide = scene(5, width=1400)
    assert found(source, [np.ascontiguousarray(wide[:, 24 * i : 24 * i + 480]) for i in range(30)]) == []


def test_a_light_going_on_is_no_cut(source: Callable) -> None:
    dim = [(p * 0.55).astype(np.uint8) for p in still(scene(4), 10)]
    assert found(source, dim + still(scene(4), 10)) == []


def test_a_slow_fade_to_black_and_back_is_no_cut(source: Callable) -> None:
    levels = np.concatenate([np.linspace(1, 0, 25), np.linspace(0, 1, 25)])
    assert found(source, [(scene(6) * k).astype(np.uint8) for k in levels]) == []
