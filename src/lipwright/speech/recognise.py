"""Speech to visemes: the one function the rest of Lipwright calls.

The neural head is tried first; without its model files the phones of pocketsphinx are used, and if even those fail,
loudness. The track says which. Whatever made the probabilities, a voice-activity gate has the last word on silence, for
recognisers imagine mouth shapes in breath, noise and music. Sound is read in blocks, so an hour costs the memory of its
track (some 90 bytes per 10 ms) and little more, and the same sound always gives the same track.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import AudioInvalid, ModelFileError
from lipwright.models.registry import model_path
from lipwright.progress import Progress
from lipwright.speech import fallback, running
from lipwright.speech.encoder import WhisperEncoder, features
from lipwright.speech.features import frame_count
from lipwright.speech.head import VisemeHead, shipped_head
from lipwright.speech.phones import SIL
from lipwright.speech.vad import FLOOR_DB, SPEECH_DB, VoiceDetector, frame_level, gate, usual_gain, widen
from lipwright.speech.visemes import VISEMES, VisemeTrack

F32 = NDArray[np.float32]
Wanted = Literal["whisper-head", "pocketsphinx", "energy"]

_log = logging.getLogger(__name__)
_ENCODER_FILES = ("model.bin", "config.json", "vocabulary.txt", "tokenizer.json")


def recognise(samples16k: F32, *, progress: Progress | None = None, best: Wanted = "whisper-head") -> VisemeTrack:
    """The mouth shapes of a piece of speech in any language.

    Args:
        samples16k: (n,) float32 mono at 16 kHz, about -1..1; any level will do.
        progress: told of seconds of sound done (phase "speech"); cancels between blocks.
        best: the best recogniser to try; those below it in the chain follow.

    Returns:
        A track of ceil(n / 160) rows; `recogniser` tells what made it ("silence": there was nothing to recognise).

    Raises:
        AudioInvalid: the samples are not a row of finite numbers.
        Cancelled: the job was cancelled.
    """
    samples = np.ascontiguousarray(samples16k, np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise AudioInvalid(f"The speech must be one row of finite samples; got an array of shape {samples.shape}.")
    progress = progress or Progress()
    level = frame_level(samples)
    if not (level > FLOOR_DB).any():
        return _silence(len(level))
    speech = _speech(samples, level, progress)
    chain: tuple[Wanted, ...] = ("whisper-head", "pocketsphinx", "energy")
    for name in chain[chain.index(best) :]:
        try:
            probabilities, confidence = _run(name, samples, level, progress)
        except (ModelFileError, RuntimeError, OSError) as error:
            _log.warning("%s cannot be used, falling back: %s", name, error)
            continue
        progress.advance("speech", len(samples) // 16_000, len(samples) // 16_000, "seconds")
        return VisemeTrack(_gated(probabilities, speech), speech, confidence, name)
    raise AssertionError("the energy recogniser needs nothing and cannot fail")


def _run(name: Wanted, samples: F32, level: F32, progress: Progress) -> tuple[F32, F32]:
    rows = len(level)
    if name == "whisper-head":
        probabilities = _neural(samples, shipped_head(), progress, usual_gain(level))
        return probabilities, _certainty(probabilities)
    if name == "pocketsphinx":
        return fallback.pocketsphinx_visemes(samples, progress), np.full(rows, fallback.POCKET_CONFIDENCE, np.float32)
    return fallback.energy_visemes(samples, level), np.full(rows, fallback.ENERGY_CONFIDENCE, np.float32)


@lru_cache(maxsize=1)
def shared_encoder() -> WhisperEncoder:
    """The speech encoder, loaded once per process; raises `ModelFileError` where its files are missing."""
    folders = {model_path(f"whisper-base/{name}").parent for name in _ENCODER_FILES}
    if len(folders) > 1:
        raise ModelFileError("The files of whisper-base lie in different folders; put them into one.")
    return WhisperEncoder(folders.pop())


@lru_cache(maxsize=1)
def shared_detector() -> VoiceDetector:
    """The voice detector, loaded once per process; raises `ModelFileError` where its file is missing."""
    return VoiceDetector(model_path("silero_vad_v6.onnx"))


def release_models() -> None:
    """Let the shared models go; the next recognition loads them again, in half a second."""
    shared_encoder.cache_clear()
    shared_detector.cache_clear()


def _neural(samples: F32, head: VisemeHead, progress: Progress, gain: float) -> F32:
    rows = frame_count(len(samples))
    probabilities = np.empty((rows, len(VISEMES)), np.float32)
    done = 0
    for block in head_blocks(features(samples, shared_encoder(), progress, gain), head):
        block = block[: rows - done]
        probabilities[done : done + len(block)] = block
        done += len(block)
    return probabilities


def head_blocks(encoded: Iterator[F32], head: VisemeHead) -> Iterator[F32]:
    """The head over a stream of features, as if over the whole: each block is seen with its context on both sides."""
    reach = head.reach
    held: F32 | None = None
    before = 0  # held rows that are context only
    for block in encoded:
        held = block if held is None else np.concatenate([held, block])
        ready = len(held) - reach
        if ready > before:
            yield head(held)[2 * before : 2 * ready]
            start = max(0, ready - reach)
            held, before = held[start:], ready - start
    if held is not None and len(held) > before:
        yield head(held)[2 * before :]


def _speech(samples: F32, level: F32, progress: Progress) -> F32:
    """Voice activity 0..1 per row; from loudness alone where the voice detector is missing."""
    try:
        return gate(shared_detector().probabilities(samples, progress, usual_gain(level)), level)
    except ModelFileError as error:
        _log.warning("the voice detector cannot be used, judging by loudness: %s", error)
        quietest = max(FLOOR_DB, float(np.percentile(level, 95)) - SPEECH_DB)
        return widen(np.asarray(level > quietest, np.float32), level)


def _gated(probabilities: F32, speech: F32) -> F32:
    """Probabilities where there is speech, silence where there is none."""
    out = probabilities * speech[:, None]
    out[:, SIL] += 1.0 - speech
    return np.asarray(out / out.sum(axis=1, keepdims=True), np.float32)


def _certainty(probabilities: F32) -> F32:
    """0..1: one minus the entropy of each row against that of knowing nothing, over 50 ms."""
    entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-9))).sum(axis=1)
    known = running.mean(1 - entropy / np.log(len(VISEMES)), 5)
    return np.asarray(np.clip(known, 0, 1), np.float32)


def _silence(rows: int) -> VisemeTrack:
    probabilities = np.zeros((rows, len(VISEMES)), np.float32)
    probabilities[:, SIL] = 1.0
    return VisemeTrack(probabilities, np.zeros(rows, np.float32), np.ones(rows, np.float32), "silence")
