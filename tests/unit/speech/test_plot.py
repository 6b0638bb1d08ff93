"""The picture of a track."""

from __future__ import annotations

import numpy as np

from lipwright.speech.phones import CLASS
from lipwright.speech.plot import LANE, LEFT, MARGIN, MAX_ROWS, WAVE, draw
from lipwright.speech.visemes import VisemeTrack


def track(classes: list[int]) -> VisemeTrack:
    ones = np.ones(len(classes), np.float32)
    return VisemeTrack(np.eye(14, dtype=np.float32)[classes], ones, ones, "whisper-head")


def test_a_single_short_closure_is_visible_in_its_lane_and_nowhere_else() -> None:
    classes = [CLASS["aa"]] * 1000
    classes[500] = CLASS["PP"]
    picture = draw(np.zeros(160_000, np.float32), track(classes))
    top = 28 + MARGIN + WAVE
    lane = picture[top + LANE * CLASS["PP"] + 1 : top + LANE * (CLASS["PP"] + 1) - 1, LEFT:].astype(int)
    red = np.flatnonzero(((lane[..., 0] - np.maximum(lane[..., 1], lane[..., 2])) > 100).all(0))
    assert 1 <= len(red) <= 3
    assert abs(red.mean() / lane.shape[1] * 10 - 5.0) < 0.1


def test_length_decides_the_rows_up_to_a_limit() -> None:
    short = draw(np.zeros(160, np.float32), track([0]))
    long = draw(np.zeros(160, np.float32), track([0] * 1001))
    endless = draw(np.zeros(160, np.float32), track([0] * (MAX_ROWS + 5) * 1000))
    row = short.shape[0] - 28
    assert long.shape[0] - 28 == 2 * row
    assert endless.shape[0] - 28 == MAX_ROWS * row


def test_a_short_sound_fills_the_row() -> None:
    picture = draw(np.zeros(56_000, np.float32), track([CLASS["aa"]] * 340 + [CLASS["PP"]] * 10))
    top = 28 + MARGIN + WAVE
    lane = picture[top + LANE * CLASS["PP"] + 1 : top + LANE * (CLASS["PP"] + 1) - 1, LEFT:-MARGIN].astype(int)
    red = np.flatnonzero(((lane[..., 0] - lane[..., 2]) > 100).all(0))
    assert red[-1] == lane.shape[1] - 1
    assert abs(red[0] / lane.shape[1] - 3.4 / 3.5) < 0.01
