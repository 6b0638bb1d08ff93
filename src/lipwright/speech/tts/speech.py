"""What a synthesiser is, and what every one of them checks.

A synthesiser turns a script into samples. There are several (a small English voice, a larger model with 54 voices, a
cloud service, a fake for tests); the rest of the program knows only this Protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import Fault, RequestError, TextLengthExceeded
from lipwright.progress import Progress

MAX_SCRIPT = 5000
PHASE = "text to speech"
RATE = 24_000
"""Sample rate in Hz of all embedded voices, and the one asked of the cloud service."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that can be asked for.

    Attributes:
        id: what a request names.
        name: for people.
        language: BCP 47 tag of the language it speaks, such as "en-US".
        gender: "female", "male" or "" where it is not known.
        provider: "hibari", "kokoro", "elevenlabs" or "fake".
        installed: whether it can speak now.
        needs: what to do before it can, as a sentence; "" if it is installed.
    """

    id: str
    name: str
    language: str
    gender: str
    provider: str
    installed: bool = True
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken script: (n,) float32 mono in -1..1 at `rate` Hz, who spoke it, and what the user should know."""

    samples: Samples
    rate: int
    voice: Voice
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, slots=True)
class Manner:
    """How to speak: `stability` and `similarity_boost` (0..1, None for the voice's own) mean something to the cloud
    service only; `language` overrides that of the voice; the same `seed` gives the same samples."""

    stability: float | None = None
    similarity_boost: float | None = None
    language: str | None = None
    seed: int = 0


class Synthesiser(Protocol):
    """Something that speaks."""

    def voices(self) -> Sequence[Voice]:
        """The voices it offers, installed or not."""
        ...

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        """Speak `script`; see `lipwright.speech.tts.service.TextToSpeech.speak` for the errors."""
        ...


def check_script(script: str, field: str = "provider.script") -> str:
    """The script without surrounding space; `TextLengthExceeded` unless it has 1 to 5000 characters."""
    trimmed = script.strip()
    if not trimmed:
        raise TextLengthExceeded(f"{field} is empty; it must have 1 to {MAX_SCRIPT} characters.", field=field)
    if len(script) > MAX_SCRIPT:
        message = f"{field} has {len(script)} characters; it must have 1 to {MAX_SCRIPT}."
        raise TextLengthExceeded(message, field=field)
    return trimmed


def check_manner(manner: Manner, field: str = "provider") -> None:
    """`RequestError` naming every setting outside 0..1."""
    settings = {"stability": manner.stability, "similarityBoost": manner.similarity_boost}
    faults = [
        Fault(f"{field}.{name}", f"{field}.{name} is {value}; it must be a number from 0 to 1.")
        for name, value in settings.items()
        if value is not None and not 0 <= value <= 1
    ]
    if faults:
        raise RequestError.of(faults)


def nothing_to_say(voice: Voice, field: str = "provider.script") -> RequestError:
    """The error for a script of which nothing can be pronounced."""
    return RequestError(
        f"{field} holds no words that the voice {voice.id!r} ({voice.language}) can speak.",
        field=field,
        suggestion="Write the script in the voice's language, or choose a voice of the script's language.",
    )


def join(parts: Sequence[Samples]) -> Samples:
    """The parts one after the other, held within -1..1 (a synthesiser may overshoot a little)."""
    if not parts:
        return np.zeros(0, np.float32)
    return np.clip(np.concatenate(parts), -1.0, 1.0).astype(np.float32)
