"""Where two constants come from: `python -m training.delay .training`.

`training.labels.DELAY`: how late the voices' predicted times are. Sounds of one class are alike, so labels explain most
of the variance of the spectrum at the true shift; a parabola through the best three shifts finds it to a few
milliseconds. `lipwright.speech.pocket.EARLY`: how early pocketsphinx marks sounds, from sentences whose true times are
then known.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import numpy as np

from lipwright.errors import RequestError
from lipwright.speech import pocket
from lipwright.speech.features import log_mel
from lipwright.speech.phones import FF, PP, SIL, Phone, shape_spans
from training.corpus import load
from training.labels import DELAY, label, sounds
from training.prompts import english
from training.voices import HibariVoice

SHIFTS = np.arange(0.02, 0.091, 0.01)
HALF_ROW = 0.005  # mel frame i is centred on the start of row i, whose label is that of its middle


def explained(corpus: list[Path], shift: float) -> float:
    """Share of the variance of log-mel frames in speech that their classes explain, at one shift of the labels."""
    frames, classes = [], []
    for path in corpus:
        spoken = load(path)
        mel = log_mel(spoken.samples)
        labels = label(spoken, shift)
        frames.append(np.maximum(mel, mel.max() - 6)[labels != SIL])
        classes.append(labels[labels != SIL])
    x, y = np.concatenate(frames), np.concatenate(classes)
    within = sum(((x[y == c] - x[y == c].mean(0)) ** 2).sum() for c in np.unique(y))
    return float(1 - within / ((x - x.mean(0)) ** 2).sum())


def measured_delay(corpus: list[Path]) -> float:
    """The delay of the predicted times in seconds."""
    shares = np.array([explained(corpus, float(shift)) for shift in SHIFTS])
    best = int(np.clip(shares.argmax(), 1, len(SHIFTS) - 2))
    left, middle, right = shares[best - 1 : best + 2]
    return float(SHIFTS[best] + 0.01 * (right - left) / (2 * (2 * middle - left - right)) + HALF_ROW)


def _spans(phones: list[Phone], *, ipa: bool) -> list[tuple[float, float]]:
    wanted = [p for p in phones if p.symbol != " "]
    return [(start, end) for shape, start, end in shape_spans(wanted, ipa=ipa) if shape in (PP, FF)]


def measured_early(voice: HibariVoice, sentences: int = 60) -> tuple[float, int]:
    """Median of how early pocketsphinx puts the middle of labial sounds, in seconds, and how many were compared."""
    early: list[float] = []
    for number in range(sentences):
        text = english(Random(f"align {number}"))
        spoken = voice.speak(voice.phonemize(text), "hibari", 1.0)
        if spoken is None:
            continue
        try:
            aligned = pocket.align(spoken.samples, text)
        except RequestError:
            continue
        true, found = _spans(sounds(spoken, DELAY), ipa=True), _spans(aligned, ipa=False)
        if len(true) == len(found):
            early += [(a + b) / 2 - (c + d) / 2 + pocket.EARLY for (a, b), (c, d) in zip(true, found, strict=True)]
    return float(np.median(early)), len(early)


if __name__ == "__main__":
    work = Path(sys.argv[1])
    for name in ("hibari", "*_*"):
        files = sorted((work / "corpus").glob(f"train-*-{name}.npz"))[:80]
        print(f"{name}: predicted times are {measured_delay(files) * 1000:.0f} ms late ({len(files)} utterances)")
    seconds, count = measured_early(HibariVoice(work))
    print(f"pocketsphinx is {seconds * 1000:.0f} ms early ({count} sounds)")
