"""Visemes without the neural encoder: from pocketsphinx phones, or from nothing but loudness.

Both are poorer than the head (the phones are US English ones; loudness knows no closures but silence) and both say so
in their confidence. They exist so that a missing or broken model file costs quality, not the job.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.progress import Progress
from lipwright.speech import running
from lipwright.speech.features import HOP, frame_count, log_mel
from lipwright.speech.phones import CLASS, SIL, shape_spans
from lipwright.speech.pocket import recognise_phones
from lipwright.speech.visemes import VISEMES

F32 = NDArray[np.float32]

POCKET_CONFIDENCE = 0.45
ENERGY_CONFIDENCE = 0.15
SPEECH_RANGE = 30.0  # dB between the loud parts of speech and a shut mouth


def pocketsphinx_visemes(samples: F32, progress: Progress | None = None) -> F32:
    """(ceil(n / 160), 14) float32 probabilities from recognised phones, softened by 50 ms."""
    rows = frame_count(len(samples))
    probabilities = np.zeros((rows, len(VISEMES)), np.float32)
    for shape, start, end in shape_spans(recognise_phones(samples, progress)):
        probabilities[round(start * 100) : round(end * 100), shape] = 1.0
    probabilities[probabilities.sum(1) == 0, SIL] = 1.0
    kernel = np.array([0.1, 0.2, 0.4, 0.2, 0.1], np.float32)
    soft = running.weighted(probabilities, kernel)
    return np.asarray(soft / soft.sum(1, keepdims=True), np.float32)


def energy_visemes(samples: F32, level: F32) -> F32:
    """(len(level), 14) float32: open as far as it is loud, teeth together where the sound is all hiss."""
    loud = _loudness(level)
    hiss = np.zeros(len(level), np.float32)
    for first in range(0, len(level), 6000):
        last = min(first + 6000, len(level))
        hiss[first:last] = _hiss(samples, first, last)
    probabilities = np.zeros((len(level), len(VISEMES)), np.float32)
    probabilities[:, CLASS["aa"]] = loud**2 * (1 - hiss)
    probabilities[:, CLASS["E"]] = loud * (1 - loud) * (1 - hiss)
    probabilities[:, CLASS["SS"]] = loud * hiss
    probabilities[:, SIL] = 1 - probabilities.sum(1)
    return probabilities


def _loudness(level: F32) -> F32:
    """0..1: the level within `SPEECH_RANGE` of the loud parts within a few seconds."""
    smooth = running.mean(level, 5)
    loudest = running.mean(running.highest(smooth, 200, 199), 200)
    return np.asarray(np.clip(1 + (smooth - np.maximum(loudest, -50)) / SPEECH_RANGE, 0, 1), np.float32)


def _hiss(samples: F32, first: int, last: int) -> F32:
    """0..1: share of the power of each row above about 3 kHz."""
    power = 10 ** log_mel(samples[: last * HOP + HOP], first, last)
    return np.asarray(power[:, 55:].sum(1) / power.sum(1), np.float32)
