"""Is anybody speaking? Silero's voice-activity network, run over sound of any length.

The network reads 32 ms at a time together with the 4 ms before, and carries a memory from step to step; given the
wrong context or a fresh memory per block it still answers, only badly. It is causal, so it notices an onset late: the
gate made from it opens early and closes late enough for the first and last sounds of a phrase to pass. Sound below an
absolute floor is silence whatever the network says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lipwright.errors import ModelFileError
from lipwright.progress import Progress
from lipwright.speech import running
from lipwright.speech.features import HOP, frame_count

F32 = NDArray[np.float32]

CHUNK = 512
CONTEXT = 64
STATE = (1, 1, 128)
BLOCK = 1000  # chunks handed to the network at a time: 32 s

OPENS, FULL = 0.25, 0.6  # voice probability at which the gate begins to open and is open
BEFORE, AFTER = 12, 8  # rows of 10 ms by which the gate opens early and closes late
FLOOR_DB = -90.0  # dBFS; any room is louder, digital silence and the dither of 16 bits are not
USUAL_DB = -24.0  # the level of the loudest twentieth of a recording, made so before it is listened to
GAIN_DB = (-20.0, 40.0)
TAIL_DB = 45.0  # a last sound dies away to this below the loudest near it
SPEECH_DB = 35.0  # without the network: quieter than loud speech by this much is a pause


class VoiceDetector:
    """Silero VAD v6."""

    def __init__(self, model: Path) -> None:
        """Load the ONNX file; raises `ModelFileError` if it cannot be."""
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no public base class
            raise ModelFileError(f"The voice detector {model.name} cannot be loaded: {error}.") from error

    def probabilities(self, samples: F32, progress: Progress | None = None, gain: float = 1.0) -> F32:
        """Voice probability of each started 32 ms of (n,) float32 mono 16 kHz sound: (ceil(n / 512),) float32.

        `gain` is what the samples are to be multiplied by; it is done block by block.
        """
        parts = list(self._blocks(samples, progress, gain))
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _blocks(self, samples: F32, progress: Progress | None, gain: float) -> Iterator[F32]:
        memory, cell = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)
        context = np.zeros(CONTEXT, np.float32)
        for first in range(0, len(samples), BLOCK * CHUNK):
            if progress is not None:
                progress.check()
            block = samples[first : first + BLOCK * CHUNK] * np.float32(gain)
            block = np.pad(block, (0, -len(block) % CHUNK))
            chunks = block.reshape(-1, CHUNK)
            heads = np.concatenate([context[None], chunks[:-1, -CONTEXT:]])
            feeds = {"input": np.concatenate([heads, chunks], axis=1), "h": memory, "c": cell}
            voiced, memory, cell = self._session.run(None, feeds)
            context = block[-CONTEXT:]
            yield np.asarray(voiced, np.float32).reshape(-1)


def frame_level(samples: F32) -> F32:
    """(ceil(n / 160),) float32 level of each started 10 ms in dBFS, not below -120."""
    rows = frame_count(len(samples))
    level = np.empty(rows, np.float32)
    for first in range(0, rows, 60_000):
        part = samples[first * HOP : (first + 60_000) * HOP]
        part = np.pad(part, (0, -len(part) % HOP)).reshape(-1, HOP)
        power = np.einsum("ij,ij->i", part, part, dtype=np.float64) / HOP
        level[first : first + len(part)] = 10 * np.log10(np.maximum(power, 1e-12))
    return level


def usual_gain(level: F32) -> float:
    """What brings the loud parts of a recording to the level of most recordings; level is (n,) dBFS per 10 ms.

    One factor for the whole, so that nothing pumps; both networks hear quiet speech less well than they could.
    """
    audible = level[level > FLOOR_DB]
    if not len(audible):
        return 1.0
    return float(10 ** (np.clip(USUAL_DB - np.percentile(audible, 95), *GAIN_DB) / 20))


def gate(voice: F32, level: F32) -> F32:
    """How far each 10 ms belongs to speech.

    Args:
        voice: probabilities of 32 ms chunks.
        level: dBFS of each 10 ms row.

    Returns:
        (len(level),) float32 0..1, ramps a few rows long; exactly 0 in silence.
    """
    rows = np.arange(len(level))
    middle = (np.arange(len(voice)) + 0.5) * (CHUNK / HOP) - 0.5
    voice_rows = np.interp(rows, middle, voice) if len(voice) else np.zeros(len(level))
    opened = np.clip((voice_rows - OPENS) / (FULL - OPENS), 0.0, 1.0)
    return widen(np.asarray(opened, np.float32), level)


def widen(opened: F32, level: F32) -> F32:
    """Open a gate `BEFORE` rows early and close it `AFTER` rows late, and shut it where there is no sound at all."""
    if not len(opened):
        return opened
    wide = running.highest(opened, AFTER, BEFORE, 0.0)
    wide = np.clip(running.mean(wide, 5), 0.0, 1.0)
    # What the gate was widened by counts only where the phrase is still heard, next to how loud it was.
    loudest = running.highest(level, 100, 99)
    floor = np.where(opened > 0.5, FLOOR_DB, np.maximum(FLOOR_DB, loudest - TAIL_DB))
    # A lone quiet row is the hold of a stop, part of speech; it takes 60 ms of nothing to be silence.
    audible = running.highest((level > floor).astype(np.float32), 3, 3, 0.0)
    return np.asarray(np.where(wide < 1e-3, 0.0, wide) * audible, np.float32)
