"""What the meters hold the lips against: one piece of speech as openness, silence and the instants of p, b and m.

It comes from a viseme track during a render (the driving model's own reading, so the report says how well the picture
follows what was asked), or from an alignment with known words in an evaluation (another model's reading, so that the
driving model cannot mark its own work).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.quality.meters.closure import bilabial_instants
from lipwright.speech.openness import openness
from lipwright.speech.phones import PP, SIL, Phone, shape_spans
from lipwright.speech.visemes import RATE, VISEMES, VisemeTrack

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SpeechReference:
    """One piece of speech at 100 Hz.

    Attributes:
        openness: (m,) 0..1 how far the speech wants the mouth open; value i stands for (i + 0.5) / 100 s.
        silent: (m,) whether nothing is said in [i, i + 1) / 100 s.
        instants: (k, 2) start and end in seconds of each p, b and m.
        source: what read it, for the report.
    """

    openness: F64
    silent: NDArray[np.bool_]
    instants: F64
    source: str

    @classmethod
    def from_visemes(cls, track: VisemeTrack) -> SpeechReference:
        """The driving model's own reading."""
        probabilities = track.probabilities
        return cls(
            np.asarray(openness(track), dtype=np.float64),
            probabilities[:, SIL] > 0.5,
            bilabial_instants(probabilities[:, PP] > 0.5, RATE),
            track.recogniser,
        )

    @classmethod
    def from_phones(cls, phones: Sequence[Phone], seconds: float) -> SpeechReference:
        """An alignment's reading: every phone wholly what it is, for as long as it lasts."""
        rows = round(seconds * RATE)
        probabilities = np.zeros((rows, len(VISEMES)), dtype=np.float32)
        shape = np.full(rows, SIL)
        for kind, start, end in shape_spans(phones):
            shape[round(start * RATE) : round(end * RATE)] = kind
        probabilities[np.arange(rows), shape] = 1.0
        silent = shape == SIL
        speech = (~silent).astype(np.float32)
        track = VisemeTrack(probabilities, speech, np.ones(rows, dtype=np.float32), "pocketsphinx")
        return cls(
            np.asarray(openness(track), dtype=np.float64),
            silent,
            np.array([(p.start, p.end) for p in phones if p.symbol.rstrip("012").upper() in ("P", "B", "M")]).reshape(
                -1, 2
            ),
            "forced alignment",
        )
