"""Joining tracklets into tracks, and tracks from stored pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lipwright.faces.assemble import build_tracks
from lipwright.faces.linking import Tracklet, link
from lipwright.faces.rows import Rows
from lipwright.faces.store import Piece


def groups(tracklets: list[Rows], cuts: list[int]) -> list[list[int]]:
    """The first frames of the tracklets of each group."""
    return [[t.first for t in g] for g in link([Tracklet(r) for r in tracklets], cuts)]


def test_a_cut_away_and_back_is_one_face(make_rows: Callable) -> None:
    parts = [make_rows(range(20), look=1), make_rows(range(20, 30), look=2), make_rows(range(30, 50), look=1)]
    assert groups(parts, [20, 30]) == [[0, 30], [20]]


def test_another_look_at_the_same_place_is_another_face(make_rows: Callable) -> None:
    assert groups([make_rows(range(20), look=1), make_rows(range(20, 40), look=2)], [20]) == [[0], [20]]


def test_the_same_look_at_another_place_is_another_face(make_rows: Callable) -> None:
    parts = [make_rows(range(20)), make_rows(range(25, 40), centre=(600, 200))]
    assert groups(parts, [22]) == [[0], [25]]


def test_another_size_is_another_face(make_rows: Callable) -> None:
    assert groups([make_rows(range(20), side=150), make_rows(range(20, 40), side=260)], [20]) == [[0], [20]]


def test_consecutive_frames_without_a_cut_need_no_likeness(make_rows: Callable) -> None:
    """Ranges analysed one after the other meet between two frames."""
    assert groups([make_rows(range(20), look=1), make_rows(range(20, 40), look=2)], []) == [[0, 20]]


def test_faces_on_the_same_frame_are_never_joined(make_rows: Callable) -> None:
    parts = [make_rows(range(20)), make_rows(range(10, 30)), make_rows(range(40, 50))]
    for group in link([Tracklet(p) for p in parts], [35]):
        frames = np.concatenate([t.rows["frame"] for t in group])
        assert len(frames) == len(set(frames.tolist()))


def test_the_nearer_of_two_equal_candidates_wins(make_rows: Callable) -> None:
    parts = [make_rows(range(10)), make_rows(range(20, 30)), make_rows(range(32, 40))]
    assert groups(parts, [15, 31]) == [[0, 20, 32]]


def _piece(folder: Path, start: int, stop: int, tracklets: list[Rows], cuts: tuple[int, ...] = ()) -> Piece:
    folder.mkdir()
    for number, rows in enumerate(tracklets):
        (folder / f"{number:05d}.rows").write_bytes(rows.tobytes())
    return Piece(folder, start, stop, (640, 360), cuts)


def test_ids_follow_prominence(make_rows: Callable, tmp_path: Path) -> None:
    small, large = make_rows(range(40), (100, 100), 60), make_rows(range(40), (400, 200), 200)
    tracks = build_tracks([_piece(tmp_path / "a", 0, 40, [small, large])], [(0, 40)])
    assert [t.id for t in tracks] == [1, 2]
    assert [float(t.crops[0, 2]) for t in tracks] == [200.0, 60.0]


def test_a_long_small_face_beats_a_glimpse_of_a_large_one(make_rows: Callable, tmp_path: Path) -> None:
    glimpse, long = make_rows(range(4), (100, 100), 200), make_rows(range(90), (400, 200), 90)
    tracks = build_tracks([_piece(tmp_path / "a", 0, 90, [glimpse, long])], [(0, 90)])
    assert len(tracks[0]) == 90


def test_only_the_ranges_asked_for_count(make_rows: Callable, tmp_path: Path) -> None:
    early, late = make_rows(range(100), (100, 100), 200), make_rows(range(60, 100), (400, 200), 150, look=3)
    pieces = [_piece(tmp_path / "a", 0, 100, [early, late])]
    tracks = build_tracks(pieces, [(70, 90)])
    assert [t.frames.tolist() for t in tracks] == [list(range(70, 90))] * 2


def test_pieces_join_in_frame_order_whatever_their_order(make_rows: Callable, tmp_path: Path) -> None:
    later = _piece(tmp_path / "b", 30, 60, [make_rows(range(30, 60))])
    earlier = _piece(tmp_path / "a", 0, 30, [make_rows(range(30))])
    (track,) = build_tracks([later, earlier], [(0, 60)])
    assert track.frames.tolist() == list(range(60))
    assert track.quantised.shape == (60, 478, 3)


def test_runs_of_a_frame_or_two_are_left_out(make_rows: Callable, tmp_path: Path) -> None:
    pieces = [_piece(tmp_path / "a", 0, 50, [make_rows(range(2))])]
    assert build_tracks(pieces, [(0, 50)]) == ()
    assert len(build_tracks(pieces, [(0, 1)])) == 1  # a still has one frame
