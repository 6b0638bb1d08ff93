"""Whisper's encoder as a feature extractor over sound of any length.

The encoder hears 99 languages' worth of phonetics; its 512 features every 20 ms are all that the small viseme head
needs. Ten-second windows keep the cost of attention and the memory low (the encoder works at any length up to 30 s,
no padding needed). Neighbouring windows share two seconds, and within the middle of those the features pass smoothly
from one to the other, so neither the edge of a window, where context is missing, nor a jump is ever seen.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from lipwright.errors import ModelFileError
from lipwright.progress import Progress
from lipwright.speech.features import frame_count, log_mel, whisper_scale

F32 = NDArray[np.float32]

WIDTH = 512
# In mel frames (10 ms), all even so that windows fall on the encoder's 20 ms grid.
WINDOW = 1000
SHARED = 200
EDGE = 50  # of the shared part, this much at either end belongs wholly to the window that is not at its edge there
SHORTEST = 100


class WhisperEncoder:
    """The encoder half of Whisper base; the object may be shared by threads."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Load `model.bin` and its companions from `folder`.

        Raises:
            ModelFileError: the model is missing or not readable.
        """
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder), device="cpu", compute_type="int8", intra_threads=threads or min(4, os.cpu_count() or 1)
            )
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"The speech encoder in {folder.name} cannot be loaded: {error}.") from error

    def encode(self, mel: F32) -> F32:
        """Features of one window.

        Args:
            mel: (n, 80) scaled log-mel, n even.

        Returns:
            (n / 2, 512) float32; row j is centred on mel frame 2 j.
        """
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.T[None], np.float32))
        encoded: Any = self._model.encode(view, to_cpu=True)
        rows: F32 = np.asarray(encoded, np.float32)[0]
        return rows


def windows(frames: int) -> list[tuple[int, int]]:
    """The half-open spans that cover `frames` mel frames, each sharing at least `SHARED` with the one before."""
    frames += frames % 2
    if frames <= WINDOW:
        return [(0, max(frames, SHORTEST))] if frames else []
    step = WINDOW - SHARED
    spans = [(start, start + WINDOW) for start in range(0, frames - WINDOW, step)]
    return [*spans, (frames - WINDOW, frames)]


def features(
    samples: F32, encoder: WhisperEncoder, progress: Progress | None = None, gain: float = 1.0
) -> Iterator[F32]:
    """Stream the encoder's features of a whole recording.

    Args:
        samples: (n,) float32 mono at 16 kHz.
        encoder: the model.
        progress: told of seconds of sound done; cancels between windows.
        gain: what the samples are to be multiplied by (done on the spectrum, so the sound is not copied).

    Yields:
        (k, 512) float32 blocks that join to ceil(n / 320) rows, 50 a second, without seams.
    """
    wanted = -(-frame_count(len(samples)) // 2)
    done = 0
    held: F32 = np.zeros((0, WIDTH), np.float32)  # rows from `done` on that the next window still changes
    spans = windows(frame_count(len(samples)))
    for index, (first, last) in enumerate(spans):
        if progress is not None:
            progress.advance("speech", first // 100, len(samples) // 16_000, "seconds")
        rows = encoder.encode(_window_mel(samples, first, last, gain))
        rows = _join(held, rows, done - first // 2)
        keep = spans[index + 1][0] // 2 - done if index + 1 < len(spans) else wanted - done
        yield rows[:keep]
        held = rows[keep:]
        done += keep


def _window_mel(samples: F32, first: int, last: int, gain: float) -> F32:
    """Scaled log-mel of one window; the loudest band is sought half a window around it, so that levels do not jump."""
    mel = log_mel(samples, first, last)
    around = [
        log_mel(samples, max(0, first - WINDOW // 2), first),
        log_mel(samples, last, min(frame_count(len(samples)), last + WINDOW // 2)),
    ]
    loudest = max([float(mel.max()), *(float(part.max()) for part in around if len(part))])
    shift = np.float32(2 * math.log10(gain))
    return whisper_scale(mel + shift, loudest + float(shift))


def _join(held: F32, rows: F32, offset: int) -> F32:
    """Rows of a new window from its row `offset` on, faded in over the rows held from the window before."""
    rows = rows[offset:]
    if not len(held):
        return rows
    shared = len(held)
    edge = min(EDGE // 2, shared // 4)
    weight = np.zeros(shared, np.float32)
    ramp = np.linspace(0.0, 1.0, shared - 2 * edge, dtype=np.float32)
    weight[edge : shared - edge] = ramp * ramp * (3 - 2 * ramp)
    weight[shared - edge :] = 1.0
    mixed = held + (rows[:shared] - held) * weight[:, None]
    return np.concatenate([mixed, rows[shared:]])
