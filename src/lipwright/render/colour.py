"""Matching the light of a patch to the picture it is laid into.

The light on a face changes slowly across it and over time, so what tells a patch from its surroundings is a constant
and a gentle slope per channel. Both are fitted by least squares on the ring where patch and picture overlap, in the
frame's own Y, U, V, which needs no colour conversion and works for any matrix and range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def light_difference(picture: F32, patch: F32, ring: F32) -> tuple[F32, float]:
    """The (h, w, 3) float32 plane to add to `patch` so that it meets `picture` on the `ring` (h, w weights).

    Also returns the mean absolute luma step it removes. With hardly any ring the plane is zero.
    """
    height, width = ring.shape
    # Every third pixel is plenty for nine numbers.
    weights = ring[::3, ::3].astype(np.float64)
    if weights.sum() < 12:
        return np.zeros_like(patch), 0.0
    step = (picture[::3, ::3] - patch[::3, ::3]).astype(np.float64)
    ys, xs = np.mgrid[0:height:3, 0:width:3].astype(np.float64)
    design = np.stack([np.ones_like(xs), xs / width - 0.5, ys / height - 0.5], axis=-1).reshape(-1, 3)
    flat, values = weights.reshape(-1, 1), step.reshape(-1, 3)
    # One step of outlier trimming: hair, beard edges and teeth are not light.
    centre = (flat * values).sum(0) / flat.sum()
    spread = np.sqrt((flat * (values - centre) ** 2).sum(0) / flat.sum()) + 1.0
    flat = flat * (np.abs(values - centre) < 2.0 * spread).all(axis=1, keepdims=True)
    gram = design.T @ (flat * design) + np.diag([1e-6, 0.05, 0.05]) * (flat.sum() + 1e-6)
    plane = np.linalg.solve(gram, design.T @ (flat * values))
    full_y, full_x = np.mgrid[0:height, 0:width].astype(np.float32)
    field = plane[0] + (full_x / width - 0.5)[..., None] * plane[1] + (full_y / height - 0.5)[..., None] * plane[2]
    return field.astype(np.float32), float(np.abs(centre[0]))
