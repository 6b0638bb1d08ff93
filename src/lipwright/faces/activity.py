"""Who is talking: each face's lip movement held against the sound.

Two things tell a talker from a listener. The lips open when the sound calls for it: the opening is correlated with the
openness expected from the visemes heard, over a few lags, as real footage is seldom in sync to the frame. And they move
at all: a listener's mouth may drift in step with the sound by chance, but it moves far less than a talker's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.faces import topology
from lipwright.faces.track import FaceTrack

F64 = NDArray[np.float64]

MIN_SCORE: Final = 0.22
MIN_MARGIN: Final = 0.06

_LAGS: Final = np.arange(-0.16, 0.161, 0.02)
_STEP: Final = 0.02
_SMOOTH: Final = 0.045
_BUSY: Final = 0.25


@dataclass(frozen=True, slots=True)
class OriginalSound:
    """The source's own sound on the source's timeline.

    Attributes:
        openness: (n,) float32 0..1 how open the speech heard would have a mouth.
        speech: (n,) float32 0..1 voice activity.
        rate: values per second.
    """

    openness: NDArray[np.float32]
    speech: NDArray[np.float32]
    rate: float = 100.0


def lip_opening(track: FaceTrack, rows: NDArray[np.int64]) -> F64:
    """(k,) inner lip gap over the distance of the outer eye corners: free of size, roll, and how wide the mouth is."""
    upper, lower = np.array(topology.UPPER_INNER[2:7]), np.array(topology.LOWER_INNER[2:7])
    points = track.landmarks(rows).astype(np.float64)
    gap = np.linalg.norm(points[:, upper] - points[:, lower], axis=-1).mean(axis=1)
    eyes = points[:, topology.EYE_OUTER_LEFT] - points[:, topology.EYE_OUTER_RIGHT]
    return np.asarray(gap / np.maximum(np.linalg.norm(eyes, axis=-1), 1e-6), dtype=np.float64)


def talking_scores(shown: Sequence[tuple[FaceTrack, NDArray[np.int64]]], sound: OriginalSound, times: F64) -> F64:
    """(k,) scores 0..1 for k tracks on their rows: how likely each is the one heard.

    `times`: (n,) seconds by source frame. A score is the correlation of lip opening with the sound, weighed by how much
    the lips move in speech compared with the liveliest face's.
    """
    curves = [_curve(track, rows, times) for track, rows in shown]
    correlation = np.array([_correlation(c, sound) for c in curves])
    motion = np.array([_motion(c, sound) for c in curves])
    liveliest = max(float(motion.max(initial=0.0)), 1e-9)
    return np.asarray(np.clip(correlation, 0.0, 1.0) * np.sqrt(motion / liveliest), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Lip opening of one face on an even grid of times (seconds); NaN where it is not shown."""

    times: F64
    opening: F64


def _curve(track: FaceTrack, rows: NDArray[np.int64], times: F64) -> _Curve:
    seen = rows[~track.interpolated[rows]]
    rows = seen if len(seen) >= 2 else rows
    at = times[track.frames[rows]]
    opening = lip_opening(track, rows)
    grid = np.arange(at[0], at[-1] + _STEP / 2, _STEP)
    values = np.interp(grid, at, opening)
    if len(at) > 1:
        # Nothing is known inside holes of the track.
        step = 3 * float(np.median(np.diff(at)))
        after = np.clip(np.searchsorted(at, grid), 1, len(at) - 1)
        values[(at[after] - at[after - 1]) > step] = np.nan
    return _Curve(grid, _smooth(values))


def _smooth(values: F64) -> F64:
    """Gaussian smoothing by `_SMOOTH` seconds that skips NaN."""
    reach = int(np.ceil(3 * _SMOOTH / _STEP))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _STEP / _SMOOTH) ** 2)
    known = ~np.isnan(values)
    weight = np.convolve(known.astype(np.float64), kernel, "full")[reach : reach + len(values)]
    total = np.convolve(np.where(known, values, 0.0), kernel, "full")[reach : reach + len(values)]
    return np.where(known, total / np.maximum(weight, 1e-9), np.nan)


def _at(values: NDArray[np.float32], rate: float, times: F64) -> F64:
    """Values of a sound curve at `times`; 0 outside it. Value i stands for the middle of its slot."""
    centres = (np.arange(len(values)) + 0.5) / rate
    return np.interp(times, centres, values, left=0.0, right=0.0) if len(values) else np.zeros(len(times))


def _correlation(curve: _Curve, sound: OriginalSound) -> float:
    """The best Pearson correlation of opening with the sound's openness over the lags."""
    known = ~np.isnan(curve.opening)
    if known.sum() < 12 or float(np.std(curve.opening[known])) < 1e-4:
        return 0.0
    opening = curve.opening[known] - curve.opening[known].mean()
    best = 0.0
    for lag in _LAGS:
        heard = _smooth(_at(sound.openness, sound.rate, curve.times + lag))[known]
        heard = heard - heard.mean()
        scale = float(np.sqrt((heard**2).sum() * (opening**2).sum()))
        if scale > 1e-9:
            best = max(best, float((heard * opening).sum()) / scale)
    return best


def _motion(curve: _Curve, sound: OriginalSound) -> float:
    """Mean speed of the opening (per second) while there is speech, saturating so that one shout does not win."""
    speed = np.abs(np.gradient(curve.opening, _STEP)) if len(curve.opening) > 1 else np.zeros(1)
    speaking = _at(sound.speech, sound.rate, curve.times) > 0.5
    chosen = speaking & ~np.isnan(speed)
    if chosen.sum() < 5:
        chosen = ~np.isnan(speed)
    return float(np.tanh(speed[chosen] / _BUSY).mean()) if chosen.any() else 0.0
