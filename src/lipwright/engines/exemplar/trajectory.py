"""From viseme probabilities to a lip trajectory: how far open and how wide at every frame.

Opening is the probability-weighted opening of the classes, smoothed over about a syllable's attack as lips are (they
cannot jump), then pulled shut where the sound demands it: p, b, m close the lips fully for at least the frame nearest
to their middle; f, v nearly so; silence brings the mouth to rest over about 120 ms. Width follows rounding (u, o, ch)
and spreading (i, e, s) more slowly, and begins earlier than the sound, as rounding does in speech (Bell-Berti and
Harris, "Anticipatory coarticulation", 1979). The curves are evaluated at each frame's own time, so any rate works.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar.subject import Subject
from lipwright.speech.visemes import RATE, VISEMES, VisemeTrack

F64 = NDArray[np.float64]

# Relative to the subject's full opening and reach, in the order of VISEMES.
# fmt: off
_OPEN = {
    "sil": 0.0, "PP": 0.0, "FF": 0.10, "TH": 0.18, "DD": 0.22, "SS": 0.15, "CH": 0.20,
    "kk": 0.30, "RR": 0.30, "aa": 1.0, "E": 0.62, "I": 0.36, "O": 0.65, "U": 0.32,
}
_WIDE = {
    "sil": 0.0, "PP": 0.0, "FF": 0.1, "TH": 0.1, "DD": 0.1, "SS": 0.45, "CH": -0.55,
    "kk": 0.05, "RR": -0.40, "aa": 0.15, "E": 0.5, "I": 0.8, "O": -0.65, "U": -1.0,
}
# fmt: on
OPEN = np.array([_OPEN[v] for v in VISEMES])
WIDE = np.array([_WIDE[v] for v in VISEMES])
_SIL, _PP, _FF = VISEMES.index("sil"), VISEMES.index("PP"), VISEMES.index("FF")

# Seconds by which lips go ahead of the curves. Against phones aligned by an independent recogniser the lips of real
# speech then read within 10 ms of the sound, those of synthetic voices about 8 ms early.
_LEAD = -0.002

_SMALL = 0.7
_SETTLE = 0.14  # seconds from the last sound to a mouth at rest

# A closure is made where p, b, m is this likely or more: lower, and lips snap shut on what merely might be one (the
# correlation of the opening with aligned phones falls from .88 to .85); higher, and closures are missed in noise.
_PRESS, _PRESSED = 0.60, 0.30


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What the lips do, one entry per frame: `gaps`, `widths` in eye distances; `closed`, `tucked`, `speaking` 0..1."""

    gaps: F64
    widths: F64
    closed: F64
    tucked: F64
    speaking: F64


def trajectory(
    visemes: VisemeTrack | None, times: F64, spacing: F64, subject: Subject, temperature: float
) -> Trajectory:
    """The trajectory at speech `times` (t,) seconds, NaN where the mouth is at rest; `spacing` (t,) to the next frame.

    `temperature` 0..1 scales opening and width by 0.65..1.35.
    """
    count = len(times)
    resting = ~np.isfinite(times)
    if visemes is None or len(visemes.probabilities) == 0 or resting.all():
        zero = np.zeros(count)
        return Trajectory(zero, np.full(count, subject.rest_width), zero, zero, zero)
    probability = np.pad(visemes.probabilities.astype(np.float64), ((RATE, RATE), (0, 0)))
    probability[:RATE, _SIL] = probability[-RATE:, _SIL] = 1.0
    grid = (np.arange(len(probability)) + 0.5) / RATE - 1.0

    speaking = 1.0 - np.clip((_smooth(probability[:, _SIL], 11) - 0.35) / 0.5, 0.0, 1.0)
    # A slit of a few pixels looks shut, to eyes and to face meshes alike: small openings are made a little larger.
    opening = np.minimum(_smooth(probability @ OPEN, 13), 1.0) ** _SMALL * speaking
    wide = _smooth(probability @ WIDE, 19) * speaking
    pressed = np.clip((_smooth(probability[:, _PP], 5) - _PRESS) / _PRESSED, 0.0, 1.0)
    tucked = np.clip((_smooth(probability[:, _FF], 5) - 0.25) / 0.4, 0.0, 1.0)

    at = np.where(resting, 0.0, times + _LEAD)
    closed = _hold(pressed, grid, at, spacing)
    tuck = np.interp(at, grid, tucked)
    # Lips travel into and out of a closure within about 50 ms; the smooth mask keeps neighbours from snapping.
    approach = np.maximum(closed, np.interp(at, grid, _smooth(pressed, 9)) * 0.6)
    amount = 0.65 + 0.7 * float(np.clip(temperature, 0.0, 1.0))
    gaps = np.interp(at, grid, opening) * (1.0 - approach) * (1.0 - 0.6 * tuck) * subject.full_gap * amount
    # Rounding is heard late and seen early.
    spread = np.clip(np.interp(at + 0.02, grid, wide), -1.0, 1.0) * amount
    narrower, wider = subject.width_reach
    widths = subject.rest_width + np.where(spread < 0, spread * narrower, spread * wider) + subject.width_slope * gaps
    near = _settling(resting, spacing)
    gaps = np.where(resting, np.interp(np.arange(count), np.flatnonzero(~resting), gaps[~resting]) * near, gaps)
    widths = np.where(resting, subject.rest_width, widths)
    return Trajectory(
        gaps=gaps,
        widths=widths,
        closed=np.where(resting, 0.0, closed),
        tucked=np.where(resting, 0.0, tuck),
        speaking=np.where(resting, 0.0, np.interp(at, grid, speaking)),
    )


def _settling(resting: NDArray[np.bool_], spacing: F64) -> F64:
    """(t,) for frames at rest: 1 beside a frame that speaks, falling to 0 within `_SETTLE` seconds of it.

    Speech that was cropped in the middle of a vowel would otherwise shut the mouth from one frame to the next.
    """
    at = np.concatenate([[0.0], np.cumsum(spacing[:-1])])
    speaking = at[~resting]
    after = np.searchsorted(speaking, at)
    before = np.abs(at - speaking[np.maximum(after - 1, 0)])
    behind = np.abs(speaking[np.minimum(after, len(speaking) - 1)] - at)
    amount = np.clip(1.0 - np.minimum(before, behind) / _SETTLE, 0.0, 1.0)
    return np.asarray(amount * amount * (3.0 - 2.0 * amount))


def _smooth(curve: F64, size: int) -> F64:
    """`curve` under a Hann window of `size` hundredths of a second, edges held."""
    window = np.hanning(size + 2)[1:-1]
    return np.convolve(np.pad(curve, size // 2, mode="edge"), window / window.sum(), mode="valid")


def _hold(pressed: F64, grid: F64, at: F64, spacing: F64) -> F64:
    """(t,) the strongest closure within half a frame of each time, so that no closure falls between two frames."""
    value = np.interp(at, grid, pressed)
    half = np.clip(spacing, 0.005, 0.05) / 2
    for step in np.linspace(-1.0, 1.0, 5):
        value = np.maximum(value, np.interp(at + step * half, grid, pressed))
    return value
