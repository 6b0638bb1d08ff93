"""A face made of numbers: 478 points with lips of known opening, turned and moved at will."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import INNER_LIPS, LIPS, LOWER_INNER, OUTER_LIPS, POINTS, UPPER_INNER
from lipwright.faces.track import FaceTrack, quantise

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def head(gap: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> F64:
    """(478, 3) a frontal head, outer eye corners 1 apart, inner lips `gap` apart, all lips moved by `shift`."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.8, 0.8, (POINTS, 3)) * (1.0, 1.2, 0.4)
    points[33], points[263] = (-0.5, -0.4, 0.1), (0.5, -0.4, 0.1)
    for loop, radius in ((OUTER_LIPS, 0.42), (INNER_LIPS, 0.36)):
        angle = np.linspace(np.pi, 3 * np.pi, len(loop), endpoint=False)
        thick = 0.12 if loop is OUTER_LIPS else 0.0
        points[list(loop)] = np.stack(
            [radius * np.cos(angle), 0.5 - thick * np.sin(angle), np.zeros(len(loop))], axis=1
        )
    points[list(UPPER_INNER), 1] -= gap / 2
    points[list(LOWER_INNER), 1] += gap / 2
    points[list(LIPS), :2] += shift
    return points


def turned(yaw: float, pitch: float, roll: float) -> F64:
    """A rotation from three angles in radians."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z, dtype=np.float64)


def placed(face: F64, rotation: F64, scale: float = 90.0, centre: tuple[float, float] = (160.0, 120.0)) -> F32:
    """The face in pixels."""
    points = face @ rotation.T * scale
    points[:, :2] += centre
    return points.astype(np.float32)


def track_of(
    gaps: F64, scale: float = 90.0, centre: tuple[float, float] = (160.0, 120.0), number: int = 1
) -> FaceTrack:
    """A frontal face on frames 0, 1, 2, ... whose lips are open by `gaps` (outer eye distances)."""
    n = len(gaps)
    points = np.stack([placed(head(g), np.eye(3), scale, centre) for g in gaps])
    crops = np.tile(np.array([*centre, scale * 3, 0.0], dtype=np.float32), (n, 1))
    zeros = np.zeros(n, dtype=np.float32)
    return FaceTrack(
        id=number,
        frames=np.arange(n, dtype=np.int32),
        quantised=quantise(points, crops),
        crops=crops,
        presence=np.ones(n, dtype=np.float32),
        blendshapes=np.zeros((n, 52), dtype=np.float32),
        rotations=np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        yaw=zeros,
        pitch=zeros,
        roll=zeros,
        interpolated=np.zeros(n, dtype=np.bool_),
        covered=zeros,
    )
