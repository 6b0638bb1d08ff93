"""Packaged voices that also tell when they say what.

Both neural voices predict how many 25 ms frames each symbol lasts before they make any sound; adding that inner
tensor to the outputs of the graph gives exact phone times for free, with no aligner and its errors. The predicted
times run late against the sound that comes out (`training.labels.DELAY`), the same for both because they share one
architecture.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import hibari
import numpy as np
import onnx
import onnxruntime
from hibari import Hibari
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lipwright.models.kokoro_voices import STYLE_HASHES
from training.utterance import Utterance

F32 = NDArray[np.float32]
RATE = 24_000

KOKORO_VOICES = tuple(STYLE_HASHES)
LANGUAGE_OF = {"a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}
# Never heard in training: three English voices, and every voice of two whole languages.
HELD_OUT = ("am_michael", "bf_emma", "bm_george", "if_sara", "im_nicola", "hf_alpha", "hf_beta", "hm_omega", "hm_psi")


class Voice(Protocol):
    """Something that speaks a phoneme string and tells the times."""

    def speak(self, phonemes: str, voice: str, speed: float) -> Utterance | None: ...


def _session(model: Path, output: str, work: Path, threads: int) -> onnxruntime.InferenceSession:
    """A session of `model` with the inner tensor `output` added as its last output."""
    patched = work / f"{model.stem}-durations.onnx"
    if not patched.exists():
        graph = onnx.load(str(model))
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(output))
        onnx.save(graph, str(patched))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    return onnxruntime.InferenceSession(str(patched), options, providers=["CPUExecutionProvider"])


def _to_16k(samples: NDArray[Any]) -> F32:
    return np.asarray(resample_poly(samples.astype(np.float64), 2, 3), np.float32)


class KokoroVoices:
    """The 54 voices of Kokoro-82M (int8), about real time on one core."""

    def __init__(self, model: Path, vocabulary: Path, voices: Mapping[str, Path], work: Path, threads: int = 1) -> None:
        self._session = _session(model, "/encoder/Clip_output_0", work, threads)
        vocab = json.loads(vocabulary.read_text(encoding="utf-8"))
        self._vocab: dict[str, int] = vocab.get("vocab", vocab)
        self._voices = voices

    def speak(self, phonemes: str, voice: str, speed: float) -> Utterance | None:
        """Speak; at most 500 symbols, others are dropped."""
        text = "".join(c for c in phonemes if c in self._vocab)[:500]
        ids = [0, *(self._vocab[c] for c in text), 0]
        styles = np.fromfile(self._voices[voice], dtype="<f4").reshape(-1, 1, 256)
        feeds = {
            "tokens": np.array([ids], np.int64),
            "style": styles[len(ids) - 2],
            "speed": np.array([speed], np.float32),
        }
        audio, frames = self._session.run(None, feeds)
        frames = np.asarray(frames, np.float64).reshape(-1)
        per_frame = len(audio) / frames.sum() / RATE
        ends = np.cumsum(frames)[: len(text) + 1] * per_frame
        return Utterance(voice, LANGUAGE_OF[voice[0]], text, _to_16k(audio), ends)


class HibariVoice:
    """The embedded English voice, tens of times faster than real time: bulk data of one speaker."""

    def __init__(self, work: Path, threads: int = 1) -> None:
        self.tts = Hibari(threads=threads)
        model = Path(hibari.__file__).parent / "assets" / "hibari.onnx"
        self._durations = _session(model, "/Clip_output_0", work, threads)

    @cached_property
    def lexicon(self) -> list[str]:
        """Pronunciations of the packaged US dictionary, for random words."""
        path = Path(hibari.__file__).parent / "assets" / "lexicon_us_gold.json.gz"
        entries = json.loads(gzip.decompress(path.read_bytes()))
        return sorted({p for p in entries.values() if isinstance(p, str) and 2 < len(p) < 14})

    def phonemize(self, text: str) -> str:
        """English text to the voices' phonemes."""
        return " ".join(self.tts.phonemize(text))

    def speak(self, phonemes: str, voice: str, speed: float) -> Utterance | None:
        """Speak; None where durations and sound disagree."""
        text = "".join(c for c in phonemes if c in self.tts.vocab)[:400]
        feeds = {"ids": np.array([self.tts.ids(text)], np.int64), "speed": np.array([speed], np.float32)}
        frames = np.asarray(self._durations.run(["/Clip_output_0"], feeds)[0], np.float64).reshape(-1)
        audio = self.tts.from_phonemes(text, speed=speed, seed=zlib.crc32(text.encode()))
        if abs(frames.sum() * 0.025 - len(audio) / RATE) > 0.03:
            return None
        return Utterance("hibari", "en", text, _to_16k(audio), np.cumsum(frames)[: len(text) + 1] * 0.025)
