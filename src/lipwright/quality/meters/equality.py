"""The proof that nothing outside the mask was touched: every sample of every plane, before encoding.

A chroma sample stands for a cell of several pixels; it may change if the mask reaches any of them, and only then.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        differs = old != new
        step_y, step_x = -(-height // old.shape[0]), -(-width // old.shape[1])
        for box, alpha in masks:
            ys, xs = np.nonzero(alpha > 0)
            differs[(ys + box[1]) // step_y, (xs + box[0]) // step_x] = False
        count += int(np.count_nonzero(differs))
    return count
