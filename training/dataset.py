"""From the corpus to what the head is trained on: encoder features of long, dirty, joined-up speech and their labels.

Utterances are strung into streams of about half a minute with pauses between them, so that every position in the
encoder's windows and every kind of edge is seen, and so that pauses under noise, music or breath are learnt as silence.
The streams pass through the very code that recognition uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.speech.encoder import WhisperEncoder, features
from training import augment
from training.corpus import load
from training.labels import label

STREAM_SECONDS = 28


@dataclass(frozen=True, slots=True)
class Example:
    """One stream: `features` (n, 512) float16 at 50 Hz, `labels` (2 n,) int8 at 100 Hz."""

    features: NDArray[np.float16]
    labels: NDArray[np.int8]
    name: str = ""


def _speech(path: Path, rng: np.random.Generator, dirty: bool) -> tuple[augment.F32, augment.Labels]:
    spoken = load(path)
    samples, labels = spoken.samples, label(spoken)
    whole = len(labels) * 160
    samples = np.pad(samples, (0, whole - len(samples)))
    if dirty and rng.random() < (0.8 if spoken.voice == "hibari" else 0.45):
        samples, labels = augment.other_throat(samples, labels, rng)
        samples = np.pad(samples, (0, len(labels) * 160 - len(samples)))
    loudness = 10 ** (rng.uniform(-6, 0) / 20)
    return samples / (np.abs(samples).max() + 1e-6) * np.float32(loudness), labels


def _stream(paths: list[Path], rng: np.random.Generator, babble: augment.F32) -> tuple[augment.F32, augment.Labels]:
    sounds, labels = [], []
    for path in paths:
        pause = int(rng.choice([rng.integers(0, 20), rng.integers(10, 150)]))
        x, y = _speech(path, rng, dirty=True)
        sounds += [np.zeros(pause * 160, np.float32), x]
        labels += [np.zeros(pause, np.int8), y]
    samples, classes = np.concatenate(sounds), np.concatenate(labels)
    if rng.random() < 0.3:
        samples = augment.room(samples, rng)
    if rng.random() < 0.7:
        samples = augment.microphone(samples, rng)
    if rng.random() < 0.7:
        background = augment.noise(len(samples), rng, babble)
        samples = augment.mix(samples, background, float(rng.uniform(4, 40)))
    peak = 10 ** (rng.uniform(-34, -0.5) / 20)
    return np.asarray(samples / (np.abs(samples).max() + 1e-6) * peak, np.float32), classes


def _encoded(samples: augment.F32, labels: augment.Labels, encoder: WhisperEncoder, name: str) -> Example:
    rows = np.concatenate(list(features(samples, encoder)))
    n = min(len(rows), (len(labels) + 1) // 2)
    labels = np.pad(labels, (0, max(0, 2 * n - len(labels))))[: 2 * n]
    return Example(rows[:n].astype(np.float16), labels, name)


def training_set(corpus: Path, encoder: WhisperEncoder, seed: int, repeats: int = 3) -> list[Example]:
    """All training utterances: the many voices `repeats` times, dirtied anew each time, the bulk voice once."""
    rng = np.random.default_rng(seed)
    every = sorted(corpus.glob("train-*.npz"))
    many = [p for p in every if "hibari" not in p.name]
    bulk = [p for p in every if "hibari" in p.name]
    order = many * repeats + bulk
    rng.shuffle(order)
    talkers = [load(order[i]).samples for i in rng.integers(0, len(order), 6)]
    length = min(len(t) for t in talkers)
    babble = np.asarray(sum(t[:length] for t in talkers), np.float32)
    examples: list[Example] = []
    batch: list[Path] = []
    seconds = 0.0
    for path in order:
        batch.append(path)
        seconds += 6.5
        if seconds > STREAM_SECONDS:
            samples, labels = _stream(batch, rng, babble)
            examples.append(_encoded(samples, labels, encoder, "speech"))
            batch, seconds = [], 0.0
    for _ in range(max(4, len(examples) // 25)):
        hush = augment.noise(STREAM_SECONDS * 16_000, rng) * np.float32(10 ** (rng.uniform(-55, -12) / 20))
        examples.append(_encoded(hush, np.zeros(STREAM_SECONDS * 100, np.int8), encoder, "noise"))
    return examples
