"""Soft masks drawn with sub-pixel outlines.

A mask that jumps by whole pixels from frame to frame shimmers, so outlines are drawn with fractional coordinates and
anti-aliasing, and feathered by a blur in proportion to the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_SHIFT = 4


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
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
