"""Soft masks drawn with sub-pixel outlines.

A mask that jumps by whole pixels from frame to frame shimmers, so outlines are drawn with fractional coordinates and
anti-aliasing, and feathered by a blur in proportion to the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Window = tuple[int, int, int, int]
_SHIFT = 4


def reach(sigma: float) -> int:
    """How many pixels away a blur by `sigma` still takes from: what has to be around a part to blur it by itself."""
    return int(np.ceil(4.0 * sigma)) + 1


def around(points: NDArray[np.floating], margin: float, size: tuple[int, int]) -> Window:
    """x0, y0, x1, y1 of the pixels within `margin` of the box of (k, 2) `points`, inside a picture of `size` (w, h).

    Empty (x1 <= x0 or y1 <= y0) if there are none.
    """
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return (
        max(0, int(np.floor(low[0]))),
        max(0, int(np.floor(low[1]))),
        min(size[0], int(np.ceil(high[0])) + 1),
        min(size[1], int(np.ceil(high[1])) + 1),
    )


def grown(window: Window, by: int, size: tuple[int, int]) -> Window:
    """`window` with `by` pixels more on each side, inside a picture of `size` (w, h)."""
    x0, y0, x1, y1 = window
    return max(0, x0 - by), max(0, y0 - by), min(size[0], x1 + by), min(size[1], y1 + by)


def above(mask: F32, level: float) -> Window:
    """The smallest window (x0, y0, x1, y1) with all pixels of `mask` over `level`; empty (all 0) if there are none."""
    x, y, width, height = cv2.boundingRect((mask > level).view(np.uint8))
    return x, y, x + width, y + height


def of(window: Window) -> tuple[slice, slice]:
    """The rows and columns of `window`."""
    return slice(window[1], window[3]), slice(window[0], window[2])


def polygon(outline: NDArray[np.floating], shape: tuple[int, int]) -> F32:
    """(h, w) float32 0..1: the inside of a closed (k, 2) `outline` in pixels of the mask."""
    canvas = np.zeros(shape, np.uint8)
    fixed = np.round(outline * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed.reshape(-1, 1, 2)], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    return canvas.astype(np.float32) * np.float32(1 / 255)


def feather(mask: F32, sigma: float) -> F32:
    """`mask` blurred by `sigma` pixels (0 leaves it)."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32) if sigma > 0.3 else mask


def hull(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """(k, 2) convex outline of `points`."""
    return np.asarray(cv2.convexHull(points.astype(np.float32)).reshape(-1, 2), np.float32)


def grow(outline: NDArray[np.floating], factor_x: float, factor_up: float, factor_down: float) -> NDArray[np.float64]:
    """An outline enlarged about its centre by pixels to each side, up and down, keeping its form."""
    centre = outline.mean(axis=0)
    reach = np.abs(outline - centre).max(axis=0) + 1e-6
    offset = (outline - centre) / reach
    out = np.array(outline, np.float64)
    out[:, 0] += offset[:, 0] * factor_x
    out[:, 1] += np.where(offset[:, 1] < 0, offset[:, 1] * factor_up, offset[:, 1] * factor_down)
    return out


def smoothstep(values: NDArray[np.floating], low: float, high: float) -> F32:
    """0 below `low`, 1 above `high`, with a smooth rise between."""
    t = np.asarray(values - low)
    t /= high - low
    np.maximum(t, 0.0, out=t)
    np.minimum(t, 1.0, out=t)
    rise = np.asarray(t * -2.0)
    rise += 3.0
    t *= t
    t *= rise
    return np.asarray(t, np.float32)
