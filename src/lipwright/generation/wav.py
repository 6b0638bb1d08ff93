"""Speech as a WAV file: how synthesised sound is handed to the part of the program that reads audio files."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray


def wav_bytes(samples: NDArray[np.float32], rate: int) -> bytes:
    """(n,) or (n, channels) float32 samples in -1..1 as a 16-bit PCM WAV file at `rate` Hz."""
    table = samples.reshape(len(samples), -1)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(table.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(table, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return out.getvalue()
