"""Which of the 478 mesh points lie where on a face.

FaceMesh V2 numbers its points by a fixed topology (468 on the skin, 10 on the irises). The rest of the program
speaks of "the inner lips" or "the jaw"; this is the one place that knows the numbers. Loops are closed and ordered, so
they can be filled as polygons; "left" and "right" are the sides of the picture on an unmirrored frontal face.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

POINTS: Final = 478
SKIN_POINTS: Final = 468

OUTER_LIPS: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""Closed loop on the vermilion border: left corner, along the lower lip to the right corner, back along the upper."""

INNER_LIPS: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Closed loop where the lips meet (or the opening begins), same order; point i faces point i of `OUTER_LIPS`."""

LIPS: Final = OUTER_LIPS + INNER_LIPS

UPPER_INNER: Final = (191, 80, 81, 82, 13, 312, 311, 310, 415)
"""The lower edge of the upper lip, left to right, without the corners."""

LOWER_INNER: Final = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""The upper edge of the lower lip; point i lies opposite point i of `UPPER_INNER`."""

UPPER_OUTER: Final = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER: Final = (146, 91, 181, 84, 17, 314, 405, 321, 375)

MOUTH_LEFT: Final = 61
MOUTH_RIGHT: Final = 291

JAW: Final = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
"""The lower half of the oval, open, from the left ear over the chin to the right ear."""

CHIN: Final = (176, 148, 152, 377, 400, 140, 171, 175, 396, 369, 208, 199, 428, 201, 200, 421)
"""The ball of the chin: it moves with the lower jaw."""

CHIN_TIP: Final = 152
NOSE_BASE: Final = 2

EYE_LEFT: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_RIGHT: Final = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
EYE_OUTER_LEFT: Final = 33
EYE_OUTER_RIGHT: Final = 263

STABLE: Final = (
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 8, 9, 151, 10, 127, 356, 234, 454, 98, 327, 2, 54, 284, 67, 297,
)  # fmt: skip
"""Points that speech does not move: eye corners, nose, forehead, temples. Normalise by these."""


def mouth_opening(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inner lip gap over the mouth's width, without unit: about 0 closed, 0.4 wide open.

    The gap is the mean over the nine inner pairs' middle five, which is less noisy than the one pair 13-14. Takes
    (..., 478, 2 or 3) points in any similarity frame and returns (...).
    """
    upper, lower = np.array(UPPER_INNER[2:7]), np.array(LOWER_INNER[2:7])
    gap = np.linalg.norm(landmarks[..., upper, :] - landmarks[..., lower, :], axis=-1).mean(axis=-1)
    width = np.linalg.norm(landmarks[..., MOUTH_LEFT, :] - landmarks[..., MOUTH_RIGHT, :], axis=-1)
    return np.asarray(gap / np.maximum(width, 1e-6), dtype=np.float32)
