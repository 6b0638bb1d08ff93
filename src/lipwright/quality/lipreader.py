"""Reading the face's points off a finished picture, with the region the source's track had there.

The same region for source and output means that both are read under the same conditions: what differs is the picture.
"""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.mesh import FaceMesh
from lipwright.faces.roi import take_patch
from lipwright.media.picture import Picture

F32 = NDArray[np.float32]

PRESENT = 0.5


class LipReader(Protocol):
    """Anything that finds a face's points in a picture."""

    def __call__(self, picture: Picture, crop: F32) -> F32 | None:
        """(478, 3) points in pixels of the face in `crop` (centre x, y, side, roll), None if no face is there."""
        ...


class MeshReader:
    """The face mesh; each thread that calls it gets its own network."""

    def __init__(self) -> None:
        self._own = threading.local()

    def __call__(self, picture: Picture, crop: F32) -> F32 | None:
        # One look at this very region: no head will have moved on, so hardly any margin is needed.
        patch = take_patch(picture, crop, margin=1.02)
        if patch is None:
            return None
        mesh = getattr(self._own, "mesh", None)
        if mesh is None:
            mesh = self._own.mesh = FaceMesh()
        result = mesh(patch, crop)
        return result.landmarks if result.presence >= PRESENT else None
