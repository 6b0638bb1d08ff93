"""Detections merged over tiles, covered mouths, gap filling, the contact sheet, fixed-point landmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lipwright.faces import refine
from lipwright.faces.detector import merge
from lipwright.faces.occlusion import covered, mouth_features
from lipwright.faces.rows import ROW, RowFile, Rows, map_rows
from lipwright.faces.sheet import best_rows, contact_sheet, draw_track, face_box, facts
from lipwright.faces.topology import INNER_LIPS, LOWER_INNER, OUTER_LIPS, UPPER_INNER, mouth_opening
from lipwright.faces.track import FaceTrack, quantise


def found(x: float, y: float, size: float, score: float) -> NDArray[np.float64]:
    box = [x, y, x + size, y + size]
    return np.array([*box, *([x + size / 2, y + size / 2] * 6), score])


def test_one_face_seen_in_two_tiles_is_one_detection() -> None:
    merged = merge(np.stack([found(100, 100, 80, 0.9), found(104, 98, 80, 0.6), found(400, 50, 60, 0.8)]))
    assert len(merged) == 2
    assert merged[0, 0] == pytest.approx((100 * 0.9 + 104 * 0.6) / 1.5)
    assert merged[:, 16].tolist() == [0.9, 0.8]


def test_part_of_a_face_does_not_pull_the_whole_ones_box() -> None:
    merged = merge(np.stack([found(100, 100, 100, 0.9), found(100, 100, 45, 0.8)]))
    assert merged[:, :4].tolist() == [[100, 100, 200, 200]]


def test_nothing_merges_to_nothing() -> None:
    assert merge(np.empty((0, 17))).shape == (0, 17)


def mouth_rows(count: int = 60) -> Rows:
    """Rows of a talking, uncovered, bearded face."""
    rng = np.random.default_rng(0)
    rows = np.zeros(count, ROW)
    usual = rng.normal(0, 6, 27)
    usual[9:15] -= 15  # a dark chin
    rows["mouth"] = usual + rng.normal(0, 1.5, (count, 27))
    rows["mouth"][:, 21:] += 6 * np.sin(np.arange(count) / 3)[:, None]  # teeth and tongue on the lips
    return rows


def test_a_talking_bearded_mouth_is_not_covered() -> None:
    assert covered(mouth_rows()).max() < 0.2


def test_a_hand_before_the_mouth_is_noticed_and_only_then() -> None:
    rows = mouth_rows()
    rows["mouth"][25:33].reshape(8, 9, 3)[:, 3:7] += (22, 9, 8)
    hidden = covered(rows) > 0.5
    assert hidden[26:32].all()
    assert not hidden[:24].any()
    assert not hidden[34:].any()


def test_a_microphone_for_a_quarter_of_the_track_does_not_become_usual() -> None:
    rows = mouth_rows(80)
    rows["mouth"][40:60].reshape(20, 9, 3)[:, 2:5] -= (38, 10, 12)
    hidden = covered(rows) > 0.5
    assert hidden[41:59].all()
    assert not hidden[:38].any()


def test_light_that_changes_everywhere_is_no_cover() -> None:
    rows = mouth_rows()
    rows["mouth"][30:] += np.tile([-8.0, -2.0, -4.0], 9)
    assert covered(rows).max() < 0.5


def test_a_single_odd_frame_is_no_cover() -> None:
    rows = mouth_rows()
    rows["mouth"][30] += 30
    assert covered(rows).max() < 0.5


def test_mouth_features_do_not_see_exposure_but_do_see_a_patch(face: Callable) -> None:
    rng = np.random.default_rng(5)
    crop = np.full((256, 256, 3), (150, 110, 90), np.uint8) + rng.integers(0, 8, (256, 256, 3), np.uint8)
    local = face() + np.array([128, 128, 0], np.float32)
    local[[18, 83, 313, 182, 406, 201, 421], :2] = (128, 200)
    plain = mouth_features(crop, local)
    brighter = mouth_features((crop * 1.15).astype(np.uint8), local)
    assert np.abs(brighter - plain).max() < 4
    crop[190:210, 118:138] = (20, 20, 25)
    assert (mouth_features(crop, local) - plain).reshape(9, 3)[3, 0] < -25


def test_gaps_are_filled_between_seen_rows_and_dropped_at_the_ends(face: Callable, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    sink = refine.RowSink(RowFile(tmp_path / "a.rows"))
    seen = {2: 0.0, 3: 1.0, 7: 9.0}
    for frame in range(10):
        row = np.zeros((), ROW)
        row["frame"], row["crop"] = frame, (100, 100, 150, 0)
        row["interpolated"] = frame not in seen
        if frame in seen:
            row["presence"] = 1.0
            row["landmarks"] = quantise(face(seen[frame])[None] + np.float32(100), row["crop"][None])[0]
        sink.add(row)
    sink.close()
    rows = map_rows(tmp_path / "a.rows")
    assert rows["frame"].tolist() == [2, 3, 4, 5, 6, 7]
    assert rows["interpolated"].tolist() == [False, False, True, True, True, False]
    lips = rows["landmarks"][:, 14, 1].astype(float)
    assert np.diff(lips)[1:] == pytest.approx(np.full(4, np.diff(lips)[1:].mean()), abs=1.5)


@given(st.floats(-500, 2000), st.floats(-500, 2000), st.floats(20, 1500), st.floats(-3, 3))
def test_fixed_point_landmarks_round_trip(face: Callable, x: float, y: float, side: float, roll: float) -> None:
    crops = np.array([[x, y, side, roll]], np.float32)
    points = (face() * np.float32(side / 180))[None]
    points[..., :2] += crops[:, None, :2]
    track = FaceTrack(
        1, np.zeros(1, np.int32), quantise(points, crops), crops, *[np.zeros((1, 1), np.float32)] * 6,
        np.zeros(1, np.bool_), np.zeros(1, np.float32),
    )  # fmt: skip
    assert np.abs(track.landmarks([0]) - points).max() < side / 20000 + 1e-3


def test_lip_loops_are_loops() -> None:
    assert len(set(OUTER_LIPS)) == len(set(INNER_LIPS)) == 20
    assert not set(OUTER_LIPS) & set(INNER_LIPS)
    assert set(UPPER_INNER) | set(LOWER_INNER) < set(INNER_LIPS)


def test_opening_is_gap_over_width_at_any_size(face: Callable) -> None:
    assert mouth_opening(face(8.0)) == pytest.approx(8 / 40, rel=1e-4)
    assert mouth_opening(face(8.0) * 3) == pytest.approx(8 / 40, rel=1e-4)


def test_drawing_marks_the_face_and_nothing_far_from_it(make_track: Callable) -> None:
    track = make_track(1, range(3), centre=(300, 200), side=180)
    canvas = np.zeros((400, 600, 3), np.uint8)
    draw_track(canvas, track, 1)
    x0, y0, x1, y1 = face_box(track, 1)
    drawn = np.argwhere(canvas.any(axis=2))
    assert len(drawn) > 200
    assert drawn[:, 1].min() >= x0 - 5
    assert drawn[:, 1].max() <= x1 + 5
    assert drawn[:, 0].min() >= y0 - 30
    assert drawn[:, 0].max() <= y1 + 20


def test_drawing_outside_the_frame_is_harmless(make_track: Callable) -> None:
    canvas = np.zeros((100, 100, 3), np.uint8)
    draw_track(canvas, make_track(1, range(3), centre=(-50, 400)), 0)


def test_the_sheet_has_a_line_per_face_and_asks_for_each_frame_once(make_track: Callable, pixels: Callable) -> None:
    tracks = [make_track(1, range(50)), make_track(2, range(20, 60), centre=(700, 200))]
    asked: list[int] = []

    def look(frames: Sequence[int]) -> list[object]:
        asked.extend(frames)
        return [pixels(np.full((480, 960, 3), 90, np.uint8)) for _ in frames]

    sheet = contact_sheet(tracks, look, [i / 25 for i in range(60)])
    assert sheet.shape == (480, 1390, 3)
    assert asked == sorted(set(asked))
    assert (sheet == 90).any()


def test_the_sheet_of_nobody_says_so() -> None:
    assert contact_sheet([], lambda _: []).any()


def test_the_sheet_gives_the_width_and_the_end_of_the_last_frame(make_track: Callable) -> None:
    track = make_track(1, range(10, 60))
    x0, _, x1, _ = face_box(track, 25)
    lines = facts(track, [i / 25 for i in range(61)])
    assert "0.40-2.40 s" in lines
    assert f"width {x1 - x0:.0f} px" in lines


def test_best_rows_are_spread_and_avoid_bad_ones(make_track: Callable) -> None:
    track = make_track(1, range(100))
    track.covered[:10] = 1.0
    rows = best_rows(track, 5)
    assert rows == sorted(rows)
    assert len(rows) == 5
    assert rows[0] >= 10
