"""The demo's sample source: an exact camera move over a still."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lipwright.generation.sample import CameraMove, Shot, pan_and_zoom, room_tone


def blob(x: float, y: float, size: int = 96) -> np.ndarray:
    """A round smooth blob at (x, y)."""
    rows, columns = np.mgrid[:size, :size]
    light = 20 + 220 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 5.0**2))
    return np.repeat(np.rint(light).astype(np.uint8)[..., None], 3, axis=2)


def centre(picture: np.ndarray) -> tuple[float, float]:
    """Centre of gravity (x, y) of what is brighter than the ground, in pixels."""
    light = (picture[..., 0].astype(float) - 20) ** 2  # the square of the blob is a blob, and quiets the rounding
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    return float((columns * light).sum() / light.sum()), float((rows * light).sum() / light.sum())


def test_a_shot_of_the_whole_picture_at_its_own_size_is_the_picture() -> None:
    picture = blob(40, 50)
    move = CameraMove(Shot(48, 48, 96), Shot(48, 48, 96), Fraction(10))
    (seen,) = pan_and_zoom(picture, move, 96, iter([Fraction(1)]))
    np.testing.assert_array_equal(seen, picture)


@pytest.mark.parametrize("size", [60, 80, 200])
def test_the_move_is_exact_to_a_hundredth_of_a_pixel(size: int) -> None:
    move = CameraMove(Shot(45, 52, 80), Shot(49, 50, 70), Fraction(8))
    times = [Fraction(i, 25) for i in range(0, 200, 7)]
    off = []
    for time, seen in zip(times, pan_and_zoom(blob(44, 47), move, size, iter(times)), strict=True):
        shot = move.at(time)
        scale = size / shot.side
        x, y = centre(seen)
        off += [abs(x - (44.5 - shot.x + shot.side / 2) * scale + 0.5)]
        off += [abs(y - (47.5 - shot.y + shot.side / 2) * scale + 0.5)]
    assert np.mean(off) < 0.003
    assert max(off) < 0.02  # a shift so small that rounding to 8 bits swallows it


def test_the_move_comes_back_and_starts_gently() -> None:
    move = CameraMove(Shot(0, 0, 10), Shot(8, 4, 12), Fraction(8))
    assert move.at(Fraction(0)) == Shot(0, 0, 10)
    assert move.at(Fraction(4)) == Shot(8, 4, 12)
    assert move.at(Fraction(8)).x == pytest.approx(0)
    assert move.at(Fraction(1, 25)).x < 0.01


def test_a_camera_beyond_the_edge_sees_the_edge_repeated() -> None:
    flat = np.full((20, 20, 3), 77, np.uint8)
    move = CameraMove(Shot(2, 3, 16), Shot(2, 3, 16), Fraction(1))
    (seen,) = pan_and_zoom(flat, move, 24, iter([Fraction(0)]))
    assert (seen == 77).all()


def test_the_room_tone_is_soft_repeatable_and_never_silent() -> None:
    tone = room_tone(2.0, 16000)
    assert tone.shape == (32000, 2)
    assert np.abs(tone).max() < 0.1
    assert np.array_equal(tone, room_tone(2.0, 16000))
    blocks = tone[:, 0].reshape(-1, 1600)
    assert (np.sqrt((blocks**2).mean(axis=1)) > 0.001).all()
