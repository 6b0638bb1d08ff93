"""Pictures and tables for people who choose a speaker or look over a result."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.sheet import contact_sheet, face_box
from lipwright.media.picture import Picture
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader

U8 = NDArray[np.uint8]

TILE = 240
COLUMNS = 6


def face_sheet(video: Path, analysis: FaceAnalysis) -> U8:
    """(h, w, 3) uint8 RGB sheet of the faces of a video with their numbers."""
    info = probe(video)
    assert info.video is not None
    grid = info.video.grid
    times = [float(grid.time(frame)) for frame in range(info.video.frames + 1)]
    with open_reader(video, info) as reader:

        def look(frames: Sequence[int]) -> list[Picture]:
            return [frame.picture for frame in reader.at_many(frames)]

        return contact_sheet(analysis.tracks, look, times)


def describe_faces(video: Path, analysis: FaceAnalysis) -> list[dict[str, float]]:
    """Every face in numbers: when it shows (seconds, frames), how large it is (pixels), how it turns (degrees)."""
    info = probe(video)
    assert info.video is not None
    grid = info.video.grid
    step = float(info.video.frame_duration)
    found = []
    for track in analysis.tracks:
        middle = len(track) // 2
        x0, y0, x1, y1 = face_box(track, middle)
        first, last = int(track.frames[0]), int(track.frames[-1])
        found.append(
            {
                "face": track.id,
                "first_frame": first,
                "last_frame": last,
                "frames": len(track),
                "start": round(float(grid.time(first)), 3),
                "end": round(float(grid.time(last + 1)), 3),
                "seconds": round(len(track) * step, 3),
                "frame": int(track.frames[middle]),
                "x": round((x0 + x1) / 2, 1),
                "y": round((y0 + y1) / 2, 1),
                "width": round(x1 - x0, 1),
                "height": round(y1 - y0, 1),
                "yaw_min": round(float(track.yaw.min()), 1),
                "yaw_max": round(float(track.yaw.max()), 1),
            }
        )
    return found


def strip(
    video: Path, times: Sequence[float], labels: Sequence[str], part: tuple[float, float, float, float] = (0, 0, 1, 1)
) -> list[U8]:
    """(h, w, 3) uint8 RGB tiles of the frames shown at `times` (seconds), each with its label.

    `part` is what to show of the frames: left, top, right, bottom as shares of width and height.
    """
    info = probe(video)
    assert info.video is not None
    grid = info.video.grid
    tiles = []
    with open_reader(video, info) as reader:
        for time, label in zip(times, labels, strict=True):
            frame = grid.frame_at(info.video.time(0) if time <= 0 else _exact(time))
            picture = reader.at(frame).picture
            box = picture.clip([share * (picture.width, picture.height)[n % 2] for n, share in enumerate(part)])
            scale = TILE / max(box[2] - box[0], box[3] - box[1])
            tiles.append(_labelled(picture.to_rgb(box, scale), label))
    return tiles


def sheet_of(tiles: Sequence[U8], columns: int = COLUMNS) -> U8:
    """(h, w, 3) uint8 RGB: `tiles` in rows of `columns`."""
    height = max(tile.shape[0] for tile in tiles)
    rows = []
    for start in range(0, len(tiles), columns):
        row = [np.pad(tile, ((0, height - tile.shape[0]), (0, 4), (0, 0))) for tile in tiles[start : start + columns]]
        rows.append(np.concatenate(row, axis=1))
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows], axis=0)


def _exact(time: float) -> Fraction:
    return Fraction(time).limit_denominator(1_000_000)


def _labelled(tile: U8, label: str) -> U8:
    out = np.pad(tile, ((0, 20), (0, 0), (0, 0)))
    place = (4, out.shape[0] - 6)
    cv2.putText(out, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    return out
