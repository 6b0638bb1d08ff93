"""The store of pieces, the ranges it holds and the bounded cache of stores."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.faces import cache as cache_module
from lipwright.faces.analysis import analysed, merge_ranges, subtract_ranges
from lipwright.faces.cache import FaceCache, analysis_key, file_digest
from lipwright.faces.rows import ROW, RowFile, map_rows
from lipwright.faces.store import Draft, Store, scratch_store
from lipwright.faces.tracks import TrackerSettings

ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


def frames(spans: list[tuple[int, int]]) -> set[int]:
    return {f for a, b in spans for f in range(a, b)}


@given(ranges)
def test_merging_keeps_the_frames_and_leaves_gaps_between(spans: list[tuple[int, int]]) -> None:
    merged = merge_ranges(spans)
    assert frames(merged) == frames(spans)
    assert all(a < b for a, b in merged)
    assert all(x[1] < y[0] for x, y in pairwise(merged))


@given(ranges, ranges)
def test_what_is_missing_is_what_is_wanted_and_not_there(
    wanted: list[tuple[int, int]], have: list[tuple[int, int]]
) -> None:
    assert frames(subtract_ranges(wanted, have)) == frames(wanted) - frames(have)


def test_a_finished_piece_is_found_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    with store.new_piece(10, 20) as draft:
        draft.finish((640, 360), [15])
    (piece,) = Store(tmp_path / "s").pieces()
    assert (piece.start, piece.stop, piece.size, piece.cuts) == (10, 20, (640, 360), (15,))


def test_an_unfinished_or_failed_piece_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")

    def fail(draft: Draft) -> None:
        (draft.path / "00001.rows").write_bytes(b"x")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"), store.new_piece(0, 9) as draft:
        fail(draft)
    assert list((tmp_path / "s").iterdir()) == []


def test_a_killed_draft_and_a_damaged_piece_are_not_pieces(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    (tmp_path / "s" / ".draft-abc").mkdir()
    (tmp_path / "s" / "000000000-000000010").mkdir()
    assert store.pieces() == []


def test_the_scratch_store_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = scratch_store()
    assert len(list(tmp_path.iterdir())) == 1
    del store
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_rows_round_trip_through_their_file(make_rows: Callable, tmp_path: Path) -> None:
    rows = make_rows(range(150))
    file = RowFile(tmp_path / "a.rows")
    for row in rows:
        file.add(row)
    file.flush()
    assert (map_rows(file.path) == rows).all()


def test_a_row_file_cut_short_gives_its_whole_rows(make_rows: Callable, tmp_path: Path) -> None:
    path = tmp_path / "a.rows"
    path.write_bytes(make_rows(range(5)).tobytes()[:-7])
    assert map_rows(path)["frame"].tolist() == [0, 1, 2, 3]


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for the model files."""
    folder = tmp_path_factory.mktemp("models")

    def path(name: str) -> Path:
        if not (folder / name).exists():
            (folder / name).write_bytes(name.encode())
        return folder / name

    monkeypatch.setattr(cache_module, "model_path", path)
    return folder


@pytest.mark.usefixtures("no_models")
def test_the_same_content_hits_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video")
    (tmp_path / "b.mov").write_bytes(b"video")
    (tmp_path / "c.mp4").write_bytes(b"other")
    cache = FaceCache(tmp_path / "cache")
    a, b, c = (cache.entry(tmp_path / n).folder for n in ("a.mp4", "b.mov", "c.mp4"))
    assert a == b != c


def test_the_key_depends_on_models_and_settings(no_models: Path) -> None:
    digest = "0" * 64
    base = analysis_key(digest, TrackerSettings())
    assert analysis_key(digest, TrackerSettings(detect_every=5)) != base
    (no_models / cache_module.MESH).write_bytes(b"a newer model")
    assert analysis_key(digest, TrackerSettings()) != base


def test_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_digest(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.usefixtures("no_models")
def test_the_longest_unused_entries_make_room(tmp_path: Path) -> None:
    cache = FaceCache(tmp_path / "cache", max_bytes=250)
    now = time.time()
    for hours, digest in ((30, "a"), (20, "b"), (0.1, "c")):
        store = cache.entry_for(digest)
        (store.folder / "data").write_bytes(bytes(100))
        os.utime(store.folder, (now - hours * 3600,) * 2)
    fresh = cache.entry_for("d")
    (fresh.folder / "data").write_bytes(bytes(100))
    cache.trim(keep=fresh.folder)
    left = {p.name for p in cache.folder.iterdir()}
    # 400 bytes are 150 too many: a and b go; c was used within the hour and d is in use.
    assert left == {analysis_key(d, TrackerSettings()) for d in ("c", "d")}


@pytest.mark.usefixtures("no_models")
def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_CACHE_DIR", str(tmp_path / "here"))
    assert FaceCache().folder == tmp_path / "here" / "faces"


def test_a_store_takes_from_another_what_ranges_need(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    for start, stop in ((0, 10), (10, 20), (40, 50)):
        with one.new_piece(start, stop) as draft:
            rows = RowFile(draft.path / "00000.rows")
            for frame in range(start, stop):
                row = np.zeros((), ROW)
                row["frame"], row["crop"], row["presence"] = frame, (50, 50, 40, 0), 1.0
                rows.add(row)
            rows.flush()
            draft.finish((100, 80), [start + 5])
    other.copy_from(one, [(10, 18)])
    # The piece that ends where a needed one begins comes along for its cuts; the one far off does not.
    assert [(piece.start, piece.stop, piece.cuts) for piece in other.pieces()] == [(0, 10, (5,)), (10, 20, (15,))]
    mine, yours = analysed(one, [(10, 18)]), analysed(other, [(10, 18)])
    assert mine is not None
    assert yours is not None
    assert [track.frames.tolist() for track in yours.tracks] == [track.frames.tolist() for track in mine.tracks]
    assert (yours.cuts, yours.size) == (mine.cuts, mine.size) == ((15,), (100, 80))
    assert analysed(other, [(30, 45)]) is None
