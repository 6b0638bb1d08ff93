"""How likely a mouth is hidden by a hand, a microphone or a cup."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.rows import MOUTH_FEATURES, Rows
from lipwright.faces.source import U8

F32 = NDArray[np.float32]


def mouth_features(crop: U8, local: F32) -> F32:
    """What is kept of the mouth's look on one frame: (MOUTH_FEATURES,) float32."""
    return np.zeros(MOUTH_FEATURES, np.float32)


def covered(rows: Rows) -> F32:
    """(n,) float32 0..1 for the (n,) rows of one track."""
    return np.zeros(len(rows), np.float32)
