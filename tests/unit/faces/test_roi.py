"""Regions of interest: geometry and the pixels under it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lipwright.faces import roi


def ramp(width: int, height: int) -> NDArray[np.uint8]:
    """A picture whose red is x / 4 and green is y / 4: where a pixel comes from can be read off it."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x / 4, y / 4, np.zeros_like(x)], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("region", [(300, 200, 120, 0.0), (400.5, 301.25, 200, 0.4), (420, 300, 360, -1.0)])
def test_crop_shows_what_its_matrix_says(pixels: Callable, region: tuple[float, ...]) -> None:
    picture = pixels(ramp(900, 640))
    where = np.array(region)
    patch = roi.take_patch(picture, where)
    assert patch is not None
    crop = roi.cut(patch, where, 256).astype(float) * 4
    matrix = roi.crop_matrix(where, 256)
    for u, v in [(20, 30), (128, 128), (240, 70), (100, 235)]:
        x, y = matrix @ [u, v, 1]
        assert crop[v, u, 0] == pytest.approx(x, abs=2.6)
        assert crop[v, u, 1] == pytest.approx(y, abs=2.6)


def test_large_faces_are_shrunk_without_a_shift(pixels: Callable) -> None:
    picture = pixels(ramp(1000, 1000))
    where = np.array([500.0, 480.0, 700.0, 0.1])
    patch = roi.take_patch(picture, where)
    assert patch is not None
    assert patch.step_x > 1.9
    crop = roi.cut(patch, where, 256).astype(float) * 4
    x, y, _ = crop[118:138, 118:138].mean(axis=(0, 1))
    assert (x, y) == pytest.approx((500.0, 480.0), abs=1.0)


def test_region_outside_the_picture_has_no_patch(pixels: Callable) -> None:
    assert roi.take_patch(pixels(ramp(200, 200)), np.array([-400.0, 50.0, 100.0, 0.0])) is None


def test_region_over_the_edge_repeats_the_edge(pixels: Callable) -> None:
    picture = pixels(np.full((200, 200, 3), 77, np.uint8))
    where = np.array([5.0, 100.0, 120.0, 0.0])
    patch = roi.take_patch(picture, where)
    assert patch is not None
    assert (roi.cut(patch, where, 256) == 77).all()


@given(
    angle=st.floats(-1.2, 1.2),
    scale=st.floats(0.3, 4.0),
    dx=st.floats(-500, 500),
    dy=st.floats(-500, 500),
)
def test_region_moves_turns_and_grows_with_the_face(
    face: Callable, angle: float, scale: float, dx: float, dy: float
) -> None:
    points = face().astype(np.float64)
    base = roi.from_landmarks(points)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points.copy()
    moved[:, :2] = points[:, :2] @ turn.T + [dx, dy]
    found = roi.from_landmarks(moved)
    assert found[:2] == pytest.approx(turn @ base[:2] + [dx, dy], abs=1e-6)
    assert found[2] == pytest.approx(base[2] * scale)
    assert found[3] == pytest.approx(base[3] + angle)


@given(st.floats(-3, 3), st.floats(-0.2, 0.2), st.integers(3, 12))
def test_smoothing_keeps_a_steadily_accelerating_head(speed: float, bend: float, at: int) -> None:
    frames = np.arange(16)
    regions = np.stack(
        [100 + speed * frames + bend * frames**2, 50 - speed * frames, np.full(16, 80.0), 0.01 * frames], axis=1
    )
    assert roi.smooth(frames, regions, at, 2.5) == pytest.approx(regions[at], abs=1e-6)


@pytest.mark.parametrize("at", [0, 15])
def test_smoothing_does_not_lag_at_the_ends_of_a_shot(at: int) -> None:
    frames = np.arange(16)
    regions = np.stack([100 + 4.0 * frames, 50 - 2.0 * frames, np.full(16, 80.0), np.zeros(16)], axis=1)
    assert roi.smooth(frames, regions, at, 2.5) == pytest.approx(regions[at], abs=1e-6)


def test_smoothing_quiets_noise() -> None:
    rng = np.random.default_rng(0)
    frames = np.arange(200)
    regions = np.tile([300.0, 200.0, 150.0, 0.0], (200, 1)) + rng.normal(0, [1, 1, 1, 0.01], (200, 4))
    smoothed = np.stack(
        [roi.smooth(frames[max(0, t - 6) : t + 7], regions[max(0, t - 6) : t + 7], t, 2.5) for t in range(6, 194)]
    )
    assert np.abs(np.diff(smoothed, axis=0)).mean() < 0.35 * np.abs(np.diff(regions, axis=0)).mean()


def test_smoothing_takes_the_short_way_round_a_full_turn() -> None:
    regions = np.tile([0.0, 0.0, 100.0, 0.0], (7, 1))
    regions[:, 3] = np.angle(np.exp(1j * (np.pi + 0.02 * np.arange(-3, 4))))
    angle = roi.smooth(np.arange(7), regions, 3, 2.5)[3]
    assert np.cos(angle - np.pi) == pytest.approx(1.0, abs=1e-4)


def test_a_single_sample_is_its_own_smoothing() -> None:
    region = np.array([[10.0, 20.0, 30.0, 0.5]])
    assert roi.smooth(np.array([4]), region, 6, 2.5) == pytest.approx(region[0])


def test_overlap_of_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], float)
    shared = roi.overlap(boxes, boxes)
    assert np.diag(shared) == pytest.approx(1.0)
    assert shared[0, 1] == pytest.approx(1 / 3)
    assert shared[0, 2] == 0.0


def test_crop_matches_opencv_on_an_upright_integer_square(pixels: Callable) -> None:
    rng = np.random.default_rng(1)
    rgb = np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (400, 400, 3)).astype(np.uint8), (0, 0), 3), np.uint8)
    where = np.array([199.5, 149.5, 256.0, 0.0])
    patch = roi.take_patch(pixels(rgb), where)
    assert patch is not None
    assert np.abs(roi.cut(patch, where, 256).astype(int) - rgb[22:278, 72:328]).max() <= 1
