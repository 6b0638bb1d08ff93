"""How late the lips are after the sound, and how well they follow it.

The lip opening read off the output is correlated with the openness that the speech asks for, at every lag of +-500 ms
in steps of 10 ms; the peak is placed between steps by a parabola, so that the figure is finer than a frame. Frames are
used at their own timestamps (a lag moves the smooth 100 Hz speech curve, not the frames), so variable frame rates and
missing frames need no resampling.

A correlation of slow curves is easily large by chance. So the same search runs on shuffles of the same speech (half
seconds of it in another order), and an offset is only reported where the real correlation stands above 0.3 and above
what 95 % of the shuffles reach, and where no other lag, 0.2 s or more away, does about as well (within the standard
error of a correlation, counting four independent values a second, about one per syllable).

`SyncSums` are sufficient statistics per lag and simply add up, so that the figures of several segments with different
audio, or of hours of video, need no concatenation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.quality.report import Reading, Unmeasured
from lipwright.speech.visemes import RATE

F64 = NDArray[np.float64]

LAGS_MS: Final = np.arange(-500, 501, 10)
"""Lags tried: + means that the lips come after the sound."""

SHUFFLES: Final = 40
_BLOCK: Final = RATE // 2  # half a second: longer than a syllable, shorter than a phrase
_LEAST: Final = 0.3  # under this the peak's place is as much noise as sync, however long the clip
_SYLLABLES: Final = 4.0  # independent values a second
_RIVAL_STEPS: Final = 20  # of 10 ms: peaks nearer than this are the same peak
_FEWEST: Final = 12  # frames; under half a second of picture a correlation says nothing


@dataclass(frozen=True, slots=True)
class SyncSums:
    """Sums over frames of lip opening x and, per lag, of the speech's openness y; row 0 is real, the rest shuffled."""

    n: int
    seconds: float
    x: float
    xx: float
    y: F64
    yy: F64
    xy: F64

    def __add__(self, other: SyncSums) -> SyncSums:
        return SyncSums(
            self.n + other.n,
            self.seconds + other.seconds,
            self.x + other.x,
            self.xx + other.xx,
            self.y + other.y,
            self.yy + other.yy,
            self.xy + other.xy,
        )

    def correlations(self) -> F64:
        """(1 + SHUFFLES, lags) Pearson correlation; 0 where either side does not vary."""
        if self.n == 0:
            return np.zeros_like(self.y)
        covariance = self.xy - self.x * self.y / self.n
        spread = (self.xx - self.x**2 / self.n) * (self.yy - self.y**2 / self.n)
        flat = spread <= 1e-12 * max(self.n, 1) ** 2
        return np.asarray(np.where(flat, 0.0, covariance / np.sqrt(np.where(flat, 1.0, spread))), dtype=np.float64)


def no_sums() -> SyncSums:
    """The sums over no frame."""
    empty = np.zeros((1 + SHUFFLES, len(LAGS_MS)))
    return SyncSums(0, 0.0, 0.0, 0.0, empty, empty, empty)


def sync_sums(times: F64, openings: F64, curve: F64, start: float, stop: float, seed: int = 0) -> SyncSums:
    """The sums of one stretch of frames that one piece of audio drives.

    Args:
        times: (n,) seconds in that audio at which each frame is shown.
        openings: (n,) lip opening read off the output; NaN frames are left out.
        curve: (m,) openness of the audio, 0..1; value i stands for (i + 0.5) / 100 s.
        start: where in the audio the part that is heard begins, seconds.
        stop: where it ends. Outside, the speech is silent: openness 0.
        seed: of the shuffles; the same seed gives the same figure.
    """
    seen = np.isfinite(openings)
    times, x = times[seen], openings[seen].astype(np.float64)
    if len(x) == 0:
        return no_sums()
    # 20 s of slack on both sides of the crop would be waste: the longest lag is half a second.
    first, last = round(start * RATE), max(round(stop * RATE), round(start * RATE))
    heard = np.zeros(last - first)
    inside = slice(max(first, 0), min(last, len(curve)))
    heard[inside.start - first : max(inside.stop, inside.start) - first] = curve[inside]
    rng = np.random.default_rng(seed)
    rows = np.stack([heard, *(_shuffled(heard, rng) for _ in range(SHUFFLES))])
    rows = np.pad(rows, ((0, 0), (1, 1)))  # silence outside; np.clip below sends every time outside to these
    y, yy, xy = (np.zeros((len(rows), len(LAGS_MS))) for _ in range(3))
    for k, lag in enumerate(LAGS_MS):
        at = np.clip((times - lag / 1000.0) * RATE - 0.5 - first + 1.0, 0.0, rows.shape[1] - 1.0)
        low = np.minimum(at.astype(np.intp), rows.shape[1] - 2)
        part = at - low
        values = rows[:, low] * (1.0 - part) + rows[:, low + 1] * part
        y[:, k], yy[:, k], xy[:, k] = values.sum(axis=1), np.square(values).sum(axis=1), values @ x
    return SyncSums(len(x), float(times[-1] - times[0]), float(x.sum()), float(x @ x), y, yy, xy)


def sync_readings(sums: SyncSums) -> dict[str, Reading]:
    """The four figures av_offset_ms, av_correlation, av_correlation_at_zero and av_correlation_shuffled."""
    names = ("av_offset_ms", "av_correlation", "av_correlation_at_zero", "av_correlation_shuffled")
    if sums.n < _FEWEST:
        return dict.fromkeys(names, Unmeasured(f"only {sums.n} frames show lips driven by speech"))
    table = sums.correlations()
    real, chance = table[0], float(np.percentile(table[1:].max(axis=1), 95))
    if not real.any():
        return dict.fromkeys(names, Unmeasured("the lips or the speech do not vary"))
    peak = int(real.argmax())
    readings: dict[str, Reading] = {
        "av_correlation": float(real[peak]),
        "av_correlation_at_zero": float(real[len(LAGS_MS) // 2]),
        "av_correlation_shuffled": chance,
    }
    if real[peak] <= max(chance, _LEAST):
        readings["av_offset_ms"] = Unmeasured("the lips follow the speech too little, or no better than chance")
    elif peak in (0, len(LAGS_MS) - 1):
        readings["av_offset_ms"] = Unmeasured("the lips follow the speech best beyond half a second")
    elif _has_rival(real, peak, sums.seconds):
        readings["av_offset_ms"] = Unmeasured(
            "several offsets fit about equally well; there is too little speech to tell"
        )
    else:
        before, at, after = real[peak - 1 : peak + 2]
        shift = 0.5 * (before - after) / min(before - 2 * at + after, -1e-12)
        readings["av_offset_ms"] = float(LAGS_MS[peak] + 10.0 * np.clip(shift, -0.5, 0.5))
    return readings


def _has_rival(correlations: F64, peak: int, seconds: float) -> bool:
    """Whether another peak comes so close to the best that chance may have decided between them."""
    best = correlations[peak]
    margin = (1.0 - best**2) / np.sqrt(max(_SYLLABLES * seconds, 1.0))
    inner = correlations[1:-1]
    peaks = np.flatnonzero((inner >= correlations[:-2]) & (inner >= correlations[2:])) + 1
    return bool((correlations[peaks[np.abs(peaks - peak) >= _RIVAL_STEPS]] > best - margin).any())


def _shuffled(curve: F64, rng: np.random.Generator) -> F64:
    """`curve` in blocks of half a second put in another order, turned by a random part of a block."""
    turned = np.roll(curve, int(rng.integers(0, max(len(curve), 1))))
    blocks = np.array_split(turned, max(len(curve) // _BLOCK, 1))
    return np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
