"""The proof that nothing outside the mask was touched: every sample of every plane, before encoding.

A chroma sample stands for a cell of several pixels; it may change if the mask reaches any of them, and only then.
Nearly all samples lie outside every box, so these are compared first, in strips, in one pass that stops at nothing and
writes nothing; only where that finds a difference, and inside the boxes, is it looked at sample by sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Plane = NDArray[np.uint8] | NDArray[np.uint16]
Mask = tuple[tuple[int, int, int, int], F32]  # box x0, y0, x1, y1 in luma pixels, alpha of that box


def differing_outside(before: Sequence[Plane], after: Sequence[Plane], masks: Sequence[Mask]) -> int:
    """How many samples, over all planes, differ where no mask allows it.

    Args:
        before: planes Y, U, V of the decoded frame; chroma sizes are luma's over 1 or 2, rounded up.
        after: planes of the frame as it goes to the encoder.
        masks: box and alpha of each edit; none means that everything has to be equal.
    """
    count = 0
    height, width = before[0].shape
    for old, new in zip(before, after, strict=True):
        if old is new:
            continue
        if old.shape != new.shape or old.dtype != new.dtype:
            count += old.size
            continue
        step_y, step_x = -(-height // old.shape[0]), -(-width // old.shape[1])
        cells = [_cells(mask, step_y, step_x) for mask in masks]
        top = min((y for (y, _), _ in cells), default=old.shape[0])
        left = min((x for (_, x), _ in cells), default=old.shape[1])
        bottom = max((y + may.shape[0] for (y, _), may in cells), default=old.shape[0])
        right = max((x + may.shape[1] for (_, x), may in cells), default=old.shape[1])
        rows = slice(top, bottom)
        count += _differing(old[:top], new[:top]) + _differing(old[bottom:], new[bottom:])
        count += _differing(old[rows, :left], new[rows, :left]) + _differing(old[rows, right:], new[rows, right:])
        if cells:
            differs = old[rows, left:right] != new[rows, left:right]
            for (y, x), may in cells:
                differs[y - top : y - top + may.shape[0], x - left : x - left + may.shape[1]] &= ~may
            count += int(np.count_nonzero(differs))
    return count


def _differing(old: Plane, new: Plane) -> int:
    """How many samples differ; quick to say none."""
    if not old.size or cv2.norm(old, new, cv2.NORM_INF) == 0.0:
        return 0
    return int(np.count_nonzero(old != new))


def _cells(mask: Mask, step_y: int, step_x: int) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """Row and column of the first of a plane's samples that a mask's box touches, and which of them it reaches."""
    (x0, y0, _, _), alpha = mask
    reached = alpha > 0
    if step_y == step_x == 1:
        return (y0, x0), reached
    top, left = y0 % step_y, x0 % step_x
    rows, columns = -(-(top + reached.shape[0]) // step_y), -(-(left + reached.shape[1]) // step_x)
    if (rows * step_y, columns * step_x) != reached.shape:
        whole = np.zeros((rows * step_y, columns * step_x), np.bool_)
        whole[top : top + reached.shape[0], left : left + reached.shape[1]] = reached
        reached = whole
    may = reached[::step_y, ::step_x].copy()
    for row in range(step_y):
        for column in range(step_x):
            may |= reached[row::step_y, column::step_x]
    return (y0 // step_y, x0 // step_x), may
