"""A drawn head that opens its mouth by a known amount: landmarks and pictures made in code.

The head is the canonical face; opening moves its lower lip, chin and jaw by a rule of this file's own, so that what the
engine learns from it is not what the engine assumes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.canonical import canonical_face
from lipwright.faces.topology import INNER_LIPS, OUTER_LIPS
from lipwright.faces.track import FaceTrack, quantise
from lipwright.media.picture import Picture
from lipwright.media.pixels import PixelLayout

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SIZE = (320, 360)  # width, height
EYES = 96.0  # pixels between the outer eye corners
_LOWER = (95, 88, 178, 87, 14, 317, 402, 318, 324, 146, 91, 181, 84, 17, 314, 405, 321, 375)
_CHIN = (152, 148, 377, 176, 400, 149, 378, 150, 379, 18, 83, 313, 200, 199, 175, 201, 421, 208, 428)


def landmarks(gap: float, yaw: float = 0.0, shift: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> F32:
    """(478, 3) float32 pixels of the head with its lips `gap` eye distances apart, turned by `yaw` degrees."""
    points = canonical_face().points.astype(np.float64)
    unit = np.linalg.norm(points[263] - points[33])
    points = (points - points[168]) / unit
    # The canonical lips are a little apart: close them, then open by the known amount.
    closed = points[14, 1] - points[13, 1]
    points[list(_LOWER), 1] += gap - closed
    points[list(_CHIN), 1] += 0.5 * gap
    turn = np.radians(yaw)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    placed = points @ rotation.T * EYES * scale + [SIZE[0] / 2 + shift[0], 130 + shift[1], 0]
    return np.concatenate([placed, np.repeat(placed[[159]], 10, axis=0)]).astype(np.float32)


def track(
    faces: Sequence[F32], yaw: Sequence[float] | None = None, covered: Sequence[float] | None = None
) -> FaceTrack:
    """A track of `faces` on frames 0, 1, 2, ..."""
    n = len(faces)
    stack = np.stack(faces)
    crops = np.tile(np.array([SIZE[0] / 2, SIZE[1] / 2, 400.0, 0.0], np.float32), (n, 1))
    none = np.zeros(n, np.float32)
    return FaceTrack(
        id=1,
        frames=np.arange(n, dtype=np.int32),
        quantised=quantise(stack, crops),
        crops=crops,
        presence=np.ones(n, np.float32),
        blendshapes=np.zeros((n, 52), np.float32),
        rotations=np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        yaw=none if yaw is None else np.asarray(yaw, np.float32),
        pitch=none,
        roll=none,
        interpolated=np.zeros(n, np.bool_),
        covered=none if covered is None else np.asarray(covered, np.float32),
    )


def picture(face: F32, noise: int = 0) -> Picture:
    """The head drawn as 4:4:4: skin with fine texture, red lips, a dark mouth; full detail, no codec."""
    width, height = SIZE
    rng = np.random.default_rng(noise)
    y = np.full((height, width), 150, np.uint8) + rng.integers(0, 9, (height, width)).astype(np.uint8)
    u, v = np.full((height, width), 112, np.uint8), np.full((height, width), 148, np.uint8)
    for loop, colour in ((OUTER_LIPS, (95, 115, 170)), (INNER_LIPS, (30, 126, 134))):
        outline = np.round(face[list(loop), :2] * 16).astype(np.int32).reshape(-1, 1, 2)
        for plane, value in zip((y, u, v), colour, strict=True):
            cv2.fillPoly(plane, [outline], value, shift=4)
    return Picture((y, u, v), PixelLayout("yuv444p", depth=8, sub_x=1, sub_y=1, full_range=False))


def dark_rows(shown: Picture, face: F32) -> int:
    """How many rows of mouth interior show on the face's middle line."""
    x = int(face[13, 0])
    column = shown.planes[0][int(face[2, 1]) : int(face[152, 1]), x]
    return int((column < 62).sum())
