"""The small English voice that comes inside a Python package (hibari, 8 MB, about 40 times faster than real time).

Only the voice "heart" is used, because it is the one inside the wheel: the package would fetch its others from the
network at first use, and nothing is fetched while a job runs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from lipwright.errors import VoiceNotFound
from lipwright.progress import Progress
from lipwright.speech.tts.english import english, foreign_letters
from lipwright.speech.tts.sentences import pieces, sentences
from lipwright.speech.tts.speech import PHASE, RATE, Manner, Samples, Speech, Voice, check_script, join, nothing_to_say

HEART = Voice("heart", "Heart", "en-US", "female", "hibari")
MAX_PHONEMES = 400


class HibariSynthesiser:
    """Speaks American English with the voice "heart"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    def voices(self) -> Sequence[Voice]:
        """The one voice."""
        return (HEART,)

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        """Speak an English script; the same seed gives the same samples, bit for bit."""
        if voice_id != HEART.id:
            raise VoiceNotFound(f"There is no hibari voice {voice_id!r}; there is 'heart'.", field="provider.voiceId")
        text = check_script(script)
        parts: list[Samples] = []
        generator = np.random.default_rng(manner.seed)
        todo = sentences(text)
        with self._lock:
            model = self._load()
            to_phonemes = english()
            for done, sentence in enumerate(todo):
                progress.advance(PHASE, done, len(todo), "sentences")
                for phonemes in pieces(to_phonemes(sentence), MAX_PHONEMES):
                    parts.append(model.from_ids(model.ids(phonemes), 1.0, generator))
        samples = join(parts)
        if not len(samples):
            raise nothing_to_say(HEART)
        progress.advance(PHASE, len(todo), len(todo), "sentences")
        return Speech(samples, RATE, HEART, left_out(text, HEART))

    def _load(self) -> Any:
        if self._model is None:
            from hibari import Hibari

            self._model = Hibari(voice=HEART.id, threads=1)
        return self._model


def left_out(text: str, voice: Voice) -> tuple[str, ...]:
    """The warning for letters that an English voice cannot read, if there are any."""
    foreign = foreign_letters(text)
    if not foreign:
        return ()
    shown = "".join(dict.fromkeys(foreign))[:10]
    return (f"The voice {voice.id!r} speaks English: {len(foreign)} letters were left out of the script ({shown}).",)
