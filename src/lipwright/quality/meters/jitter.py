"""Tremble of the lips: what moves too fast and too oddly to be speech, against the same in the source.

The tremble of a frame starts as the distance of its lip points (head's frame) from a parabola fitted to the five frames
around it (Savitzky-Golay): smooth movement of any speed passes, what alternates from frame to frame stays. Fast speech
leaves a rest there too, and a talking output would look worse than a slow or silent source however steady it is. Two
things keep speech out. First, of that rest, what goes along with articulation is taken away: the part that the same
rest of opening, width, upper and lower lip predicts by least squares. Lips that part and close leave little; lips that
shake as a whole, warp, or jump between two shapes are not predicted and stay. Second, frames are sorted into bands of
opening speed, and output and source are compared band by band, moving lips with moving lips and resting lips with
resting lips. Bands that only one side has are not compared, so a source whose mouth never moves is compared on the
output's frames at rest.

Tried on real clips against themselves: playing at double speed reads 1.2-1.4 (2-2.6 without the first step), a shake of
0.004 outer eye distances (half a pixel on a 720p face) 1.4-2.5, halves of one clip 0.7-1.1.

The ratio is geometric over bands, weighted by the output's frames. 1 = as steady as the source read by the same mesh.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import INNER_LIPS, LOWER_OUTER, OUTER_LIPS, UPPER_OUTER
from lipwright.quality.meters.likes import Likes, by_band, compare
from lipwright.quality.meters.lips import LIP_POINTS, opening

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

BANDS: Final = np.array([0.0, 0.05, 0.15, 0.35, 0.7, 1.2, np.inf])
"""Edges of the bands of activity: outer eye distances per second of lip opening."""

WINDOW: Final = 5
_HALF: Final = WINDOW // 2
_FEWEST: Final = 8  # frames a band needs on both sides
_TO_FIT: Final = 60  # frames needed to learn what articulation explains
# Outer eye distances. Real resting lips read 0.0005 to 0.0009, the mesh's own noise on a frozen face about 0.0002; half
# a thousandth is under a tenth of a pixel on a 720p portrait. Below that a ratio would compare noise with noise.
_FLOOR: Final = 5e-4
_LOOPS: Final = (*OUTER_LIPS, *INNER_LIPS)
_UPPER: Final = np.array([_LOOPS.index(p) for p in UPPER_OUTER])
_LOWER: Final = np.array([_LOOPS.index(p) for p in LOWER_OUTER])
_CORNERS: Final = _LOOPS.index(61), _LOOPS.index(291)


def tremble(lips: F32, known: F64 | None = None) -> tuple[F64, F64 | None]:
    """How far each frame's lips are from a smooth course that articulation explains.

    Args:
        lips: (n, 40, 2) normalised lips; NaN where none were read.
        known: what an earlier call on the same face learnt, used if these frames are too few to learn from.

    Returns:
        (n,) rms distance, NaN within two frames of the ends and of NaN frames; and what was learnt, for the next call.
    """
    n = len(lips)
    left = np.full(n, np.nan)
    if n < WINDOW:
        return left, known
    points = lips.reshape(n, -1).astype(np.float64)
    rest, moved = _rough(points), _rough(_articulation(lips))
    whole = np.isfinite(rest).all(axis=1)
    if whole.sum() >= _TO_FIT:
        known = np.asarray(np.linalg.lstsq(moved[whole], rest[whole], rcond=None)[0], dtype=np.float64)
    if known is not None:
        rest = rest - moved @ known
    # x and y of a point make one distance.
    left[_HALF : n - _HALF] = np.sqrt(np.square(rest).sum(axis=1) / LIP_POINTS)
    return left, known


def activity(openings: F64, times: F64) -> F64:
    """(n,) how fast the lips open or close at each frame, per second: the faster of the steps to its neighbours."""
    if len(openings) < 2:
        return np.full(len(openings), np.nan)
    gaps = np.diff(times)
    steps = np.abs(np.diff(openings)) / np.where(gaps > 0, gaps, np.nan)
    return np.asarray(np.maximum(np.append(steps, np.nan), np.insert(steps, 0, np.nan)), dtype=np.float64)


def jitter_sums(output: tuple[F64, F64], source: tuple[F64, F64]) -> Likes:
    """Compare (tremble, activity) of the output's frames with those of the source beneath; NaN frames are left out."""
    return compare(by_band(*output, BANDS), by_band(*source, BANDS), _level, _FEWEST)


def _rough(course: F64) -> F64:
    """(n, k) to (n - 4, k): each value less the parabola through the five around it."""
    # The first row of the pseudo-inverse gives the fitted parabola's value at the middle (Savitzky-Golay).
    weights = -np.linalg.pinv(np.vander(np.arange(WINDOW) - _HALF, 3, increasing=True))[0]
    weights[_HALF] += 1.0
    stop = len(course) - WINDOW + 1
    return np.asarray(sum(w * course[i : stop + i] for i, w in enumerate(weights)), dtype=np.float64)


def _articulation(lips: F32) -> F64:
    """(n, 4) opening, width, height of the upper and of the lower lip: the coarse movements that speech consists of."""
    left, right = _CORNERS
    width = lips[:, right, 0] - lips[:, left, 0]
    heights = [lips[:, lip, 1].mean(axis=1) for lip in (_UPPER, _LOWER)]
    return np.stack([opening(lips), width, *heights], axis=1).astype(np.float64)


def _level(values: F64) -> float:
    """The middle of a band, robust against a cut or a lost frame."""
    return max(float(np.median(values)), _FLOOR)
