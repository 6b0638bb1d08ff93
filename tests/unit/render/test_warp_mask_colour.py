"""Warps move what they are told, masks sit where they are drawn, light is matched."""

from __future__ import annotations

import numpy as np
import pytest

from lipwright.render.colour import light_difference
from lipwright.render.mask import feather, grow, polygon, smoothstep
from lipwright.render.warp import ThinPlate, resample

BOX = (0, 0, 120, 80)
POINTS = np.array([[10.0, 10], [110, 12], [60, 40], [15, 70], [100, 66], [40, 25], [80, 50]])


def at(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    index = np.round(points).astype(int)
    return field[index[:, 1], index[:, 0]]


def test_a_plate_takes_its_points_where_they_belong() -> None:
    moved = np.array([[2.0, -1], [0, 0], [5, 3], [0, 2], [-3, 0], [1, 1], [0, -2]])
    plate = ThinPlate(POINTS, BOX)
    field = plate.dense(plate.coarse(moved))
    assert field.shape == (80, 120, 2)
    assert np.abs(at(field, POINTS) - moved).max() < 0.35


def test_an_affine_move_is_exact_everywhere() -> None:
    matrix, shift = np.array([[0.05, -0.02], [0.01, 0.03]]), np.array([4.0, -3.0])
    plate = ThinPlate(POINTS, BOX)
    field = plate.dense(plate.coarse(POINTS @ matrix.T + shift))
    ys, xs = np.mgrid[0:80, 0:120]
    expected = np.stack([xs, ys], -1) @ matrix.T + shift
    assert np.abs(field - expected).max() < 1e-2


def test_no_move_is_no_change() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 80, 120)).astype(np.float32)
    plate = ThinPlate(POINTS, BOX)
    field = plate.dense(plate.coarse(np.zeros((len(POINTS), 2))))
    xs, ys = np.arange(120, dtype=np.float32), np.arange(80, dtype=np.float32)[:, None]
    same = resample(image, field[..., 0] + xs, field[..., 1] + ys)
    assert np.abs(same - image.transpose(1, 2, 0)).max() < 1e-3


def test_a_polygon_moves_by_fractions_of_a_pixel() -> None:
    square = np.array([[10.0, 10], [30, 10], [30, 30], [10, 30]])
    areas = [polygon(square + np.array([shift, 0.0]), (40, 40))[:, :20].sum() for shift in (0.0, 0.25, 0.5, 0.75, 1.0)]
    steps = -np.diff(areas)
    assert (steps > 2).all()
    assert polygon(square, (40, 40)).max() == 1.0


def test_growing_moves_each_side_by_its_own_amount() -> None:
    square = np.array([[10.0, 10], [30, 10], [30, 30], [10, 30]])
    grown = grow(square, 4, 2, 6)
    assert grown.min(axis=0) == pytest.approx([6, 8])
    assert grown.max(axis=0) == pytest.approx([34, 36])


def test_feather_and_smoothstep_stay_in_range() -> None:
    mask = feather(polygon(np.array([[5.0, 5], [15, 5], [15, 15], [5, 15]]), (20, 20)), 2.0)
    assert 0 <= mask.min() <= mask.max() <= 1
    assert smoothstep(np.array([-1.0, 0, 0.5, 1, 2]), 0, 1) == pytest.approx([0, 0, 0.5, 1, 1])


def test_light_is_matched_by_a_slope_and_outliers_do_not_count() -> None:
    rng = np.random.default_rng(0)
    ys, xs = np.mgrid[0:60, 0:90].astype(np.float32)
    picture = (rng.normal(120, 6, (60, 90, 3))).astype(np.float32)
    light = np.stack([12 + xs / 10, -4 + ys / 30, np.full_like(xs, 3)], -1)
    patch = picture - light
    picture = picture.copy()
    picture[5:15, 10:30] += 90
    found, step = light_difference(picture, patch, np.ones((60, 90), np.float32))
    assert np.abs(found - light)[20:].max() < 2.5
    assert step > 10


def test_without_a_ring_no_light_is_added() -> None:
    flat = np.zeros((30, 30, 3), np.float32)
    found, step = light_difference(flat + 50, flat, np.zeros((30, 30), np.float32))
    assert not found.any()
    assert step == 0.0
