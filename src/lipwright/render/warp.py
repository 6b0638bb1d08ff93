"""Smooth picture warps from a handful of moved points.

A thin-plate spline (Bookstein, "Principal warps", 1989) is the smoothest field that moves given points by given
amounts. It is solved once per set of output points and evaluated on a coarse grid, several fields at a time; the grid
is then enlarged, because the field is far smoother than the picture. Fields map output pixels to where they come from,
so that a warp is one resampling of the source, not two.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_STEP = 8


class ThinPlate:
    """Fields over one set of output points inside one box."""

    def __init__(self, points: F64, box: tuple[int, int, int, int], smoothing: float = 0.0) -> None:
        """Prepare for (k, 2) output `points` and the pixel `box` (x0, y0, x1, y1) the fields will cover.

        `smoothing` >= 0 lets fields miss their points, in units of the kernel at the box's size.
        """
        x0, y0, x1, y1 = box
        self._size = (x1 - x0, y1 - y0)
        self._origin = np.array([x0, y0], np.float64)
        self._scale = 1.0 / max(self._size)
        count = len(points)
        at = (points - self._origin) * self._scale
        matrix = np.zeros((count + 3, count + 3))
        matrix[:count, :count] = _kernel(_squared(at, at)) + smoothing * np.eye(count)
        matrix[:count, count] = matrix[count, :count] = 1.0
        matrix[:count, count + 1 :] = at
        matrix[count + 1 :, :count] = at.T
        self._factor = lu_factor(matrix, check_finite=False)
        columns, rows = (-(-n // _STEP) + 1 for n in self._size)
        gy, gx = np.mgrid[0:rows, 0:columns] * (_STEP * self._scale)
        grid = np.stack([gx.ravel(), gy.ravel()], axis=1)
        self._basis = np.hstack([_kernel(_squared(grid, at)), np.ones((len(grid), 1)), grid])
        self._grid = (rows, columns)

    def coarse(self, values: F64) -> F32:
        """(rows, columns, c) float32 on the grid (one node every 8 pixels) of the field taking (k, c) `values`."""
        coefficients = lu_solve(self._factor, np.vstack([values, np.zeros((3, values.shape[1]))]), check_finite=False)
        return np.asarray((self._basis @ coefficients).reshape(*self._grid, -1), np.float32)

    def dense(self, coarse: F32) -> F32:
        """(h, w, c) float32: a coarse field enlarged to every pixel of the box."""
        width, height = self._size
        matrix = np.array([[1 / _STEP, 0, 0], [0, 1 / _STEP, 0]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(coarse, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        ).reshape(height, width, -1)


def _squared(a: F64, b: F64) -> F64:
    """(n, m) squared distances; expanded, because a difference array would be several times larger."""
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * (a @ b.T), 0.0), np.float64)


def _kernel(squared: F64) -> F64:
    """r^2 log r, the plate's bending kernel, from squared distances."""
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-18)), np.float64)


def resample(picture: NDArray[np.uint8] | F32, x: F32, y: F32) -> F32:
    """(h, w, 3) float32: `picture` looked up at float pixel positions, cubic, edges held."""
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)
