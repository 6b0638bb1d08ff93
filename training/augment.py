"""Making clean synthetic speech sound like the world: other throats, rooms, microphones, noise.

Everything is done to the sound with its labels beside it. Only `other_throat` moves time, and moves the labels with it;
rooms and filters keep the direct sound where it was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

F32 = NDArray[np.float32]
Labels = NDArray[np.int8]
RATE = 16_000


def other_throat(samples: F32, labels: Labels, rng: np.random.Generator) -> tuple[F32, Labels]:
    """Play faster or slower (0.8 to 1.25 times): pitch, formants and tempo move together."""
    percent = int(rng.integers(80, 126))
    moved = resample_poly(samples, 100, percent).astype(np.float32)
    n = -(-len(moved) // 160)
    source = ((np.arange(n) + 0.5) * percent / 100).astype(int)
    return moved, labels[np.clip(source, 0, len(labels) - 1)]


def room(samples: F32, rng: np.random.Generator) -> F32:
    """A direct sound and a decaying tail, 0.1 to 0.6 s."""
    seconds = rng.uniform(0.1, 0.6)
    time = np.arange(int(RATE * seconds)) / RATE
    tail = rng.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    tail[: int(0.002 * RATE)] = 0
    tail *= 10 ** (-rng.uniform(0, 14) / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return np.asarray(fftconvolve(samples, tail)[: len(samples)], np.float32)


def microphone(samples: F32, rng: np.random.Generator) -> F32:
    """Spectral tilt, and sometimes a narrow band (telephone, cheap microphone) or a hard limit."""
    out = lfilter([1.0, rng.uniform(-0.7, 0.7)], [1.0], samples)
    kind = rng.random()
    if kind < 0.12:
        out = telephone(out)
    elif kind < 0.3:
        out = sosfilt(butter(3, rng.uniform(2500, 7000), fs=RATE, output="sos"), out)
    elif kind < 0.45:
        out = sosfilt(butter(2, rng.uniform(80, 300), "high", fs=RATE, output="sos"), out)
    if rng.random() < 0.08:
        limit = np.percentile(np.abs(out), rng.uniform(97, 99.7)) + 1e-6
        out = np.clip(out, -limit, limit)
    return np.asarray(out, np.float32)


def telephone(samples: F32) -> F32:
    """The band of a telephone line, 300 to 3400 Hz."""
    return np.asarray(sosfilt(butter(4, [300, 3400], "band", fs=RATE, output="sos"), samples), np.float32)


def unit(background: NDArray[np.floating]) -> F32:
    """A background brought to unit power."""
    return np.asarray(background / np.sqrt((background**2).mean() + 1e-12), np.float32)


def noise(n: int, rng: np.random.Generator, babble: F32 | None = None) -> F32:
    """`n` samples of background of unit power: hiss, rumble, hum, made-up music, breaths, clicks or `babble`."""
    kind = rng.choice(["white", "pink", "brown", "hum", "music", "breath", "clicks", "babble"])
    white = rng.standard_normal(n)
    time = np.arange(n) / RATE
    if kind == "pink":
        out = lfilter([0.05, -0.096, 0.0506, -0.0044], [1, -2.495, 2.0172, -0.5222], white)
    elif kind == "brown":
        out = lfilter([1.0], [1.0, -0.98], white)
    elif kind == "hum":
        base = rng.choice([50.0, 60.0])
        out = sum(np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5)) + 0.1 * white
    elif kind == "music":
        out = _music(n, rng)
    elif kind == "breath":
        envelope = np.maximum(0, np.sin(2 * np.pi * time / rng.uniform(1.5, 4) + rng.uniform(0, 6))) ** 3
        band = butter(2, [rng.uniform(300, 900), rng.uniform(2500, 6500)], "band", fs=RATE, output="sos")
        out = sosfilt(band, white) * envelope + 0.02 * white
    elif kind == "clicks":
        out = 0.02 * white
        for at in rng.integers(0, n, max(1, n // 8000)):
            length = int(rng.integers(40, 400))
            burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 4))
            out[at : at + length] += burst[: n - at]
    elif kind == "babble" and babble is not None and len(babble) > 1:
        out = np.roll(np.resize(babble, n), int(rng.integers(n)))
    else:
        out = white
    return unit(out)


def _music(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Chords of plucked harmonics with a beat."""
    out = np.zeros(n)
    step = int(RATE * rng.uniform(0.2, 0.6))
    root = rng.uniform(80, 300)
    for start in range(0, n, step):
        length = min(n - start, step * 3)
        time = np.arange(length) / RATE
        for interval in rng.choice([0, 3, 4, 5, 7, 9, 12, 16], 3):
            pitch = root * 2 ** (interval / 12)
            for harmonic in range(1, 6):
                fade = np.exp(-time * rng.uniform(1, 6))
                out[start : start + length] += np.sin(2 * np.pi * pitch * harmonic * time) * fade / harmonic**1.3
        if rng.random() < 0.7:
            hit = min(n - start, 1600)
            out[start : start + hit] += rng.standard_normal(hit) * np.exp(-np.arange(hit) / 200)
    return out


def mix(samples: F32, background: F32, snr: float) -> F32:
    """Add a background of unit power `snr` dB below the speech."""
    loud = float(np.sqrt((samples**2).mean())) + 1e-5
    return np.asarray(samples + background * (loud * 10 ** (-snr / 20)), np.float32)
