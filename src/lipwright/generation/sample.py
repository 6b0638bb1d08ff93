"""The sample source of `lipwright demo`: a portrait under a slow camera move, made at run time.

The portrait is a public-domain NASA photograph that ships in scikit-image; no footage of a person has to be shipped.
The camera drifts and zooms by fractions of a pixel per frame. OpenCV's warps round coordinates to 1/32 pixel, which
makes such a slow move tremble visibly (and adds a tremble of its own to every landmark), so the pictures are resampled
here with exact weights: a move without rotation is separable, and each frame is two sparse matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import cos, pi

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

REACH = 2
"""How many samples to either side the kernel looks."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Where the camera looks: the centre (x, y) and the side of the square it sees, in pixels of the portrait."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True)
class CameraMove:
    """A move from one shot to another and back, eased at both ends, `period` seconds there and back."""

    there: Shot
    back: Shot
    period: Fraction

    def at(self, time: Fraction) -> Shot:
        """The shot at `time` seconds."""
        share = (1.0 - cos(2.0 * pi * float(time / self.period))) / 2.0

        def between(a: float, b: float) -> float:
            return a + (b - a) * share

        return Shot(
            between(self.there.x, self.back.x),
            between(self.there.y, self.back.y),
            between(self.there.side, self.back.side),
        )


def pan_and_zoom(portrait: U8, move: CameraMove, size: int, times: Iterator[Fraction]) -> Iterator[U8]:
    """The (size, size, 3) uint8 RGB picture of `portrait` (h, w, 3) at each of `times`."""
    height, width = portrait.shape[:2]
    source = portrait.astype(np.float32)
    for time in times:
        shot = move.at(time)
        rows = _weights(shot.y - shot.side / 2, shot.side / size, size, height)
        columns = _weights(shot.x - shot.side / 2, shot.side / size, size, width)
        tall = (rows @ source.reshape(height, width * 3)).reshape(size, width, 3)
        across = np.ascontiguousarray(tall.transpose(1, 0, 2)).reshape(width, size * 3)
        picture = (columns @ across).reshape(size, size, 3).transpose(1, 0, 2)
        yield np.ascontiguousarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))


def _weights(start: float, step: float, count: int, length: int) -> sparse.csr_array:
    """(count, length) float32 weights of input samples for output samples of width `step` from `start` on.

    Output sample i is centred at start + (i + 1/2) * step in units of input samples; beyond its edges the input is
    repeated. For steps above 1 the kernel is widened, so that nothing aliases.
    """
    scale = max(1.0, step)
    centres = start + (np.arange(count) + 0.5) * step - 0.5
    taps = np.arange(2 * int(np.ceil(REACH * scale)) + 1)
    index = np.floor(centres - REACH * scale).astype(np.int64)[:, None] + taps
    kernel = _cubic(np.abs(centres[:, None] - index) / scale)
    kernel /= kernel.sum(axis=1, keepdims=True)
    row = np.repeat(np.arange(count), len(taps))
    inside = np.clip(index, 0, length - 1).ravel()
    return sparse.coo_array((kernel.ravel().astype(np.float32), (row, inside)), shape=(count, length)).tocsr()


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel (1981, a = -1/2).

    It reproduces straight slopes exactly, so that a shift by part of a pixel is a shift by just that much. Lanczos
    kernels do not: their shifts are off by up to a fiftieth of a pixel, back and forth as a slow move goes on.
    """
    near = 1.0 + x**2 * (1.5 * x - 2.5)
    far = 2.0 + x * (-4.0 + x * (2.5 - 0.5 * x))
    return np.where(x < 1, near, np.where(x < REACH, far, 0.0))


def room_tone(seconds: float, rate: int, seed: int = 1) -> F32:
    """(n, 2) float32 soft stereo room tone with a faint chord: the original sound that is heard in the gaps."""
    count = round(seconds * rate)
    time = np.arange(count) / rate
    noise = np.random.default_rng(seed).standard_normal((count, 2))
    spectrum = np.fft.rfft(noise, axis=0)
    frequency = np.fft.rfftfreq(count, 1 / rate)
    spectrum *= (1.0 / (1.0 + (frequency / 250.0) ** 2))[:, None]
    tone = np.fft.irfft(spectrum, n=count, axis=0)
    tone *= 0.006 / max(float(np.sqrt(np.mean(tone**2))), 1e-12)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * time / 6.0)
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (146.83, 220.0, 293.66))
    return np.asarray(tone + (0.008 * swell * chord)[:, None], np.float32)
