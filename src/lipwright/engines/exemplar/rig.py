"""How any mouth moves: displacements of the engine's points for an opening and a change of width.

The subject's own footage says how this subject's mouth moves, but only as far as it was seen moving; a still or a
silent face says nothing at all. The rig is the prior for both: a small analytic model of the lower face. Opening turns
the jaw (the chin follows the lower lip at about half its travel, the jaw line less and less towards the ear) and lifts
the upper lip a little; a change of width moves the corners apart or together and, when narrowing, pushes the lips out.
The proportions were measured on talking faces as regressions of head-space points on lip gap and mouth width: upper
lip -0.17, lower lip +0.80, corners +0.20, chin +0.47, jaw line +0.45 falling to +0.15 at the angle, all per unit gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P

F64 = NDArray[np.float64]

_UPPER, _LOWER, _CORNER, _CHIN, _ANGLE = -0.17, 0.80, 0.20, 0.47, 0.14


def directions(rest: F64) -> tuple[F64, F64]:
    """Displacement of every point per unit of gap and per unit of width, for a (m, 3) closed mouth `rest`.

    Returns two (m, 3) arrays in head space.
    """
    middle = (rest[P.LEFT_CORNER] + rest[P.RIGHT_CORNER]) / 2
    half = abs(rest[P.RIGHT_CORNER, 0] - rest[P.LEFT_CORNER, 0]) / 2
    chin_drop = max(rest[P.CHIN_TIP, 1] - middle[1], 1e-3)
    across = (rest[:, 0] - middle[0]) / half
    below = (rest[:, 1] - middle[1]) / chin_drop
    bow = np.clip(1.0 - across**2, 0.0, None)

    opening = np.zeros_like(rest)
    # Skin: nothing above the nose base, the corners' travel beside the mouth, the chin's travel under it.
    lateral = np.clip(np.abs(across) / 2.2, 0.0, 1.0)
    jaw = _CHIN * (1 - lateral**2) + _ANGLE * lateral**2 * np.clip(2.0 - lateral, 0, 1)
    drop = np.clip(below, 0.0, 1.0) ** 0.7
    opening[:, 1] = jaw * drop
    around = P.AROUND
    lower_side = below[around] > 0.05
    opening[around, 1] = np.where(
        lower_side,
        _CORNER + (_LOWER * 0.86 - _CORNER) * np.sqrt(np.clip(1 - (across[around] / 1.25) ** 2, 0, None)),
        _CORNER * np.clip(np.abs(across[around]), 0, 1) + _UPPER * 0.45 * np.clip(bow[around], 0, 1),
    )
    opening[P.CHIN, 1] = _CHIN + (_LOWER * 0.8 - _CHIN) * np.clip(1.0 - below[P.CHIN], 0, 1) * np.clip(
        bow[P.CHIN], 0, 1
    )
    opening[P.FIXED] = 0.0
    for rows, mid in (
        (P.INNER_LOWER, _LOWER),
        (P.OUTER_LOWER, _LOWER),
        (P.INNER_UPPER, _UPPER),
        (P.OUTER_UPPER, _UPPER * 0.5),
    ):
        opening[rows, 1] = _CORNER + (mid - _CORNER) * np.clip(bow[rows], 0, 1) ** 0.9
    for corner in (P.LEFT_CORNER, P.RIGHT_CORNER, *P.INNER[[0, 10]]):
        opening[corner, 1] = _CORNER
    # The jaw turns about the ears: what goes down also goes back.
    opening[:, 2] = 0.45 * np.clip(opening[:, 1], 0, None)

    widening = np.zeros_like(rest)
    reach = np.exp(-0.5 * ((rest[:, 1] - middle[1]) / (0.75 * half)) ** 2) * np.clip(2.4 - np.abs(across), 0, 1)
    widening[:, 0] = 0.5 * np.clip(across, -1.0, 1.0) * reach
    widening[P.LIPS, 0] = 0.5 * np.clip(across[P.LIPS], -1.0, 1.0)
    # Narrowing pushes the lips towards the camera and fattens them a little.
    widening[P.LIPS, 2] = 0.35 * np.clip(bow[P.LIPS], 0, 1)
    widening[P.OUTER_UPPER, 1] = 0.10 * np.clip(bow[P.OUTER_UPPER], 0, 1)
    widening[P.OUTER_LOWER, 1] = -0.10 * np.clip(bow[P.OUTER_LOWER], 0, 1)
    widening[P.FIXED] = 0.0
    return opening, widening
