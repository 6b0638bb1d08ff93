"""Contact sheets for looking at: frames of every second, mouths at full size, and the lips' curve over the speech's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.topology import MOUTH_LEFT, MOUTH_RIGHT, OUTER_LIPS
from lipwright.media.info import VideoInfo
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
GREY = 48


def save(path: Path, rgb: U8) -> None:
    """Write an RGB picture as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    assert done
    path.write_bytes(data.tobytes())


def sheets(video: Path, faces: FaceAnalysis, folder: Path, name: str) -> tuple[Path, Path]:
    """Two PNGs of `video`: NAME_seconds (a frame and its full-size mouth per second), NAME_run (24 mouths in a row)."""
    info = probe(video)
    assert info.video is not None
    count = info.video.frames
    seconds = range(int(float(info.video.duration)) + 1)
    picks = sorted({min(int(np.searchsorted(_times(info.video), s + 0.5)), count - 1) for s in seconds})
    start = max(0, count // 2 - 12)
    run = list(range(start, min(start + 24, count)))
    columns, mouths = [], []
    with open_reader(video, info) as reader:
        for frame in reader.at_many(picks):
            rgb = frame.picture.to_rgb()
            columns.append(_stacked([_small(rgb, 300), _mouth(rgb, faces, frame.index)]))
        for frame in reader.at_many(run):
            mouths.append(_mouth(frame.picture.to_rgb(), faces, frame.index))
    paths = folder / f"{name}_seconds.png", folder / f"{name}_run.png"
    save(paths[0], _grid(columns, 6))
    save(paths[1], _grid(mouths, 6))
    return paths


def curves(times: Sequence[float], opening: Sequence[float], wanted: Sequence[float], closures: F64) -> U8:
    """The lip opening read off the output (red) over what the speech asks for (blue); p, b, m as grey bars."""
    span = max(times[-1] - times[0], 0.1)
    width, height = int(span * 160), 260
    canvas = np.full((height, width, 3), 255, np.uint8)
    for a, b in closures:
        x0, x1 = (int((t - times[0]) / span * width) for t in (a, b))
        cv2.rectangle(canvas, (x0, 0), (max(x1, x0 + 1), height), (215, 215, 215), -1)
    for values, colour in ((wanted, (40, 90, 220)), (opening, (210, 40, 40))):
        good = [(t, v) for t, v in zip(times, values, strict=True) if np.isfinite(v)]
        points = [(int((t - times[0]) / span * width), int(height - 12 - v * (height - 40))) for t, v in good]
        cv2.polylines(canvas, [np.array(points, np.int32)], False, colour, 1, cv2.LINE_AA)
    return canvas


def _times(video: VideoInfo) -> F64:
    return np.array([float(video.time(i)) for i in range(video.frames)])


def _small(rgb: U8, height: int) -> U8:
    size = (round(rgb.shape[1] * height / rgb.shape[0]), height)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _mouth(rgb: U8, faces: FaceAnalysis, frame: int) -> U8:
    """The mouth and chin of every face on `frame`, in the frame's own pixels."""
    crops = []
    for track, row in faces.on(frame)[:2]:
        points = track.landmarks([row])[0]
        width = float(np.linalg.norm(points[MOUTH_LEFT, :2] - points[MOUTH_RIGHT, :2]))
        x, y = points[list(OUTER_LIPS), :2].mean(axis=0)
        half = max(48.0, 1.5 * width)
        x0, y0 = int(np.clip(x - half, 0, rgb.shape[1] - 1)), int(np.clip(y - half, 0, rgb.shape[0] - 1))
        crops.append(rgb[y0 : int(y + 1.4 * half), x0 : int(x + half)])
    return _beside(crops) if crops else np.full((96, 96, 3), GREY, np.uint8)


def _padded(picture: U8, height: int, width: int) -> U8:
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    return canvas


def _stacked(pictures: Sequence[U8]) -> U8:
    width = max(p.shape[1] for p in pictures)
    return np.concatenate([_padded(p, p.shape[0] + 4, width) for p in pictures])


def _beside(pictures: Sequence[U8]) -> U8:
    height = max(p.shape[0] for p in pictures)
    return np.concatenate([_padded(p, height, p.shape[1] + 4) for p in pictures], axis=1)


def _grid(cells: Sequence[U8], columns: int) -> U8:
    return _stacked([_beside(cells[i : i + columns]) for i in range(0, len(cells), columns)])
