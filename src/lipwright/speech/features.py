"""Log-mel spectrogram as the Whisper encoder was trained on, in plain numpy.

Frame i is centred on sample 160 i of 16 kHz sound (10 ms apart, 25 ms Hann windows), 80 triangular bands on Slaney's
mel scale. Any stretch of a long recording can be asked for by itself and comes out as it would from the whole,
because a stretch looks at the samples around it and the sound is mirrored at the true ends only. The last
step, the floor eight decades below the loudest band, is kept apart (`whisper_scale`) as it depends on how much is
looked at.

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 2.2; mel scale of
M. Slaney, "Auditory Toolbox" (1998): linear below 1 kHz, logarithmic above.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

SAMPLE_RATE = 16_000
HOP = 160
WINDOW = 400
BANDS = 80
DYNAMIC_RANGE = 8.0  # decades of power kept below the loudest band


@cache
def mel_bands() -> F32:
    """(80, 201) float32 triangular filters over the bins of a 400-point spectrum, each of equal area (per Hz)."""
    top = _mel(np.array(SAMPLE_RATE / 2))
    edges = _hertz(np.linspace(0.0, float(top), BANDS + 2))
    bins = np.arange(WINDOW // 2 + 1) * (SAMPLE_RATE / WINDOW)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None], np.float32)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(hertz < 1000.0, hertz * 0.015, 15.0 + 27.0 * np.log(np.maximum(hertz, 1.0) / 1000.0) / np.log(6.4))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15.0, mel / 0.015, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


@cache
def _hann() -> F32:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW), np.float32)


def frame_count(samples: int) -> int:
    """How many 10 ms frames cover that many samples (a started frame counts)."""
    return -(-samples // HOP)


def log_mel(samples: F32, first: int = 0, last: int | None = None) -> F32:
    """Log10 mel power of frames [first, last) of a recording.

    Args:
        samples: (n,) float32 mono at 16 kHz, about -1..1.
        first: first frame.
        last: one past the last frame; None for the end of the recording.

    Returns:
        (last - first, 80) float32, not below -10. Frames outside the recording are silence.
    """
    last = frame_count(len(samples)) if last is None else last
    count = last - first
    if count <= 0:
        return np.zeros((0, BANDS), np.float32)
    begin, end = first * HOP - WINDOW // 2, (last - 1) * HOP + WINDOW // 2
    stretch = _mirrored(samples, begin, end)
    frames = np.lib.stride_tricks.sliding_window_view(stretch, WINDOW)[::HOP][:count]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return np.asarray(np.log10(np.maximum(power @ mel_bands().T, 1e-10)), np.float32)


def _mirrored(samples: F32, begin: int, end: int) -> F32:
    """Samples [begin, end), mirrored half a window beyond either end of the recording and silent further out."""
    n = len(samples)
    inside = samples[max(begin, 0) : max(min(end, n), 0)]
    before = min(max(-begin, 0), end - begin)
    after = min(max(end - max(n, begin), 0), end - begin)
    left = np.zeros(before, np.float32)
    right = np.zeros(after, np.float32)
    reach = min(WINDOW // 2, n - 1)
    if before and reach > 0:
        left[max(0, before - reach) :] = samples[1 : 1 + min(before, reach)][::-1]
    if after and reach > 0 and begin < n:
        right[: min(after, reach)] = samples[n - 1 - min(after, reach) : n - 1][::-1]
    return np.concatenate([left, inside, right])


def whisper_scale(log_power: F32, loudest: float) -> F32:
    """Floor log power at 8 decades below `loudest` and bring it to the encoder's range (about -1..2)."""
    return np.asarray((np.maximum(log_power, loudest - DYNAMIC_RANGE) + 4.0) / 4.0, np.float32)
