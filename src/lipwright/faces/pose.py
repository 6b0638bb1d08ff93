"""Head pose: the rotation that best lays the canonical head on a face's landmarks.

A weighted similarity in closed form (S. Umeyama, "Least-squares estimation of transformation parameters between two
point patterns", PAMI 1991) on points that speech does not move. The mesh's own depth makes it a 3-D to 3-D problem,
so no focal length has to be guessed as for solvePnP, and there is no iteration that could end elsewhere on the next
frame.

Conventions. Camera axes are x right, y down, z away from the camera; the canonical head in these axes faces the
camera, so a frontal face has the identity as rotation. Angles in degrees, as the viewer sees them:

- yaw > 0: the nose turns towards the right edge of the picture;
- pitch > 0: the nose turns up;
- roll > 0: the head leans clockwise, its top towards the right edge.

R = Ry(-yaw) Rx(-pitch) Rz(roll) for rotations about those axes by the right-hand rule.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.canonical import canonical_face
from lipwright.faces.topology import JAW, LIPS

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Similarity:
    """b = scale * rotation @ a + offset."""

    scale: float
    rotation: F64
    offset: F64


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Rotation (3, 3) float32, canonical to camera, and its angles in degrees (see the module's conventions)."""

    rotation: F32
    yaw: float
    pitch: float
    roll: float


def umeyama(a: F64, b: F64, weights: F64) -> Similarity:
    """The similarity with the least weighted squared error from (n, d) points `a` to `b`; never a reflection."""
    share = weights / weights.sum()
    mean_a, mean_b = share @ a, share @ b
    ca, cb = a - mean_a, b - mean_b
    u, s, vt = np.linalg.svd((share[:, None] * cb).T @ ca)
    sign = np.ones(len(s))
    sign[-1] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / max(float(share @ (ca**2).sum(axis=1)), 1e-12))
    return Similarity(scale, rotation, mean_b - scale * rotation @ mean_a)


@functools.cache
def _rigid() -> tuple[NDArray[np.int64], F64, F64]:
    """Numbers, weights and canonical places of the points that pose is measured on."""
    face = canonical_face()
    moving = set(JAW) | set(LIPS)
    keep = np.array([int(point) not in moving for point in face.basis])
    points = face.basis[keep]
    return points, face.weights[keep].astype(np.float64), face.points[points].astype(np.float64)


def head_similarity(landmarks: NDArray[np.floating]) -> Similarity:
    """Canonical head (cm) to picture (pixels) for one face's (>= 468, 3) landmarks, by weak perspective."""
    points, weights, canonical = _rigid()
    return umeyama(canonical, landmarks[points].astype(np.float64), weights)


def head_pose(landmarks: NDArray[np.floating]) -> HeadPose:
    """The pose of one face from its (>= 468, 3) landmarks in pixels."""
    rotation = head_similarity(landmarks).rotation
    yaw, pitch, roll = angles(rotation)
    return HeadPose(rotation.astype(np.float32), yaw, pitch, roll)


def angles(rotation: NDArray[np.floating]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a (3, 3) rotation."""
    r = rotation.astype(np.float64)
    yaw = np.arctan2(-r[0, 2], r[2, 2])
    pitch = np.arcsin(np.clip(r[1, 2], -1.0, 1.0))
    roll = np.arctan2(r[1, 0], r[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def rotation_from(yaw: float, pitch: float, roll: float) -> F64:
    """The inverse of `angles`."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z, dtype=np.float64)
