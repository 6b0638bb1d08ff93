"""Sound like music and like speech, and AAC files of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def music(rate: int, layout: str, seconds: float, seed: int = 0) -> Samples:
    """Plucked notes with overtones and a click on every second beat: (n, channels) float32."""
    rng = np.random.default_rng(seed)
    count = round(rate * seconds)
    sound = np.zeros(count)
    for beat, at in enumerate(range(0, count, round(rate * 0.31))):
        time = np.arange(min(count - at, rate)) / rate
        pitch = 220 * 2 ** (rng.integers(0, 24) / 12)
        swell = 0.12 * np.minimum(time / 0.004, 1) * np.exp(-4 * time)
        sound[at : at + len(time)] += swell * sum(np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 9))
        if beat % 2:
            sound[at : at + len(time)] += 0.1 * np.exp(-60 * time) * rng.standard_normal(len(time))
    return _spread(sound, rate, layout)


def speech(rate: int, layout: str, seconds: float, seed: int = 0) -> Samples:
    """A voice-like buzz in syllables with hisses between them: (n, channels) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(110 + 20 * np.sin(2 * np.pi * 0.7 * time + seed)) / rate
    buzz = sum(np.sin(phase * h) / h**1.2 for h in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time + seed) + 0.3, 0, 1)
    hiss = rng.standard_normal(len(time)) * np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1)
    return _spread(0.15 * buzz * syllables + 0.03 * hiss, rate, layout)


def make_aac(path: Path, samples: Samples, rate: int, bit_rate: int, **options: str) -> Path:
    """Write (n, channels) as FFmpeg's AAC; the container is told by the suffix.

    Without noise substitution, unless asked for: it makes every decoder invent its own noise.
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(str(path), "w") as container:
        track = container.add_stream(
            "aac", rate=rate, layout=layout, format="fltp", options={"aac_pns": "0", **options}
        )
        track.codec_context.bit_rate = bit_rate
        for at in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[at : at + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def _spread(sound: NDArray[np.float64], rate: int, layout: str) -> Samples:
    """`sound` in every channel at its own level, with a hum of its own."""
    time = np.arange(len(sound)) / rate
    channels = av.AudioLayout(layout).nb_channels
    return np.stack(
        [sound * (1 - 0.2 * c) + 0.02 * np.sin(2 * np.pi * (300 + 90 * c) * time) for c in range(channels)], -1
    ).astype(np.float32)
