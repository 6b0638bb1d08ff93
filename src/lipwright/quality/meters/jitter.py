"""Tremble of the lips: what moves too fast to be speech, against the same in the source.

The tremble of a frame is the distance of its lip points (head's frame) from a parabola fitted to the five frames
around it (Savitzky-Golay): smooth movement of any speed passes, what alternates from frame to frame stays. Fast speech
leaves a rest too, though, so a talking output would look worse than a silent source however steady it is. Frames are
therefore sorted into bands of activity, the slope of the opening after smoothing too wide for tremble to feign, and
output and source are compared band by band: moving lips with moving lips, resting lips with resting lips. Bands that
only one side has are not compared. A source whose mouth never moves is so compared on the output's frames at rest.

The ratio is geometric over bands, weighted by the output's frames. 1 = as steady as real footage read by the same mesh.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_coeffs

from lipwright.quality.report import Reading, Unmeasured

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

BANDS: Final = np.array([0.0, 0.04, 0.1, 0.2, 0.4, 0.8, np.inf])
"""Edges of the bands of activity: outer eye distances per second of lip opening."""

WINDOW: Final = 5
_FEWEST: Final = 8  # frames a band needs on both sides
_FLOOR: Final = 2e-4  # outer eye distances: under it a reading is rounding, not tremble (a repeated frame reads 0)


def tremble(lips: F32) -> F64:
    """(n,) rms distance of each frame's lip points from the smooth course; NaN near the ends and near NaN frames."""
    n = len(lips)
    rest = np.full(n, np.nan)
    if n < WINDOW:
        return rest
    weights = -savgol_coeffs(WINDOW, 2)
    weights[WINDOW // 2] += 1.0
    points = lips.reshape(n, -1).astype(np.float64)
    left = sum(w * points[i : n - WINDOW + 1 + i] for i, w in enumerate(weights))
    half = WINDOW // 2
    rest[half : n - half] = np.sqrt(2.0 * np.mean(np.square(left), axis=1))  # x and y of a point make one distance
    return rest


def activity(openings: F64, times: F64) -> F64:
    """(n,) speed of the opening per second, smoothed over about five frames; NaN near gaps."""
    if len(openings) < WINDOW:
        return np.full(len(openings), np.nan)
    smooth = gaussian_filter1d(openings, 2.0, mode="nearest", truncate=2.0)
    return np.asarray(np.abs(np.gradient(smooth, times)), dtype=np.float64)


def jitter_ratio(output: tuple[F64, F64], source: tuple[F64, F64]) -> Reading:
    """The ratio from (tremble, activity) of the output's frames and of the source's; NaN frames are left out."""
    ratios, weights = [], []
    sorted_output, sorted_source = _by_band(*output), _by_band(*source)
    for mine, theirs in zip(sorted_output, sorted_source, strict=True):
        if len(mine) >= _FEWEST and len(theirs) >= _FEWEST:
            ratios.append(np.log(_level(mine) / _level(theirs)))
            weights.append(len(mine))
    if not ratios:
        return Unmeasured("output and source have no frames of like activity to compare")
    return float(np.exp(np.average(ratios, weights=weights)))


def _by_band(rest: F64, speed: F64) -> list[F64]:
    seen = np.isfinite(rest) & np.isfinite(speed)
    band = np.digitize(speed[seen], BANDS) - 1
    return [rest[seen][band == b] for b in range(len(BANDS) - 1)]


def _level(values: F64) -> float:
    """The middle of a band, robust against a cut or a lost frame."""
    return max(float(np.median(values)), _FLOOR)
