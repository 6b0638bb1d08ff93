"""Pocketsphinx: phones from sound, without a text (fallback recogniser) or along a known one (measuring).

Its acoustic model and dictionary of US English come inside the package and need no download. It runs in pieces of some
seconds, as its memory and its search grow with the length of what it is given.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from lipwright.errors import RequestError
from lipwright.progress import Progress
from lipwright.speech.phones import Phone

F32 = NDArray[np.float32]

RATE = 16_000
PIECE, OVERLAP = 15 * RATE, RATE
# Pocketsphinx marks sounds early by this much: median over 719 labial sounds of a voice with exactly known times
# (`training/delay.py`).
EARLY = 0.010


def _config(**settings: Any) -> Any:
    return pocketsphinx.Config(loglevel="FATAL", cmn="batch", **settings)


def _pcm(samples: F32) -> bytes:
    """16-bit PCM at a healthy level: the front end is not level-invariant at the quiet end."""
    peak = float(np.abs(samples).max(initial=0.0))
    gain = 0.7 / peak if peak > 1e-4 else 1.0
    pcm: bytes = (np.clip(samples * gain, -1, 1) * 32767).astype("<i2").tobytes()
    return pcm


def recognise_phones(samples: F32, progress: Progress | None = None) -> list[Phone]:
    """ARPABET phones of (n,) float32 mono 16 kHz speech in any words, silence included, in order of time."""
    model = Path(pocketsphinx.get_model_path())
    decoder = pocketsphinx.Decoder(
        _config(
            hmm=str(model / "en-us" / "en-us"),
            allphone=str(model / "en-us" / "en-us-phone.lm.bin"),
            lm=None,
            dict=None,
            lw=2.0,
            pip=0.3,
            beam=1e-20,
            pbeam=1e-20,
        )
    )
    phones: list[Phone] = []
    for first in range(0, max(1, len(samples) - OVERLAP), PIECE - OVERLAP):
        if progress is not None:
            progress.advance("speech", first // RATE, len(samples) // RATE, "seconds")
        piece = samples[first : first + PIECE]
        begin = first / RATE + (OVERLAP / 2 / RATE if first else 0.0)
        end = (first + PIECE - OVERLAP / 2) / RATE if first + PIECE < len(samples) else len(samples) / RATE
        for phone in _decoded(decoder, piece, first / RATE):
            clipped = Phone(phone.symbol, max(phone.start, begin), min(phone.end, end))
            if clipped.end > clipped.start:
                phones.append(clipped)
    return phones


def _decoded(decoder: Any, piece: F32, at: float) -> list[Phone]:
    _decode(decoder, _pcm(piece))
    segments = decoder.seg()
    if segments is None:
        return []
    return [
        Phone(s.word, at + s.start_frame / 100 + EARLY, at + (s.end_frame + 1) / 100 + EARLY)
        for s in segments
        if s.word not in ("<s>", "</s>")
    ]


def _decode(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()


@cache
def _aligner() -> Any:
    model = Path(pocketsphinx.get_model_path())
    return pocketsphinx.Decoder(
        _config(
            hmm=str(model / "en-us" / "en-us"),
            lm=None,
            dict=str(model / "en-us" / "cmudict-en-us.dict"),
            beam=1e-80,
            pbeam=1e-80,
            wbeam=1e-60,
            bestpath=False,  # its word lattice gives spans too short for the phones in them, and the second pass fails
        )
    )


def align(samples: F32, text: str) -> list[Phone]:
    """Where each sound of a known English text is: forced alignment, +-20 ms or so.

    Args:
        samples: (n,) float32 mono 16 kHz, at most about a minute.
        text: what is said; case and punctuation do not matter.

    Returns:
        ARPABET phones in order of time, silence included.

    Raises:
        RequestError: a word is not in the dictionary, or the sound does not fit the text.
    """
    decoder = _aligner()
    words = re.findall(r"[a-z']+", text.lower())
    unknown = sorted({w for w in words if decoder.lookup_word(w) is None})
    if not words or unknown:
        listed = ", ".join(unknown) or "(none given)"
        raise RequestError(f"The text to align has words that are not in the dictionary: {listed}.", field="text")
    pcm = _pcm(samples)
    decoder.set_align_text(" ".join(words))
    try:
        _decode(decoder, pcm)
        decoder.set_alignment()
        _decode(decoder, pcm)  # hyp() must not be asked after this pass: pocketsphinx 5.1 crashes
    except RuntimeError as error:
        _aligner.cache_clear()  # a decoder that failed in mid-utterance takes no other
        raise RequestError("The sound does not fit the text, so it cannot be aligned.", field="text") from error
    return [
        Phone(phone.name, phone.start / 100 + EARLY, (phone.start + phone.duration) / 100 + EARLY)
        for word in decoder.get_alignment()
        for phone in word
    ]
