"""One spoken utterance with its times, apart from the voices so that labelling needs none of their libraries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken phoneme string: `samples` float32 mono 16 kHz; symbol i of `phonemes` ends at `ends[i]` seconds.

    `ends` has one more entry in front, where the first symbol begins.
    """

    voice: str
    language: str
    phonemes: str
    samples: F32
    ends: NDArray[np.float64]
