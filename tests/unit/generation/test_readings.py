"""Readings that went through a file, and views of which only patches were kept, are as good as those at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.quality.faces import head, placed, track_of
from tests.unit.quality.test_measure import Edit

from lipwright.errors import RenderError
from lipwright.generation.mouths import Outcome
from lipwright.generation.pieces import readings as module
from lipwright.generation.pieces.readings import Header, PieceReadings, ReadingsWriter, end_view, readings_beside
from lipwright.media.picture import Picture
from lipwright.media.pixels import LAYOUTS
from lipwright.quality.account import Account
from lipwright.quality.channel import Drive
from lipwright.quality.measure import FaceShot, FrameMeter, Shot
from lipwright.quality.readings import FrameReading
from lipwright.quality.report import Performance
from lipwright.quality.views import KeptView, PictureView, changes_between

BOX = (40, 60, 90, 100)


def picture(seed: int, depth: int = 8) -> Picture:
    layout = LAYOUTS["yuv420p" if depth == 8 else "yuv420p10le"]
    kind = np.uint8 if depth == 8 else np.uint16
    luma = np.random.default_rng(seed).integers(16, 235 << (depth - 8), (160, 160)).astype(kind)
    chroma = np.full((80, 80), 128 << (depth - 8), kind)
    return Picture((luma, chroma, chroma), layout)


def readings(frames: int) -> tuple[list[Drive], list[FrameReading], PictureView]:
    """Two faces: one that is edited but for some frames, one that nobody finds; and the view of the last frame."""
    gaps = 0.1 + 0.05 * np.sin(np.arange(frames) / 3)
    drives = [Drive(0, track_of(gaps, 30.0, (70.0, 70.0)), None, (0.0, 9.0)), Drive(1, None, None, (0.0, 0.0))]
    kept: list[FrameReading] = []
    meter = FrameMeter(drives, kept.append, lambda one, crop: placed(head(0.1), np.eye(3), 30.0, (70.0, 70.0)))
    edit = Edit(BOX, np.pad(np.ones((34, 44), np.float32), 3))
    for i in range(frames):
        source = picture(i // 3)
        reason = "turned_away" if i % 7 == 5 else None
        composed = source if reason else picture(i)
        spoken = i / 25 if i % 2 else None
        faces = (FaceShot(0, None if reason else edit, reason, spoken), FaceShot(1, None, "no_face", None))
        meter.add(meter.look(Shot(i, i / 25, i, source, composed, faces if i % 11 else (), damaged=i % 13 == 4)))
    assert meter.last is not None
    return drives, kept, meter.last


def header(ends: tuple[KeptView, KeptView], stop: int) -> Header:
    return Header(
        job="job",
        first=0,
        stop=stop,
        readings=stop,
        coded="digest",
        outcome=Outcome(2, ("It failed.",), None),
        performance=Performance(1.5, stop),
        ends=(end_view(ends[0]), end_view(ends[1])),
    )


def test_readings_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 16)
    drives, before, view = readings(40)
    beside = replace(before[3], index=40, faces=(), copied=True)  # a copied frame after the last
    before = [*before[:20], *before[25:], beside]  # and some copied ones in the middle
    ends = KeptView.of(view, [(0, 0, 5, 5)]), KeptView.of(view, [(3, 4, 9, 11)])
    piece = tmp_path / "piece.mp4"
    with ReadingsWriter(readings_beside(piece)) as writer:
        for reading in before:
            writer.add(reading)
        assert list(tmp_path.iterdir()) == []
        about = replace(header(ends, 40), readings=writer.count)
        writer.finish(about, ends)
    found = PieceReadings(piece)
    assert found.header == about
    after = list(found.readings())
    accounts = [Account(drives), Account(drives)]
    for account, some in zip(accounts, (before, after), strict=True):
        for reading in some:
            account.add(reading)
    measured = accounts[0].finish(60)
    assert measured == accounts[1].finish(60)
    assert measured.frames.output == 60
    assert measured.equality.untouched_frames + measured.equality.edited_frames == 35
    assert [repr(reading) for reading in after] == [repr(reading) for reading in before]  # a NaN equals nothing
    for place, end in enumerate(ends):
        again = found.end(place)
        assert (again.edited, again.boxes) == (end.edited, end.boxes)
        assert again.kept.keys() == end.kept.keys()
        assert changes_between(again, view) == changes_between(view, view)


def test_readings_that_are_not_finished_leave_nothing(tmp_path: Path) -> None:
    with ReadingsWriter(tmp_path / "x.zip") as writer:
        for reading in readings(3)[1]:
            writer.add(reading)
    assert list(tmp_path.iterdir()) == []


def test_missing_frames_are_damage(tmp_path: Path) -> None:
    _, before, view = readings(10)
    ends = KeptView.of(view, []), KeptView.of(view, [])
    for name, some in (("few", before[:9]), ("gap", before[:4] + before[5:])):
        piece = tmp_path / name
        with ReadingsWriter(readings_beside(piece)) as writer:
            for reading in some:
                writer.add(reading)
            writer.finish(header(ends, 10), ends)
        with pytest.raises(RenderError, match=f"The readings of the piece '{name}' are damaged"):
            list(PieceReadings(piece).readings())


@pytest.mark.parametrize("depth", [8, 10])
def test_kept_views_are_compared_like_pictures(depth: int) -> None:
    lumas = [picture(seed, depth).planes[0] for seed in range(4)]
    before = PictureView(frozenset({0, 2}), {0: BOX, 2: (0, 0, 20, 30)}, *lumas[:2])
    now = PictureView(frozenset({0, 1, 3}), {0: (41, 61, 92, 101), 1: (5, 5, 9, 9)}, *lumas[2:])
    live = changes_between(before, now)
    assert [(change.drive, change.source is None) for change in live] == [(0, True), (1, False), (2, False)]
    one, other = KeptView.of(before, now.boxes.values()), KeptView.of(now, before.boxes.values())
    assert changes_between(one, other) == live
    with pytest.raises(KeyError):
        changes_between(KeptView.of(before, []), other)
