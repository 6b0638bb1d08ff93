"""The viseme head: encoder features to viseme probabilities, in plain numpy.

A convolution over three encoder frames, a few residual dilated convolutions (about a quarter of a second of context)
and a linear layer with two outputs per 20 ms frame, one for each 10 ms half. Third of a million parameters, stored as
half floats inside the package. `training/` makes it; `docs/viseme-head.md` is its model card.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from lipwright.speech.visemes import VISEMES

F32 = NDArray[np.float32]
FILE = "viseme_head.npz"
EPSILON = 1e-5


@dataclass(frozen=True)
class VisemeHead:
    """Weights of the head; convolutions are (taps, in, out).

    Attributes:
        scale: what encoder features are divided by.
        first: the input convolution and its bias.
        blocks: (weight, bias, dilation) of each residual block.
        last: the output layer (hidden, 28) and its bias.
    """

    scale: float
    first: tuple[F32, F32]
    blocks: tuple[tuple[F32, F32, int], ...]
    last: tuple[F32, F32]

    @property
    def reach(self) -> int:
        """Encoder frames of context on either side that an output depends on."""
        return len(self.first[0]) // 2 + sum(len(w) // 2 * d for w, _, d in self.blocks)

    def __call__(self, features: F32) -> F32:
        """Probabilities of a stretch of sound.

        Args:
            features: (n, 512) float32 encoder features at 50 Hz; beyond either end counts as zeros.

        Returns:
            (2 n, 14) float32 at 100 Hz, rows sum to 1.
        """
        hidden = _gelu(_convolve(features / np.float32(self.scale), self.first[0], 1) + self.first[1])
        for weight, bias, dilation in self.blocks:
            hidden = hidden + _gelu(_convolve(_normalise(hidden), weight, dilation) + bias)
        scores = (hidden @ self.last[0] + self.last[1]).reshape(-1, len(VISEMES))
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


@cache
def shipped_head() -> VisemeHead:
    """The head inside the package."""
    with resources.files("lipwright.speech").joinpath(FILE).open("rb") as file, np.load(file) as z:
        dilations = [int(d) for d in z["dilations"]]
        blocks = tuple(
            (z[f"block{i}_weight"].astype(np.float32), z[f"block{i}_bias"].astype(np.float32), d)
            for i, d in enumerate(dilations)
        )
        return VisemeHead(
            scale=float(z["scale"]),
            first=(z["first_weight"].astype(np.float32), z["first_bias"].astype(np.float32)),
            blocks=blocks,
            last=(z["last_weight"].astype(np.float32), z["last_bias"].astype(np.float32)),
        )


def _convolve(x: F32, weight: F32, dilation: int) -> F32:
    """Centred convolution along the first axis, zeros outside."""
    taps, n = len(weight), len(x)
    out = np.zeros((n, weight.shape[2]), np.float32)
    for tap in range(taps):
        shift = (tap - taps // 2) * dilation
        first, last = max(0, -shift), min(n, n - shift)
        if first < last:
            out[first:last] += x[first + shift : last + shift] @ weight[tap]
    return out


def _normalise(x: F32) -> F32:
    centred = x - x.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON), np.float32)


def _gelu(x: F32) -> F32:
    """Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016)."""
    return np.asarray(0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x))), np.float32)
