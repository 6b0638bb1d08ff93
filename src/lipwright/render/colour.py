"""Matching the light of a patch to the picture it is laid into.

The light on a face changes slowly across it and over time, so what tells a patch from its surroundings is a constant
and a gentle slope per channel. Both are fitted by least squares on the ring where patch and picture overlap, in the
frame's own Y, U, V, which needs no colour conversion and works for any matrix and range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_EVERY = 3
"""Every third pixel, both ways, is plenty for nine numbers."""


@dataclass(frozen=True, slots=True)
class Light:
    """What a patch lacks in light.

    Attributes:
        plane: (3, 3) float64; what is added, its change across the patch and down the patch (rows), per channel.
        size: width and height of the patch in pixels.
        step: the mean absolute luma step that it removes.
    """

    plane: F64
    size: tuple[int, int]
    step: float

    def add_to(self, part: F32, corner: tuple[int, int] = (0, 0)) -> None:
        """Add the light, in place, to the (h, w, 3) float32 `part` of the patch whose first pixel is `corner` (x, y).

        The slope is a sum of a row and a column, so the field of it is never made.
        """
        height, width = part.shape[:2]
        across = np.arange(corner[0], corner[0] + width, dtype=np.float64) / self.size[0] - 0.5
        down = np.arange(corner[1], corner[1] + height, dtype=np.float64) / self.size[1] - 0.5
        for channel in range(3):
            start, right, low = self.plane[:, channel]
            part[..., channel] += (start + right * across).astype(np.float32)
            part[..., channel] += (low * down).astype(np.float32)[:, None]


def fit_light(picture: F32, patch: F32, ring: F32) -> Light:
    """The light to add to `patch` so that it meets `picture` (both (h, w, 3)) on the `ring` ((h, w) weights).

    With hardly any ring it is no light at all.
    """
    height, width = ring.shape
    shares = ring[::_EVERY, ::_EVERY].astype(np.float64)
    rows, columns = shares.shape
    shares = shares.ravel()
    if shares.sum() < 12:
        return Light(np.zeros((3, 3)), (width, height), 0.0)
    thin = (slice(None, None, _EVERY), slice(None, None, _EVERY))
    values = np.stack([picture[thin][..., c] - patch[thin][..., c] for c in range(3)]).reshape(3, -1).astype(np.float64)
    # One step of outlier trimming: hair, beard edges and teeth are not light.
    centre = values @ shares / shares.sum()
    off = np.abs(values - centre[:, None])
    spread = np.sqrt(off**2 @ shares / shares.sum()) + 1.0
    shares = shares * (off < 2.0 * spread[:, None]).all(axis=0)
    design = np.empty((3, rows, columns))
    design[0] = 1.0
    design[1] = np.arange(0, width, _EVERY) / width - 0.5
    design[2] = (np.arange(0, height, _EVERY) / height - 0.5)[:, None]
    flat = design.reshape(3, -1)
    weighted = flat * shares
    gram = weighted @ flat.T + np.diag([1e-6, 0.05, 0.05]) * (shares.sum() + 1e-6)
    return Light(np.linalg.solve(gram, weighted @ values.T), (width, height), float(np.abs(centre[0])))


def light_difference(picture: F32, patch: F32, ring: F32) -> tuple[F32, float]:
    """What `fit_light` finds as an (h, w, 3) float32 field, and the mean absolute luma step that it removes."""
    light = fit_light(picture, patch, ring)
    field = np.zeros(patch.shape, np.float32)
    light.add_to(field)
    return field, light.step
