"""A face track: one face over consecutive frames of the source, with its landmarks and pose.

Landmarks are kept as 16-bit fixed point inside the region the mesh model looked at (a few thousandths of a pixel), in
an array that may be memory-mapped, so that a track of an hour costs little memory; `landmarks` gives them back in
pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face, rows in frame order.

    Attributes:
        id: stable over the video, 1 is the most prominent.
        frames: (n,) int32 source frame indices, strictly increasing; short gaps are filled by interpolation.
        quantised: (n, 478, 3) int16 landmarks, fixed point in the crop of `crops`.
        crops: (n, 4) float32 centre x, centre y, side (pixels, display orientation) and roll (radians) of the crop.
        presence: (n,) float32 0..1 score of the mesh model.
        blendshapes: (n, 52) float32.
        rotations: (n, 3, 3) float32 head rotation, canonical to camera (x right, y down, z away).
        yaw, pitch, roll: (n,) float32 degrees.
        interpolated: (n,) bool, the row was not seen but interpolated.
        covered: (n,) float32 0..1, how likely the mouth is hidden (hand, microphone).
    """

    id: int
    frames: NDArray[np.int32]
    quantised: NDArray[np.int16]
    crops: F32
    presence: F32
    blendshapes: F32
    rotations: F32
    yaw: F32
    pitch: F32
    roll: F32
    interpolated: NDArray[np.bool_]
    covered: F32

    def __len__(self) -> int:
        return len(self.frames)

    def row(self, frame: int) -> int:
        """The row of source frame `frame`, or -1 if the face is not on it."""
        at = int(np.searchsorted(self.frames, frame))
        return at if at < len(self.frames) and self.frames[at] == frame else -1

    def landmarks(self, rows: slice | NDArray[np.int64] | list[int]) -> F32:
        """(k, 478, 3) float32 x, y in display pixels and z in the same unit (smaller = nearer the camera)."""
        q = self.quantised[rows].astype(np.float32) / np.float32(32767.0)
        crop = self.crops[rows]
        side = crop[:, 2:3]
        cos, sin = np.cos(crop[:, 3:4]), np.sin(crop[:, 3:4])
        x, y = q[..., 0] * side, q[..., 1] * side
        return np.stack([crop[:, 0:1] + cos * x - sin * y, crop[:, 1:2] + sin * x + cos * y, q[..., 2] * side], axis=-1)


def quantise(landmarks: F32, crops: F32) -> NDArray[np.int16]:
    """The inverse of `FaceTrack.landmarks`: (n, 478, 3) pixels and (n, 4) crops to fixed point."""
    side = crops[:, 2:3]
    cos, sin = np.cos(crops[:, 3:4]), np.sin(crops[:, 3:4])
    dx, dy = landmarks[..., 0] - crops[:, 0:1], landmarks[..., 1] - crops[:, 1:2]
    local = np.stack([(cos * dx + sin * dy) / side, (cos * dy - sin * dx) / side, landmarks[..., 2] / side], axis=-1)
    return np.clip(np.round(local * 32767.0), -32767, 32767).astype(np.int16)
