"""54 voices in nine languages from one 82-million-parameter model (Kokoro 1.0, int8, ONNX).

The model takes up to 510 phonemes and a style vector picked by their number. Scripts are cut into sentences, short
neighbours are read together (a lone "Yes." has no melody to go by), and long ones are cut at clauses, which bounds the
memory. The model has no random part, so the same script gives the same samples.

Phonemes come from hibari's rules for English, from `espeak-ng` (a separate, optional program) for Spanish, French,
Hindi, Italian and Portuguese, and from kana rules for Japanese. There are none for Chinese: its voices can only read
other languages.
"""

from __future__ import annotations

import difflib
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lipwright.errors import RequestError, VoiceNotFound
from lipwright.models import is_installed, model_path
from lipwright.models.kokoro_voices import GENDERS, LANGUAGES, STYLE_HASHES, style_name
from lipwright.progress import Progress
from lipwright.speech.tts import espeak, kana
from lipwright.speech.tts.english import english
from lipwright.speech.tts.hibari_voice import left_out
from lipwright.speech.tts.sentences import pieces, sentences
from lipwright.speech.tts.speech import PHASE, RATE, Manner, Samples, Speech, Voice, check_script, join, nothing_to_say

MODEL = "kokoro-v1.0.int8.onnx"
VOCABULARY = "kokoro-vocab.json"
MAX_PHONEMES = 240
"""About 16 s of speech. Memory grows with the length: 560 MB at this one, 830 MB at 400 (measured)."""
READ_TOGETHER = 160
"""Sentences are joined up to this many phonemes."""
THREADS = 2


def kokoro_voices() -> tuple[Voice, ...]:
    """The 54 voices, with whether each can speak now."""
    shared = [name for name in (MODEL, VOCABULARY) if not is_installed(name)]
    return tuple(_voice(voice, shared) for voice in STYLE_HASHES)


class KokoroSynthesiser:
    """Speaks with any of the 54 voices; the model is loaded at the first use and kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._run_options: Any = None
        self._ids: dict[str, int] = {}

    def voices(self) -> Sequence[Voice]:
        """All voices of the model."""
        return kokoro_voices()

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        """Speak a script in the voice's language, or in `manner.language`."""
        voice = _find(voice_id)
        text = check_script(script)
        language = manner.language or voice.language
        to_phonemes = phonemiser(language, text)
        with self._lock:
            style = np.fromfile(model_path(style_name(voice_id)), dtype="<f4").reshape(-1, 256)
            self._load()
            read = [to_phonemes(sentence) for sentence in sentences(text)]
            runs = _together([piece for phonemes in read for piece in pieces(self._known(phonemes), MAX_PHONEMES)])
            parts: list[Samples] = []
            for done, run in enumerate(runs):
                progress.advance(PHASE, done, len(runs), "sentences")
                parts.append(self._run(run, style))
        samples = join(parts)
        if not len(samples):
            raise nothing_to_say(voice)
        progress.advance(PHASE, len(runs), len(runs), "sentences")
        warnings = left_out(text, voice) if language.startswith("en") else ()
        return Speech(samples, RATE, voice, warnings)

    def _load(self) -> None:
        if self._session is not None:
            return
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave waiting cores to others
        self._run_options = onnxruntime.RunOptions()
        # Give the working memory of a sentence back after it: the job goes on with the model still loaded.
        self._run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._ids = json.loads(model_path(VOCABULARY).read_text(encoding="utf-8"))["vocab"]
        self._session = onnxruntime.InferenceSession(
            str(model_path(MODEL)), options, providers=["CPUExecutionProvider"]
        )

    def _known(self, phonemes: str) -> str:
        """Without the signs that the model was not trained on."""
        return "".join(sign for sign in phonemes if sign in self._ids)

    def _run(self, phonemes: str, style: Samples) -> Samples:
        """The samples of one run of phonemes."""
        ids = [self._ids[sign] for sign in phonemes]
        row = min(len(ids), len(style)) - 1
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style[row : row + 1],
            "speed": np.ones(1, np.float32),
        }
        return np.asarray(self._session.run(None, inputs, self._run_options)[0], np.float32).reshape(-1)


def phonemiser(language: str, text: str) -> Callable[[str], str]:
    """What turns sentences of `language` into phonemes; `RequestError` if `text` cannot be read in it."""
    if language in ("en-US", "en-GB"):
        return english(british=language == "en-GB")
    if language in espeak.LANGUAGES:
        return lambda sentence: espeak.phonemes(sentence, language)
    if language == "ja":
        unread = kana.unreadable(text)
        if unread:
            raise RequestError(
                f"provider.script holds {unread[:10]!r}; Japanese is read from kana only.",
                field="provider.script",
                suggestion="Write the script in hiragana or katakana, with spaces between words.",
            )
        return kana.phonemes
    raise RequestError(
        f"There are no pronunciation rules for the language {language!r}; "
        f"there are for en-US, en-GB, {', '.join(espeak.LANGUAGES)} and ja.",
        field="provider.voiceId",
    )


def _together(runs: list[str]) -> list[str]:
    """Short neighbours joined."""
    joined: list[str] = []
    for run in runs:
        if joined and len(joined[-1]) + 1 + len(run) <= READ_TOGETHER:
            joined[-1] = f"{joined[-1]} {run}"
        else:
            joined.append(run)
    return joined


def _find(voice_id: str) -> Voice:
    if voice_id not in STYLE_HASHES:
        close = difflib.get_close_matches(voice_id, STYLE_HASHES, n=3, cutoff=0.4)
        raise VoiceNotFound(
            f"There is no Kokoro voice {voice_id!r}." + (f" Did you mean {' or '.join(close)}?" if close else ""),
            field="provider.voiceId",
        )
    return _voice(voice_id, [])


def _voice(voice_id: str, shared: list[str]) -> Voice:
    """What the identifier says, and which files are missing."""
    language = LANGUAGES[voice_id[0]]
    missing = [*shared] if is_installed(style_name(voice_id)) else [*shared, style_name(voice_id)]
    needs = f"Run `lipwright models fetch {' '.join(missing)}`." if missing else ""
    if language in espeak.LANGUAGES and not espeak.available():
        needs = f"{needs} Install the program espeak-ng.".strip()
    if language == "zh":
        needs = "There are no pronunciation rules for Chinese; ask for another language."
    name = voice_id[3:].capitalize()
    return Voice(voice_id, name, language, GENDERS[voice_id[1]], "kokoro", not needs, needs)
