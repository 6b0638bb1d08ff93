"""The spoken corpus: plans who says what, synthesises it once and keeps it on disk.

Rounds go over all voices before any voice speaks twice, so a corpus cut short is still balanced. Each utterance is a
small file of its own, named by its place in the plan: an interrupted run continues where it stopped, and the plan
depends on the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

from training.prompts import dictionary_words, english, syllables
from training.utterance import Utterance
from training.voices import HELD_OUT, KOKORO_VOICES, LANGUAGE_OF, HibariVoice, KokoroVoices


def _save(path: Path, spoken: Utterance) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        voice=spoken.voice,
        language=spoken.language,
        phonemes=spoken.phonemes,
        samples=spoken.samples.astype(np.float16),
        ends=spoken.ends,
    )
    part.replace(path)


def load(path: Path) -> Utterance:
    """Read one utterance of the corpus."""
    with np.load(path) as z:
        samples = z["samples"].astype(np.float32)
        return Utterance(str(z["voice"]), str(z["language"]), str(z["phonemes"]), samples, z["ends"])


def _prompt(language: str, rng: Random, english_voice: HibariVoice) -> str:
    if language != "en":
        return syllables(language, rng)
    if rng.random() < 0.35:
        return dictionary_words(rng, english_voice.lexicon)
    return english_voice.phonemize(english(rng))


def synthesise_kokoro(
    folder: Path, kokoro: KokoroVoices, english_voice: HibariVoice, minutes: float, seed: int
) -> Iterator[tuple[str, float]]:
    """Speak `minutes` of training audio by every voice in turn, and four held-out utterances per held-out voice.

    Yields (file name, seconds so far) as it goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spoken = 0.0
    for turn in range(1000):
        for voice in KOKORO_VOICES:
            test = voice in HELD_OUT
            if test and turn >= 4:
                continue
            if not test and spoken > minutes * 60:
                return
            rng = Random(f"{seed}/{voice}/{turn}")
            prompt = _prompt(LANGUAGE_OF[voice[0]], rng, english_voice)
            path = folder / f"{'test' if test else 'train'}-{turn:03d}-{voice}.npz"
            if not path.exists():
                made = kokoro.speak(prompt, voice, rng.uniform(0.85, 1.2))
                if made is None:
                    continue
                _save(path, made)
            with np.load(path) as z:
                spoken += 0.0 if test else len(z["samples"]) / 16_000
            yield path.name, spoken


def synthesise_hibari(folder: Path, voice: HibariVoice, minutes: float, seed: int) -> None:
    """Speak `minutes` of English by the embedded voice."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds, turn = 0.0, 0
    while seconds < minutes * 60:
        path = folder / f"train-{turn:03d}-hibari.npz"
        rng = Random(f"{seed}/hibari/{turn}")
        turn += 1
        prompt = _prompt("en", rng, voice)
        if not path.exists():
            made = voice.speak(prompt, "hibari", rng.uniform(0.75, 1.3))
            if made is None:
                continue
            _save(path, made)
        with np.load(path) as z:
            seconds += len(z["samples"]) / 16_000
