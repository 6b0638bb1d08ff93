"""Gathering exemplars: pictures of the subject's own mouth, with what is needed to choose between them.

Only the neighbourhood of the mouth is kept, in the footage's own planes, so that nothing is ever enlarged. When the
source holds more usable frames than memory should, half of the room goes to the stretches nearest to what will be
rendered (same light, same pose) and half to the stretches that add most variety.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import EngineJob
from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.shape import HeadSpace, gap, width
from lipwright.media.picture import Picture

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

MEMORY = 60 << 20
"""Bytes of exemplars of one clip at most, in 4:2:0 of 8 bits; finer chroma and more bits take up to four times that."""

_MOST = 360
_HELD = 24 << 20  # bytes of whole pictures held while mouths are cut out of them
_RUN = 8
_THUMB = (16, 12)
_COVERED, _PRESENT = 0.5, 0.6


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One mouth of the subject.

    Attributes:
        row, frame: where in the track and in the source it was seen.
        picture: the mouth's neighbourhood, cut out of the frame.
        points: (m, 2) float64 the engine's points in pixels of `picture`.
        scale: pixels per eye distance.
        thumb: (12 * 16 * 3,) float32 a tiny upright picture of the mouth, for telling how alike two exemplars look.
        detail: mean gradient of luma per eye distance, a measure of sharpness.
    """

    row: int
    frame: int
    picture: Picture
    points: F64
    scale: float
    thumb: F32
    detail: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its picture."""
        return self.picture.width, self.picture.height

    def yuv(self) -> F32:
        """Its picture as (h, w, 3) float32 on an 8-bit scale, held plane by plane; made anew at every call."""
        return self.picture.region((0, 0, *self.size))


def usable_rows(job: EngineJob, space: HeadSpace) -> NDArray[np.int64]:
    """Rows of the track that may serve as exemplars."""
    track = job.track
    wanted = np.isin(track.frames, np.asarray(job.exemplar_frames, np.int64))
    good = wanted & ~track.interpolated & (track.presence >= _PRESENT) & (track.covered < _COVERED) & (space.scale > 20)
    return np.flatnonzero(good)


def pick_rows(rows: NDArray[np.int64], job: EngineJob, space: HeadSpace) -> NDArray[np.int64]:
    """At most as many of `rows` as memory allows, in runs of neighbouring frames."""
    side = float(np.median(space.scale[rows])) if len(rows) else 0.0
    each = max(1.0, 1.5 * (1.5 * side) * (1.3 * side))
    # Mouths of more than half a megabyte are of 4K close-ups, beside whose pictures there is less room.
    room = int(np.clip((MEMORY if each < 1 << 19 else MEMORY / 3) / each, 24, _MOST))
    if len(rows) <= room:
        return rows
    runs = [rows[i : i + _RUN] for i in range(0, len(rows), _RUN)]
    shapes = space.shapes
    feature = np.array(
        [
            [
                gap(shapes[r]).max() / 0.05,
                gap(shapes[r]).min() / 0.03,
                width(shapes[r]).mean() / 0.05,
                job.track.yaw[r].mean() / 8.0,
                job.track.pitch[r].mean() / 8.0,
            ]
            for r in runs
        ]
    )
    used = np.unique([t.source for t in job.tasks])
    distance = np.array([np.abs(used - int(job.track.frames[r].mean())).min() for r in runs])
    chosen = list(np.argsort(distance, kind="stable")[: room // (2 * _RUN)])
    nearest = np.min([((feature - feature[c]) ** 2).sum(1) for c in chosen], axis=0)
    while len(chosen) < room // _RUN:
        best = int(np.argmax(nearest))
        chosen.append(best)
        nearest = np.minimum(nearest, ((feature - feature[best]) ** 2).sum(1))
    return np.sort(np.concatenate([runs[c] for c in sorted(set(chosen))]))


def gather(rows: NDArray[np.int64], job: EngineJob, space: HeadSpace) -> list[Exemplar]:
    """The exemplars of `rows`, in order; rows whose picture cannot be had are left out."""
    found: list[Exemplar] = []
    start, count = 0, 1  # the first picture tells how many may be held at once
    while start < len(rows):
        batch = rows[start : start + count]
        job.progress.advance("exemplars", start, len(rows))
        pictures = job.look([int(job.track.frames[r]) for r in batch])
        start, count = start + count, max(1, min(16, _HELD // pictures[0].nbytes))
        for row, picture in zip(batch, pictures, strict=True):
            points = space.to_pixels(int(row), space.shapes[row])
            scale = float(space.scale[row])
            box = mouth_box(points, scale, (picture.width, picture.height))
            if box is None:
                continue
            mouth, corner = picture.cut(box)
            yuv = mouth.region((0, 0, mouth.width, mouth.height))
            local = points - np.array(corner)
            found.append(
                Exemplar(
                    row=int(row),
                    frame=int(job.track.frames[row]),
                    picture=mouth,
                    points=local,
                    scale=scale,
                    thumb=_thumb(yuv, local),
                    detail=_detail(yuv, local, scale),
                )
            )
    job.progress.advance("exemplars", len(rows), len(rows))
    return found


def mouth_box(points: F64, scale: float, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Pixels around the lips of (m, 2) `points`, inside a picture of `size`; None if the mouth is outside."""
    lips = points[P.OUTER]
    low, high = lips.min(axis=0), lips.max(axis=0)
    reach = np.array([0.42, 0.38]) * scale
    x0, y0 = np.floor(np.maximum(low - reach, 0)).astype(int)
    x1, y1 = np.ceil(np.minimum(high + reach, size)).astype(int)
    centre = (low + high) / 2
    if not (0 <= centre[0] < size[0] and 0 <= centre[1] < size[1]) or x1 - x0 < 16 or y1 - y0 < 16:
        return None
    return int(x0), int(y0), int(x1), int(y1)


def _upright(points: F64) -> NDArray[np.float32]:
    """The affine from a thumb's pixels to a mouth: corners at fixed places."""
    left, right = points[P.LEFT_CORNER], points[P.RIGHT_CORNER]
    axis = (right - left) / 2
    down = np.array([-axis[1], axis[0]])
    middle = (left + right) / 2
    columns, rows = _THUMB
    across, along = axis * 2.6 / (columns - 1), down * 1.9 / (rows - 1)
    origin = middle - axis * 1.3 - down * 0.75
    return np.stack([across, along, origin], axis=1).astype(np.float32)


def _thumb(yuv: F32, points: F64) -> F32:
    matrix, flags = _upright(points), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = np.empty((_THUMB[1], _THUMB[0], 3), np.float32)
    for channel in range(3):
        blurred = cv2.blur(yuv[..., channel], (5, 5))
        small[..., channel] = cv2.warpAffine(blurred, matrix, _THUMB, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return small.ravel()


def _detail(yuv: F32, points: F64, scale: float) -> float:
    """Mean luma gradient over the lips' box, per eye distance, so that it does not depend on the face's size."""
    low, high = points[P.OUTER].min(axis=0).astype(int), points[P.OUTER].max(axis=0).astype(int) + 1
    luma = yuv[max(low[1], 0) : high[1], max(low[0], 0) : high[0], 0]
    if luma.shape[0] < 3 or luma.shape[1] < 3:
        return 0.0
    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    return float(np.sqrt(dx * dx + dy * dy).mean() * scale / 100.0)
