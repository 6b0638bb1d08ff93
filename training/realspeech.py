"""Recordings of real people with known words, for measuring only: nothing is ever trained on them.

The truth is forced alignment by pocketsphinx, good to some 20 ms; it is made from the text and so independent of the
head, unlike the phones pocketsphinx would recognise by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from lipwright.speech.features import frame_count
from lipwright.speech.phones import Phone, shape_spans
from lipwright.speech.pocket import align


@dataclass(frozen=True, slots=True)
class Recording:
    """`samples` float32 mono 16 kHz of a person saying `text`."""

    name: str
    samples: NDArray[np.float32]
    text: str


def read(path: Path) -> NDArray[np.float32]:
    """All of a recording's first sound stream as float32 mono 16 kHz."""
    parts: list[NDArray[np.float32]] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 16_000)
        for frame in container.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32)


def recordings(folders: list[Path]) -> Iterator[Recording]:
    """Every English recording with a text: listed in a folder's clips.json, or beside a .txt of the same name."""
    for folder in folders:
        index = folder / "clips.json"
        if index.exists():
            listed = json.loads(index.read_text(encoding="utf-8"))
            for entry in [*listed["clips"], *listed["speech"]]:
                if "text" in entry and entry.get("language", "en") == "en":
                    yield Recording(Path(entry["file"]).name, read(folder / entry["file"]), entry["text"])
        for text in sorted(folder.glob("*.txt")):
            sound = text.with_suffix(".wav")
            if sound.exists():
                yield Recording(sound.name, read(sound), text.read_text(encoding="utf-8"))


def labels_of(phones: list[Phone], samples: int) -> NDArray[np.int8]:
    """(ceil(samples / 160),) viseme classes of aligned phones."""
    labels = np.zeros(frame_count(samples), np.int8)
    for shape, start, end in shape_spans(phones):
        labels[round(start * 100) : round(end * 100)] = shape
    return labels


def truth(recording: Recording) -> NDArray[np.int8]:
    """The aligned classes of a recording."""
    return labels_of(align(recording.samples, recording.text), len(recording.samples))
