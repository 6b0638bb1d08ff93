"""478 face points, a presence score and 52 blendshapes of one face: FaceMesh V2 on LiteRT.

The models see an upright 256 px crop of the face; their points come back through the crop's affine. Presence says
whether the crop holds a face at all; it does not notice a covered mouth (see `occlusion`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.faces import topology
from lipwright.faces.litert import Network, sigmoid
from lipwright.faces.roi import Patch, crop_matrix, cut
from lipwright.faces.source import U8

F32 = NDArray[np.float32]

MESH: Final = "face_landmarks_detector.tflite"
BLENDSHAPES: Final = "face_blendshapes.tflite"
BLENDSHAPE_COUNT: Final = 52

# The blendshape model's 146 input points, in its input order.
BLENDSHAPE_POINTS: Final = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MeshResult:
    """One look at one face.

    Attributes:
        landmarks: (478, 3) float32 x, y in display pixels (pixel centres at integers), z in the same unit
            (smaller = nearer).
        local: (478, 3) float32 the same in crop pixels (0..256).
        presence: 0..1, how surely the crop holds a face.
        crop: (256, 256, 3) uint8 RGB the model saw.
    """

    landmarks: F32
    local: F32
    presence: float
    crop: U8


class FaceMesh:
    """FaceMesh V2; one per thread."""

    def __init__(self) -> None:
        self._net = Network(MESH)
        self.size = self._net.input_shape[1]

    def __call__(self, patch: Patch, region: NDArray[np.floating]) -> MeshResult:
        """Find the points of the face in `region` (centre x, y, side, roll)."""
        crop = cut(patch, region, self.size)
        outputs = self._net(crop[None].astype(np.float32) * np.float32(1 / 255))
        local = outputs[topology.POINTS * 3].reshape(topology.POINTS, 3)
        # Two outputs are single numbers; the first (Identity_1) is the presence score.
        presence = float(sigmoid(outputs[1].reshape(-1))[0])
        matrix = crop_matrix(region, self.size)
        landmarks = np.empty((topology.POINTS, 3), np.float32)
        # The model counts from the crop's edge, the affine from the first pixel's centre. (Mirroring the crop mirrors
        # the points about 127.99 +- 0.04 on real faces, not about 127.5.)
        landmarks[:, :2] = (local[:, :2].astype(np.float64) - 0.5) @ matrix[:, :2].T + matrix[:, 2]
        landmarks[:, 2] = local[:, 2] * (region[2] / self.size)
        return MeshResult(landmarks, local, presence, crop)


class Blendshapes:
    """The 52 ARKit-style expression coefficients from mesh points; one per thread."""

    def __init__(self) -> None:
        self._net = Network(BLENDSHAPES)
        self._points = np.array(BLENDSHAPE_POINTS)

    def __call__(self, local: F32) -> F32:
        """(52,) float32 0..1 from (478, 3) points in crop pixels."""
        outputs = self._net(np.ascontiguousarray(local[self._points, :2])[None])
        return outputs[BLENDSHAPE_COUNT].reshape(BLENDSHAPE_COUNT)
