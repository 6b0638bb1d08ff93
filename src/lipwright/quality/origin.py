"""Whether a video was made from a source, and which of its frames show another mouth than the source does.

Figures against a source mean something only if it is the source; and where a video was edited in part, old and new
speech must not be measured together. Both are told from small pictures, in which the losses of encoding average out:
the whole frame for the first, the region of the mouth for the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import EYE_LEFT, EYE_RIGHT, OUTER_LIPS
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Picture
from lipwright.media.reader import VideoReader

F32 = NDArray[np.float32]
B = NDArray[np.bool_]

STRANGE: Final = 7.0
"""Mean difference of small whole pictures, 8-bit levels, from which on one video is not made from the other."""
_CHANGED: Final = (1.5, 2.5)  # a mouth was edited if it differs by more 8-bit levels than this, and times the eyes do
_GAP: Final = 1.0  # seconds; shorter stretches without a difference between edited ones are taken for edited
_WHOLE: Final = (16, 16)
_MOUTH: Final = (20, 12)
_LOOKED_AT: Final = 12
_AMONG: Final = 120
_OUTER: Final = np.array(OUTER_LIPS)
_EYES: Final = np.array([*EYE_LEFT, *EYE_RIGHT])


def strangeness(video: VideoReader, source: VideoReader) -> float:
    """How little the pictures of a video are found in its source: the median over some frames, 8-bit levels.

    Each is held against the frame of the source at the same place in time, and against others all over it, because a
    video may show the frames of its source in another order.
    """
    among = [_small(frame.picture, _WHOLE) for frame in source.sequence(_spread(len(source), _AMONG))]
    mine = _spread(len(video), _LOOKED_AT)
    same = [_small(frame.picture, _WHOLE) for frame in source.sequence([min(i, len(source) - 1) for i in mine])]
    least = []
    for frame, beside in zip(video.sequence(mine), same, strict=True):
        here = _small(frame.picture, _WHOLE)
        least.append(min(float(np.abs(here - there).mean()) for there in [beside, *among]))
    return float(np.median(least))


def edited(
    video: VideoReader,
    source: VideoReader,
    track: FaceTrack,
    seconds: float,
    advance: Callable[[int, int], None] | None = None,
) -> B:
    """(frames,) where the mouth of `track` differs from that of the same frame of the source.

    The eyes, which nobody edited, tell what encoding did. Stretches of up to a second without a difference count as
    edited like those round them: a new mouth meets the old one now and then.

    Args:
        video: the video that is measured.
        source: a video of as many frames.
        track: a face of `video`.
        seconds: between two frames.
        advance: told how many frames of how many were compared.
    """
    first, stop = int(track.frames[0]), int(track.frames[-1]) + 1
    changed = np.zeros(len(video), dtype=np.bool_)
    pairs = zip(video.frames(first, stop), source.frames(first, stop), strict=True)
    for done, (frame, beneath) in enumerate(pairs, start=1):
        if advance is not None:
            advance(done, stop - first)
        row = track.row(frame.index)
        if row >= 0:
            here = track.landmarks([row])[0]
            mouth, eyes = (_difference(frame.picture, beneath.picture, here[part]) for part in (_OUTER, _EYES))
            least, times = _CHANGED
            changed[frame.index] = mouth > max(least, times * eyes)
    return with_gaps(changed, round(_GAP / seconds))


def with_gaps(changed: B, longest: int) -> B:
    """`changed` with runs of up to `longest` False filled; changes of a single frame are not believed."""
    before, after = np.append(False, changed[:-1]), np.append(changed[1:], False)
    sure: B = changed & (before | after)
    if not sure.any():
        return sure
    filled = sure.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[True], sure, [True]]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start <= longest:
            filled[start:stop] = True
    return filled


def _spread(frames: int, count: int) -> list[int]:
    return [int(i) for i in np.unique(np.linspace(0, frames - 1, min(frames, count)).astype(np.int64))]


def _difference(one: Picture, other: Picture, points: F32) -> float:
    """Mean difference of the pictures round (n, 2 or 3) points in pixels of `one`, 8-bit levels."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    grow = 0.15 * float(high[0] - low[0])
    size = np.array([one.width, one.height], np.float64)
    corners = np.clip(np.concatenate([(low - grow) / size, (high + grow) / size]), 0.0, 1.0)
    box = (float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3]))
    return float(np.abs(_small(one, _MOUTH, box) - _small(other, _MOUTH, box)).mean())


def _small(
    picture: Picture, size: tuple[int, int], box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
) -> F32:
    """The luma of a part of a picture at `size` (width, height), 8-bit levels."""
    luma = picture.planes[0]
    height, width = luma.shape
    x0, y0 = min(int(box[0] * width), width - 1), min(int(box[1] * height), height - 1)
    x1, y1 = max(x0 + 1, round(box[2] * width)), max(y0 + 1, round(box[3] * height))
    part = luma[y0:y1, x0:x1].astype(np.float32)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA) / picture.layout.scale, np.float32)
