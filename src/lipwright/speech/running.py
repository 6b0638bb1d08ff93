"""Means and maxima that run along time, over rows of 10 ms.

OpenCV's filters, which every job has loaded anyway; SciPy's, which say the same, take a fifth of a second and 30 MB to
load. Values before the first row and after the last are those rows themselves, unless said otherwise.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Reals = TypeVar("Reals", NDArray[np.float32], NDArray[np.float64])


def mean(values: Reals, span: int) -> Reals:
    """(n,): for each row the mean of `span` rows about it, of an even span one more before it than after it."""
    if not len(values):
        return values
    smooth = cv2.blur(_column(values), (1, span), anchor=(0, span // 2), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, values.dtype).reshape(values.shape)


def highest(values: Reals, before: int, after: int, beyond: float | None = None) -> Reals:
    """(n,): for each row the highest of those from `before` rows earlier to `after` rows later.

    `beyond` is taken for what lies outside.
    """
    if not len(values):
        return values
    kernel = np.ones((before + after + 1, 1), np.uint8)
    kind = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    wide = cv2.dilate(_column(values), kernel, anchor=(0, before), borderType=kind, borderValue=beyond or 0.0)
    return np.asarray(wide, values.dtype).reshape(values.shape)


def weighted(values: Reals, weights: NDArray[np.floating]) -> Reals:
    """(n,) or (n, k): for each row the sum of the rows about it by (odd, symmetric) `weights`."""
    if not len(values):
        return values
    column = np.asarray(weights, values.dtype)[:, None]
    soft = cv2.filter2D(_column(values), -1, column, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft, values.dtype).reshape(values.shape)


def _column(values: Reals) -> Reals:
    """As a picture of one pixel, or of k, across."""
    return values.reshape(len(values), -1)
