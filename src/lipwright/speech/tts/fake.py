"""A synthesiser without a model, for tests of what uses one.

Every word is a short buzz whose pitch comes from the voice's name, so that two voices differ, the length grows with
the script, and the same call gives the same samples.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from lipwright.progress import Progress
from lipwright.speech.tts.speech import PHASE, RATE, Manner, Samples, Speech, Voice, check_script, join, nothing_to_say

WORD_S = 0.25
GAP_S = 0.05


class FakeSynthesiser:
    """Speaks any script with any voice, at once, in buzzes of 0.25 s with gaps of 0.05 s."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        """The (voice id, script) of every call, in order."""

    def voices(self) -> Sequence[Voice]:
        """Two of the voices it can be asked for."""
        return (_voice("fake-one"), _voice("fake-two"))

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        """One buzz per word."""
        text = check_script(script)
        words = [word for word in text.split() if any(map(str.isalnum, word))]
        if not words:
            raise nothing_to_say(_voice(voice_id))
        self.spoken.append((voice_id, script))
        pitch = 90.0 + zlib.crc32(voice_id.encode()) % 120
        parts: list[Samples] = []
        for done, _ in enumerate(words):
            progress.advance(PHASE, done, len(words), "words")
            parts += [_buzz(pitch), np.zeros(round(GAP_S * RATE), np.float32)]
        return Speech(join(parts), RATE, _voice(voice_id))


def _buzz(pitch: float) -> Samples:
    """A vowel-like tone with harmonics and soft ends."""
    t = np.arange(round(WORD_S * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 6))
    return np.asarray(0.2 * tone * np.sin(np.pi * t / WORD_S), np.float32)


def _voice(voice_id: str) -> Voice:
    return Voice(voice_id, voice_id, "en-US", "", "fake")
