"""Is the mouth as sharp as the source's: gradient strength against source frames at the same opening.

Blur around the mouth is the first complaint about lip sync. A plain comparison with the source frame beneath would
measure what the mouth does instead: teeth and a dark gap are edges that a closed mouth has not. So both sides are
sorted by how far the lips are open, and compared only where both have been seen. A source whose mouth never opens is
compared on the output's closed frames.

The strength is the root mean square of the luma gradient (Sobel) over the outer lips grown by a sixth of the mouth's
width, at the frame's own scale.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import MOUTH_LEFT, MOUTH_RIGHT, OUTER_LIPS
from lipwright.quality.meters.likes import Likes, by_band, compare

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Luma = NDArray[np.uint8] | NDArray[np.uint16]

BANDS: Final = np.array([-np.inf, 0.02, 0.05, 0.1, 0.16, 0.24, np.inf])
"""Edges of the bands of opening, outer eye distances."""

_FEWEST: Final = 4  # frames a band needs on both sides
_OUTER: Final = np.array(OUTER_LIPS)


def gradient_strength(luma: Luma, landmarks: F32) -> float:
    """Root mean square gradient of the mouth, in levels of `luma` per pixel; NaN if the mouth is not in the frame.

    Args:
        luma: (h, w) the frame's luma plane at its own depth.
        landmarks: (478, 2 or 3) points in pixels of that plane.
    """
    lips = landmarks[_OUTER, :2]
    width = float(np.linalg.norm(landmarks[MOUTH_LEFT, :2] - landmarks[MOUTH_RIGHT, :2]))
    grow = max(2, round(width / 6))
    low = np.floor(lips.min(axis=0)).astype(int) - grow - 1
    high = np.ceil(lips.max(axis=0)).astype(int) + grow + 2
    x0, y0 = (int(v) for v in np.maximum(low, 0))
    x1, y1 = min(int(high[0]), luma.shape[1]), min(int(high[1]), luma.shape[0])
    if x1 - x0 < 4 or y1 - y0 < 4:
        return float("nan")
    mouth = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    outline = np.round(lips - (x0, y0)).astype(np.int32)
    cv2.fillPoly(mouth, [outline], 1)
    # A pen with a round tip grows a shape as a dilation by a disc does, at a tenth of the cost.
    cv2.polylines(mouth, [outline], True, 1, thickness=2 * grow + 1)
    patch = luma[y0:y1, x0:x1].astype(np.float32)
    across, down = (cv2.Sobel(patch, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=1 / 8) for dx in (1, 0))
    count = cv2.countNonZero(mouth)
    # Norms under a mask are added up in double precision.
    squares = sum(cv2.norm(slope, cv2.NORM_L2SQR, mouth) for slope in (across, down))
    return float(np.sqrt(squares / count)) if count else float("nan")


def sharpness_sums(output: tuple[F64, F64], source: tuple[F64, F64]) -> Likes:
    """Compare (strength, opening) of the output's frames with those of the source beneath; NaN frames are left out."""
    return compare(by_band(*output, BANDS), by_band(*source, BANDS), _level, _FEWEST)


def _level(strengths: F64) -> float:
    return max(float(np.mean(strengths)), 1e-3)
