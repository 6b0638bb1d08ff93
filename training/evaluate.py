"""Measures a head on voices, languages and people it has never heard, and writes its model card."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.speech.head import VisemeHead
from lipwright.speech.recognise import recognise
from lipwright.speech.visemes import VISEMES
from training import augment
from training.corpus import load
from training.labels import DELAY, label
from training.metrics import HEADER, Figures, measure
from training.realspeech import Recording, recordings, truth

F32 = NDArray[np.float32]
LANGUAGES = {"en": "English", "it": "Italian (language never heard)", "hi": "Hindi (language never heard)"}


@dataclass(frozen=True, slots=True)
class Results:
    """Figures by set name, in the order to print them."""

    synthetic: dict[str, Figures]
    real: dict[str, Figures]
    dirty: dict[str, Figures]


def evaluate(corpus: Path, real: list[Path]) -> Results:
    """Measure the shipped head, gate included, through the very function users call."""
    truths: dict[str, list[NDArray[np.int8]]] = defaultdict(list)
    found: dict[str, list[F32]] = defaultdict(list)
    for path in sorted(corpus.glob("test-*.npz")):
        spoken = load(path)
        track = recognise(spoken.samples)
        for name in ("all held-out voices", LANGUAGES.get(spoken.language, spoken.language)):
            truths[name].append(label(spoken))
            found[name].append(track.probabilities)
    synthetic = {name: measure(truths[name], found[name]) for name in truths}
    people = [(recording, truth(recording)) for recording in recordings(real)]
    return Results(synthetic, _people(people), _dirty(people))


def _people(people: Sequence[tuple[Recording, NDArray[np.int8]]]) -> dict[str, Figures]:
    tracks = [recognise(recording.samples).probabilities for recording, _ in people]
    each = {r.name: measure([t], [p]) for (r, t), p in zip(people, tracks, strict=True)}
    return {**each, "all real speech": measure([t for _, t in people], tracks)} if people else {}


def _dirty(people: Sequence[tuple[Recording, NDArray[np.int8]]]) -> dict[str, Figures]:
    """The real recordings again, through what recordings go through."""
    rng = np.random.default_rng(0)
    babble = sum((np.resize(r.samples, 16_000 * 20) for r, _ in people), np.zeros(16_000 * 20, np.float32))
    conditions = {
        "30 dB quieter": lambda x: x * np.float32(0.0316),
        "white noise, 10 dB": lambda x: augment.mix(x, augment.unit(rng.standard_normal(len(x))), 10.0),
        "babble, 10 dB": lambda x: augment.mix(x, augment.unit(np.roll(np.resize(babble, len(x)), 77_777)), 10.0),
        "telephone band": augment.telephone,
    }
    return {
        name: measure([t for _, t in people], [recognise(spoil(r.samples)).probabilities for r, _ in people])
        for name, spoil in conditions.items()
        if people
    }


def card(results: Results, head: VisemeHead, data: dict[str, str]) -> str:
    """The model card in Markdown."""
    lines = ["# Viseme head", "", _INTRODUCTION, "", "## How it was made", "", "| what | value |", "|---|---|"]
    parameters = head.first[0].size + sum(w.size for w, _, _ in head.blocks) + head.last[0].size
    rows = {
        **data,
        "label shift": f"{DELAY * 1000:.0f} ms earlier than the voices' own predicted durations",
        "parameters": f"{parameters:,}, stored as half floats",
        "context": f"{head.reach * 20} ms either side, besides the encoder's own",
        "Python": platform.python_version(),
    }
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    lines += [
        "",
        _METHOD,
        "",
        "## Measured",
        "",
        _READING,
        "",
        "### Voices and languages never heard in training",
        "",
        HEADER,
    ]
    lines += [f"| {name} | {figures.row()} |" for name, figures in results.synthetic.items()]
    lines += ["", "F1 of each class over all frames:", "", "| set | " + " | ".join(VISEMES) + " |", "|---" * 15 + "|"]
    named = {**results.synthetic, **{k: v for k, v in results.real.items() if k == "all real speech"}}
    lines += [
        f"| {name} | " + " | ".join(f"{v:.2f}" for v in figures.per_class) + " |" for name, figures in named.items()
    ]
    if results.real:
        lines += ["", "### Real people, never trained on", "", _REAL, "", HEADER]
        lines += [f"| {name} | {figures.row()} |" for name, figures in results.real.items()]
        lines += ["", "The same recordings, spoiled:", "", HEADER]
        lines += [f"| {name} | {figures.row()} |" for name, figures in results.dirty.items()]
    return "\n".join([*lines, "", _LIMITS, ""])


_INTRODUCTION = """\
`src/lipwright/speech/viseme_head.npz` turns the features of Whisper's encoder into the probabilities of fourteen
mouth shapes a hundred times a second. It is the output of `python -m training.train` and holds nothing else."""
_METHOD = """\
The voices predict how long each sound lasts before they make it, so the labels are exact and no aligner is
involved. The predicted times run late; `python -m training.delay` finds the shift at which classes explain most of
the spectrum, 56 ms for
hibari and 58 ms for Kokoro (the middle of the hiss of `s` and `sh` between vowels, another way to see it, says 60).
The non-English voices speak made-up syllables of their languages. Utterances are joined into half-minute streams with
pauses, and resampled (throat and tempo), reverberated, filtered, clipped, mixed with hiss, hum, rumble, music,
breath, clicks and babble at 4 to 40 dB, and set to levels over 34 dB; streams of noise alone are labelled silence."""
_READING = """\
Every figure is of the whole path (encoder, head, voice gate). *Speech frames*: share of 10 ms frames within speech
with the right class. *Recall*: share of closures (p, b, m) with a PP frame within 30 ms. *Precision*: share of
stretches called PP with a true one within 30 ms. *Offset*: middle of the found closure minus the true one. *Openness
r*: correlation of the mouth-openness curves."""
_REAL = """\
The truth is pocketsphinx's forced alignment with the known words (some 20 ms of error of its own; it marks sounds 10
ms early, measured on voices with known times, which is corrected). Set: the speech with English text of
`../shared/clips` and its `retalk_3.mp4` (words as Whisper heard them), LibriVox utterances of Debian's
`pocketsphinx-testdata`, and `beckett.wav` and the first 20 s of `two_cities.wav` of the `moonshine-voice` package.
None of it is
part of this repository. Closures called in the pause after a phrase count as false here, though they show nothing but
shut lips."""
_LIMITS = """\
## Limits

The real-speech set is small and English. Frame accuracy for Italian and Hindi is partly a matter of label convention.
Under loud babble closures are missed and invented. Singing, whispering and laughter were not trained for. The truth
says nothing about how a given person moves: the same sound can look different, and the head knows sounds only.

## Licence chain

Whisper base (MIT) computes the features, and the head contains none of it. The training speech is the output of
Kokoro-82M and hibari (both Apache-2.0, weights included) speaking prompts written for this repository or words of
hibari's own dictionary. The head is Apache-2.0 like the rest of Lipwright."""
