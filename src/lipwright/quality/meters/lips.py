"""Lip points in the head's own frame, and how far the lips are open there.

Every meter of movement needs the lips without the head's own motion: a nod moves each lip point by more than an /m/
does. So each frame's points are laid onto one reference shape of points that speech does not move (eye corners, nose,
forehead, temples) by the best similarity in 3-D (Umeyama 1991), which also takes out distance and turning; a 2-D fit
would read a turning head as a closing mouth. The unit is the distance between the outer eye corners, not the mouth's
width, which itself changes with every vowel.

Source and output are laid onto the same reference, so their figures can be compared.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import EYE_OUTER_LEFT, EYE_OUTER_RIGHT, INNER_LIPS, LIPS, LOWER_INNER, STABLE, UPPER_INNER

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

LIP_POINTS: Final = len(LIPS)
_STABLE: Final = np.array(STABLE)
_LIPS: Final = np.array(LIPS)
_PLACE: Final = {point: place for place, point in enumerate(LIPS)}
_UPPER: Final = np.array([_PLACE[p] for p in UPPER_INNER[2:7]])
_LOWER: Final = np.array([_PLACE[p] for p in LOWER_INNER[2:7]])
assert set(INNER_LIPS) <= set(_PLACE), "the opening is read from inner lip points"


def head_reference(landmarks: F32, rotations: F32) -> F64:
    """The subject's own stable points, frontal: (k, 3), centred, outer eye corners 1 apart.

    Args:
        landmarks: (n, 478, 3) pixels, n >= 1; a few dozen rows spread over the track are plenty.
        rotations: (n, 3, 3) head rotation, canonical to camera, of the same rows.
    """
    points = landmarks.astype(np.float64)
    scale = np.linalg.norm(points[:, EYE_OUTER_LEFT] - points[:, EYE_OUTER_RIGHT], axis=-1)
    stable = points[:, _STABLE] - points[:, _STABLE].mean(axis=1, keepdims=True)
    frontal = np.einsum("nij,nki->nkj", rotations.astype(np.float64), stable) / np.maximum(scale, 1e-6)[:, None, None]
    shape = np.median(frontal, axis=0)
    return np.asarray(shape - shape.mean(axis=0), dtype=np.float64)


def normalise(landmarks: F32, reference: F64) -> F32:
    """The 40 lip points (outer loop, then inner) of each frame in the head's frame.

    Args:
        landmarks: (n, 478, 3) pixels.
        reference: what `head_reference` gave.

    Returns:
        (n, 40, 2) float32, x to the right and y down on the frontal face, in distances of the outer eye corners.
    """
    points = landmarks.astype(np.float64)
    stable = points[:, _STABLE]
    centre = stable.mean(axis=1, keepdims=True)
    stable = stable - centre
    u, s, vt = np.linalg.svd(np.einsum("nki,kj->nij", stable, reference))
    flip = np.ones_like(s)
    flip[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = np.einsum("nij,nj,njk->nik", u, flip, vt)
    scale = (s * flip).sum(axis=1) / np.maximum(np.einsum("nki,nki->n", stable, stable), 1e-12)
    lips = np.einsum("nki,nij->nkj", points[:, _LIPS] - centre, rotation) * scale[:, None, None]
    return np.ascontiguousarray(lips[..., :2], dtype=np.float32)


def opening(lips: F32) -> F32:
    """(n, 40, 2) normalised lips to (n,) gap between the inner lips: about 0 closed, 0.3 wide open.

    The mean over the middle five of the nine inner pairs, which is steadier than the one pair in the middle.
    """
    return np.asarray((lips[:, _LOWER, 1] - lips[:, _UPPER, 1]).mean(axis=1), dtype=np.float32)
