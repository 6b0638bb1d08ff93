"""How far the mouth is open, from viseme probabilities: one smooth curve.

Each class has a typical opening of the lips as a share of the widest; the weighted sum is smoothed to the speed of a
jaw. Bilabials are let through the smoothing: a closure lasts 60 ms or so and a smooth curve alone would never reach
zero, but a `p` with open lips is the fault viewers notice first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.speech import running
from lipwright.speech.phones import PP, SIL
from lipwright.speech.visemes import VisemeTrack

F32 = NDArray[np.float32]

# Inner lip opening per class relative to an open `aa`. Order of `VISEMES`: sil PP FF TH DD SS CH kk RR aa E I O U.
# Ranks follow the aperture order of Jeffers & Barley, "Speechreading" (1971); the values were fitted to nothing.
OPENING = np.array([0.0, 0.0, 0.10, 0.25, 0.30, 0.20, 0.25, 0.35, 0.30, 1.0, 0.65, 0.40, 0.60, 0.25], np.float32)
SMOOTHING = 90  # ms, full width of the raised cosine


def openness(track: VisemeTrack) -> F32:
    """The opening of the mouth: (n,) float32 0..1, one value per 10 ms row of the track, zero in silence."""
    return openness_of(track.probabilities)


def openness_of(probabilities: F32) -> F32:
    """The same from (n, 14) probabilities."""
    if not len(probabilities):
        return np.zeros(0, np.float32)
    raw = probabilities @ OPENING
    width = SMOOTHING // 10
    kernel = np.hanning(width + 2)[1:-1]
    smooth = running.weighted(raw, kernel / kernel.sum())
    # Where a closure is certain, its own (unsmoothed) shape wins.
    closed = np.clip((probabilities[:, PP] + probabilities[:, SIL] - 0.5) * 2.0, 0.0, 1.0)
    return np.asarray(np.clip(smooth * (1.0 - closed) + np.minimum(raw, smooth) * closed, 0.0, 1.0), np.float32)
