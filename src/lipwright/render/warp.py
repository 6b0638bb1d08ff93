"""Smooth picture warps from a handful of moved points.

A thin-plate spline (Bookstein, "Principal warps", 1989) is the smoothest field that moves given points by given
amounts. It is solved for several fields over the same points at once and evaluated on a coarse grid, which is
then enlarged, because the field is far smoother than the picture. Fields map output pixels to where they come from,
so that a warp is one resampling of the source, not two.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Window = tuple[int, int, int, int]
_STEP = 8


class ThinPlate:
    """Fields over one set of output points inside one box."""

    def __init__(self, points: F64, box: tuple[int, int, int, int], smoothing: float = 0.0) -> None:
        """Prepare for (k, 2) output `points` and the pixel `box` (x0, y0, x1, y1) the fields will cover.

        `smoothing` >= 0 lets fields miss their points, in units of the kernel at the box's size.
        """
        x0, y0, x1, y1 = box
        self._size = (x1 - x0, y1 - y0)
        scale = 1.0 / max(self._size)
        count = len(points)
        at = (points - np.array([x0, y0], np.float64)) * scale
        matrix = np.zeros((count + 3, count + 3))
        matrix[:count, :count] = _kernel(at, at)
        matrix.ravel()[: count * (count + 3) : count + 4] += smoothing
        matrix[:count, count] = matrix[count, :count] = 1.0
        matrix[:count, count + 1 :] = at
        matrix[count + 1 :, :count] = at.T
        self._matrix = matrix
        columns, rows = (-(-n // _STEP) + 1 for n in self._size)
        grid = _nodes(rows, columns) * (_STEP * scale)
        self._basis = np.empty((len(grid), count + 3))
        self._basis[:, :count] = _kernel(grid, at)
        self._basis[:, count] = 1.0
        self._basis[:, count + 1 :] = grid
        self._grid = (rows, columns)

    def coarse(self, values: F64) -> F32:
        """(rows, columns, c) float32 on the grid (one node every 8 pixels) of the field taking (k, c) `values`."""
        right = np.zeros((len(values) + 3, values.shape[1]))
        right[: len(values)] = values
        coefficients = np.linalg.solve(self._matrix, right)
        return np.asarray((self._basis @ coefficients).reshape(*self._grid, -1), np.float32)

    def dense(self, coarse: F32, window: Window | None = None) -> F32:
        """(h, w, c) float32: a coarse field enlarged to every pixel of the box, or to a `window` (x0, y0, x1, y1).

        Linear between nodes, by a product with a small matrix on either side, which takes less time than a general
        resampling. Held one component after the other, so that each is contiguous.
        """
        x0, y0, x1, y1 = window or (0, 0, *self._size)
        rows, columns = self._grid
        across, down = _between(_enough(columns))[x0:x1, :columns], _between(_enough(rows))[y0:y1, :rows]
        return np.asarray((down @ coarse.transpose(2, 0, 1) @ across.T).transpose(1, 2, 0), np.float32)


@lru_cache(maxsize=16)
def _nodes(rows: int, columns: int) -> F64:
    """(rows * columns, 2) x and y of the grid's nodes, one apart."""
    ys, xs = np.mgrid[0:rows, 0:columns]
    return np.stack([xs.ravel(), ys.ravel()], axis=1).astype(np.float64)


@lru_cache(maxsize=8)
def _between(nodes: int) -> F32:
    """(8 * nodes, nodes) float32 weights of the nodes for each pixel along one side."""
    at = np.arange(nodes * _STEP) / _STEP
    return np.maximum(1.0 - np.abs(at[:, None] - np.arange(nodes)), 0.0).astype(np.float32)


def _enough(nodes: int) -> int:
    """`nodes` or some more, so that boxes of nearly the same size share their weights."""
    return 1 << max(4, (nodes - 1).bit_length())


def _kernel(a: F64, b: F64) -> F64:
    """(n, m) r^2 log r, the plate's bending kernel, between (n, 2) and (m, 2) points.

    Squared distances come out of one product of expanded points, and all else happens in its memory: on a fine grid the
    temporaries were most of the cost.
    """
    left = np.concatenate([-2.0 * a, np.ones((len(a), 1)), (a**2).sum(1, keepdims=True)], axis=1)
    right = np.concatenate([b, (b**2).sum(1, keepdims=True), np.ones((len(b), 1))], axis=1)
    squared = np.asarray(left @ right.T, np.float64)
    np.maximum(squared, 1e-18, out=squared)
    logs = np.log(squared)
    squared *= logs
    squared *= 0.5
    return squared


def resample(components: Iterable[F32], x: F32, y: F32) -> F32:
    """(h, w, 3) float32: three `components` of a picture looked up at float pixel positions, cubic, edges held.

    One after the other, which OpenCV does in less than half the time of all at once, and which needs no more than one
    of them to be there at a time; the result is held that way.
    """
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    out = np.empty((3, *x.shape), np.float32)
    for held, component in zip(out, components, strict=True):
        cv2.remap(component, x, y, cv2.INTER_CUBIC, dst=held, borderMode=cv2.BORDER_REPLICATE)
    return out.transpose(1, 2, 0)
