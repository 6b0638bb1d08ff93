"""English text to phonemes, with the pronunciation rules that come inside the hibari package (Apache-2.0).

They speak the alphabet that both hibari and Kokoro were trained on. Loading the word lists takes about 0.4 s, so each
accent is loaded at most once per process, when first needed.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Protocol, cast


class Phonemiser(Protocol):
    """Text of one sentence -> phonemes in the alphabet of the neural voices, with punctuation kept."""

    def __call__(self, text: str) -> str: ...


@lru_cache(maxsize=2)
def english(british: bool = False) -> Phonemiser:
    """The phonemiser of American or British English."""
    from hibari.g2p import G2P

    return cast("Phonemiser", G2P(british=british))


def foreign_letters(text: str) -> str:
    """The letters of `text` that are not Latin, which an English voice leaves out."""
    return "".join(c for c in text if c.isalpha() and not unicodedata.name(c, "").startswith(("LATIN", "MODIFIER")))
