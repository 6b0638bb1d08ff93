"""Mouth shapes with the head's pose taken out, and put back in.

Every row of a track is brought into one upright head space by the 3-D similarity that lays its stable points (brow,
temples, eye corners, nose bridge) over the subject's own average, after Umeyama, "Least-squares estimation of
transformation parameters between two point patterns", 1991. In that space the unit is the distance between the outer
eye corners, x points to image right, y down and z away from the camera, and what is left to move is speech. Working in
3-D rather than in the picture is what lets a shape seen on a turned head be used on another turn of the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P
from lipwright.faces.track import FaceTrack

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class HeadSpace:
    """The shapes of a track in head space, and the way back to the picture.

    Attributes:
        shapes: (n, m, 3) float32 the points `points.MOUTH` of every row, in head space.
        pose: (n, 3, 3) float32 rotation and scale, pixels to head space.
        offset: (n, 3) float32, so that head = pose @ pixels + offset.
        scale: (n,) float32 pixels per unit (outer eye corners apart).
    """

    shapes: F32
    pose: F32
    offset: F32
    scale: F32

    def to_pixels(self, row: int, shape: NDArray[np.floating]) -> F64:
        """(k, 2) float64 display pixels of (k, 3) head-space points under the pose of `row`."""
        # pose = s * R, so its inverse is its transpose over s squared.
        s2 = float(self.scale[row]) ** 2
        return np.asarray((shape - self.offset[row]) @ (self.pose[row].astype(np.float64) * s2)[:, :2], np.float64)


def head_space(track: FaceTrack) -> HeadSpace:
    """The head space of a track (at least one row)."""
    n = len(track)
    reference = _reference(track)
    shapes = np.empty((n, len(P.MOUTH), 3), np.float32)
    pose, offset = np.empty((n, 3, 3), np.float32), np.empty((n, 3), np.float32)
    for start in range(0, n, _CHUNK):
        rows = slice(start, min(n, start + _CHUNK))
        landmarks = track.landmarks(rows).astype(np.float64)
        matrix, shift = _similarity(landmarks[:, P.STABLE], reference)
        shapes[rows] = np.einsum("nij,nkj->nki", matrix, landmarks[:, P.MOUTH]) + shift[:, None]
        pose[rows], offset[rows] = matrix, shift
    scale = 1.0 / np.cbrt(np.maximum(np.linalg.det(pose.astype(np.float64)), 1e-18))
    return HeadSpace(shapes, pose, offset, scale.astype(np.float32))


def _reference(track: FaceTrack) -> F64:
    """(k, 3) the subject's average stable points, upright, unit eye distance, origin at the nose bridge."""
    rows = np.unique(np.linspace(0, len(track) - 1, min(len(track), 400)).astype(np.int64))
    landmarks = track.landmarks(rows).astype(np.float64)
    # The most frontal row starts the average, so that the space is not skewed by a turned head.
    start = int(np.argmin(np.abs(track.yaw[rows]) + 0.5 * np.abs(track.pitch[rows])))
    mean = landmarks[start]
    for _ in range(4):
        matrix, shift = _similarity(landmarks[:, P.STABLE], mean[P.STABLE])
        mean = np.median(np.einsum("nij,nkj->nki", matrix, landmarks) + shift[:, None], axis=0)
    right = mean[P.EYE_CORNERS[1]] - mean[P.EYE_CORNERS[0]]
    unit = float(np.linalg.norm(right))
    right = right / unit
    down = mean[P.CHIN_MESH] - mean[P.FOREHEAD]
    down = down - right * (down @ right)
    down = down / np.linalg.norm(down)
    axes = np.stack([right, down, np.cross(right, down)])
    return np.asarray(((mean - mean[P.BRIDGE]) @ axes.T / unit)[P.STABLE], np.float64)


def _similarity(source: F64, target: F64) -> tuple[F64, F64]:
    """For (n, k, 3) `source` and (k, 3) `target`: (n, 3, 3) scaled rotations and (n, 3) shifts of least squares."""
    centre_s, centre_t = source.mean(axis=1), target.mean(axis=0)
    a, b = source - centre_s[:, None], target - centre_t
    u, sigma, vt = np.linalg.svd(np.einsum("ki,nkj->nij", b, a))
    flip = np.ones((len(source), 3))
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[:, None]) @ vt
    scale = (sigma * flip).sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    matrix = rotation * scale[:, None, None]
    return matrix, centre_t - np.einsum("nij,nj->ni", matrix, centre_s)


def gap(shapes: NDArray[np.floating]) -> F64:
    """(n,) opening between the inner lips of (n, m, 3) shapes, in eye distances."""
    return np.asarray(np.linalg.norm(shapes[..., P.UPPER_MID, :] - shapes[..., P.LOWER_MID, :], axis=-1), np.float64)


def width(shapes: NDArray[np.floating]) -> F64:
    """(n,) distance between the mouth corners of (n, m, 3) shapes, in eye distances."""
    return np.asarray(
        np.linalg.norm(shapes[..., P.LEFT_CORNER, :] - shapes[..., P.RIGHT_CORNER, :], axis=-1), np.float64
    )
