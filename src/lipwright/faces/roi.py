"""Regions of interest: the rotated square a face is cut out by, and the pixels under it.

A region is (centre x, centre y, side, roll) in display pixels and radians, the same four numbers as `FaceTrack.crops`.
Pixels are converted to RGB once per face and frame, with a margin, and shrunk when the face is large: both passes of
the mesh cut their square out of that patch, and it is small enough to be kept while later frames are awaited.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces import topology
from lipwright.faces.source import U8, Pixels

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

MARGIN = 1.3
"""How much larger than the region a patch is: room for the head to move between the passes."""

TARGET = 256
SCALE = 1.5
"""Region side over the longer side of the face's box, as the mesh model was trained."""


@dataclass(frozen=True, slots=True)
class Patch:
    """RGB pixels of part of a picture: picture x = x0 + (patch x + 0.5) * step_x - 0.5, same for y."""

    rgb: U8
    x0: float
    y0: float
    step_x: float
    step_y: float


def from_landmarks(landmarks: NDArray[np.floating]) -> F64:
    """The (4,) region of a face from its landmarks (>= 468, 2+): box of the skin points, turned by the eye line."""
    points = landmarks[: topology.SKIN_POINTS, :2].astype(np.float64)
    along = points[topology.EYE_OUTER_RIGHT] - points[topology.EYE_OUTER_LEFT]
    roll = float(np.arctan2(along[1], along[0]))
    cos, sin = np.cos(roll), np.sin(roll)
    upright = points @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    u, v = (low + high) / 2
    return np.array([cos * u - sin * v, sin * u + cos * v, (high - low).max() * SCALE, roll])


def upright_box(region: NDArray[np.floating], scale: float = 1 / SCALE) -> F64:
    """(4,) x0, y0, x1, y1 of the region's face box, not turned: what overlap between faces is measured on."""
    half = region[2] * scale / 2
    return np.array([region[0] - half, region[1] - half, region[0] + half, region[1] + half], dtype=np.float64)


def overlap(a: F64, b: F64) -> F64:
    """(n, m) intersection over union of (n, 4) and (m, 4) boxes."""
    a, b = a.reshape(-1, 4), b.reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=2)
    areas = [np.clip(z[:, 2:] - z[:, :2], 0.0, None).prod(axis=1) for z in (a, b)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float64)


def take_patch(picture: Pixels, region: NDArray[np.floating], margin: float = MARGIN) -> Patch | None:
    """The pixels round `region`, `margin` times as wide; None if it lies outside the picture.

    Only this box is converted to RGB. Faces much larger than the model's input are shrunk by a whole factor with area
    averaging, which keeps the grain from aliasing into the landmarks.
    """
    reach = region[2] * margin / 2 * (abs(np.cos(region[3])) + abs(np.sin(region[3])))
    reach = min(reach, region[2] * 0.95)
    step = max(1, int(region[2] / (TARGET * 1.25)))
    # Even box edges fall on whole chroma samples.
    grid = 2 * step
    x0 = max(0, int((region[0] - reach) // grid) * grid)
    y0 = max(0, int((region[1] - reach) // grid) * grid)
    x1 = min(picture.width, -int(-(region[0] + reach) // grid) * grid)
    y1 = min(picture.height, -int(-(region[1] + reach) // grid) * grid)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    rgb = picture.to_rgb((x0, y0, x1, y1))
    if step == 1:
        return Patch(rgb, x0, y0, 1.0, 1.0)
    height, width = max(1, rgb.shape[0] // step), max(1, rgb.shape[1] // step)
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return Patch(np.asarray(small, np.uint8), x0, y0, rgb.shape[1] / width, rgb.shape[0] / height)


def crop_matrix(region: NDArray[np.floating], size: int) -> F64:
    """(2, 3) affine from crop pixel centres (size x size) to picture pixel coordinates (pixel centres at integers)."""
    k = region[2] / size
    cos, sin = np.cos(region[3]) * k, np.sin(region[3]) * k
    half = (size - 1) / 2
    return np.array(
        [
            [cos, -sin, region[0] - (cos - sin) * half],
            [sin, cos, region[1] - (sin + cos) * half],
        ]
    )


def cut(patch: Patch, region: NDArray[np.floating], size: int) -> U8:
    """(size, size, 3) uint8: the region cut out of the patch upright; outside the patch its edge is repeated."""
    matrix = crop_matrix(region, size)
    into = np.array([[1 / patch.step_x, 0.0], [0.0, 1 / patch.step_y]])
    origin = np.array([patch.x0 - 0.5, patch.y0 - 0.5])
    local = np.empty((2, 3))
    local[:, :2] = into @ matrix[:, :2]
    local[:, 2] = into @ (matrix[:, 2] - origin) - 0.5
    return np.asarray(
        cv2.warpAffine(
            patch.rgb,
            local,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def smooth(frames: NDArray[np.int64], regions: F64, at: int, sigma: float) -> F64:
    """The (4,) region at frame `at`, smoothed over (n,) sample frames with (n, 4) regions.

    A parabola is fitted under Gaussian weights of width `sigma` frames (a Savitzky-Golay filter for samples with gaps):
    a plain Gaussian mean cuts the corners of a moving head, and the crop it frames then sits askew (lip error 0.164 %
    of the face's width against 0.141 %, measured). At the ends of a shot, where samples lie on one side only, a line
    is fitted instead, as a parabola would swing. The side is smoothed as its logarithm, the roll is unwrapped.
    """
    t = (frames - at).astype(np.float64)
    values = regions.copy()
    values[:, 2] = np.log(values[:, 2])
    values[:, 3] = np.unwrap(values[:, 3])
    both_sides = min(int((t < 0).sum()), int((t > 0).sum())) >= 2
    degree = min(2 if both_sides else 1, len(t) - 1)
    root = np.exp(-0.25 * (t / sigma) ** 2)[:, None]
    powers = np.vander(t, degree + 1, increasing=True)
    fitted = np.linalg.lstsq(powers * root, values * root, rcond=1e-9)[0][0]
    fitted[2] = np.exp(fitted[2])
    return np.asarray(fitted, dtype=np.float64)
