"""The viseme classes and the track of them that drives a mouth.

Fourteen mouth-shape classes after the Oculus/MPEG-4 set; a track gives their probabilities 100 times a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

VISEMES = ("sil", "PP", "FF", "TH", "DD", "SS", "CH", "kk", "RR", "aa", "E", "I", "O", "U")
RATE = 100

Recogniser = Literal["whisper-head", "pocketsphinx", "energy", "silence"]


@dataclass(frozen=True, slots=True)
class VisemeTrack:
    """Viseme probabilities of one piece of audio.

    Attributes:
        probabilities: (n, 14) float32, rows sum to 1; row i covers [i, i + 1) / 100 s.
        speech: (n,) float32 0..1 voice activity; already applied to `probabilities` (silence is class 0).
        confidence: (n,) float32 0..1.
        recogniser: what made it.
    """

    probabilities: NDArray[np.float32]
    speech: NDArray[np.float32]
    confidence: NDArray[np.float32]
    recogniser: Recogniser
