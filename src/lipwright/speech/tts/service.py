"""The one entry to speaking: which synthesiser answers a request, and with which voice.

Providers are "elevenlabs" (the wire contract's only one) and, as an extension, "local" ("hibari" and "kokoro" mean the
same). Without an API key an ElevenLabs request is still spoken, by a local voice: the one whose id it names if there
is one, else one that the id's hash picks, so that the same id always has the same voice; the result says so.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lipwright.errors import Fault, LipwrightError, RequestError, VoiceNotFound
from lipwright.progress import Progress
from lipwright.speech.tts import kana
from lipwright.speech.tts.elevenlabs import DEFAULT_BASE_URL, ElevenLabs
from lipwright.speech.tts.hibari_voice import HEART, HibariSynthesiser
from lipwright.speech.tts.kokoro import KokoroSynthesiser
from lipwright.speech.tts.speech import Manner, Speech, Synthesiser, Voice, check_manner, check_script
from lipwright.timeline.request import TextInput

API_KEY_VARIABLE = "ELEVENLABS_API_KEY"
BASE_URL_VARIABLE = "LIPWRIGHT_ELEVENLABS_BASE_URL"
LOCAL = frozenset({"local", "hibari", "kokoro"})
# Voices of other languages that read English well enough to stand in where no second English voice is installed.
_ACCENTED = ("jm_kumo",)
_PREFERRED_SECOND = ("am_michael", "am_fenrir", "am_puck", "bm_george", *_ACCENTED)


@dataclass(frozen=True, slots=True)
class TtsSettings:
    """How to reach the cloud service; an empty key means that it is not used."""

    api_key: str = field(default="", repr=False)
    base_url: str = DEFAULT_BASE_URL

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> TtsSettings:
        """From `ELEVENLABS_API_KEY` and `LIPWRIGHT_ELEVENLABS_BASE_URL`."""
        source = os.environ if environment is None else environment
        return cls(
            source.get(API_KEY_VARIABLE, "").strip(), source.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL
        )


class TextToSpeech:
    """Speaks text inputs. Models are loaded at first use and kept as long as the object is.

    `local` are the synthesisers of this machine, in order of preference; `cloud` answers "elevenlabs" requests and is
    made from `settings` (default: the environment) unless given.
    """

    def __init__(
        self,
        settings: TtsSettings | None = None,
        *,
        local: Sequence[Synthesiser] | None = None,
        cloud: Synthesiser | None = None,
    ) -> None:
        settings = settings or TtsSettings.from_environment()
        self._local = tuple(local) if local is not None else (HibariSynthesiser(), KokoroSynthesiser())
        self._cloud = cloud or (ElevenLabs(settings.api_key, settings.base_url) if settings.api_key else None)

    def voices(self) -> list[Voice]:
        """The voices of this machine, installed or not."""
        return [voice for synthesiser in self._local for voice in synthesiser.voices()]

    def speak(self, text: TextInput, progress: Progress | None = None, *, language: str | None = None,
              where: str = "provider") -> Speech:  # fmt: skip
        """Speak a text input; `where` is the path of its provider object, for error messages.

        Errors: `TextLengthExceeded` (not 1 to 5000 characters), `VoiceNotFound` (with close matches), `RequestError`
        (unknown provider, a setting outside 0..1, nothing that can be spoken in that language), `ModelFileError` (the
        voice's files are not fetched), `SpeechServiceError` and its kinds (the cloud service, or espeak-ng missing).
        """
        progress = progress or Progress()
        manner = Manner(text.stability, text.similarity_boost, language)
        check_script(text.script, f"{where}.script")
        check_manner(manner, where)
        try:
            if text.provider in LOCAL:
                return self._speak_local(text.script, self.named(text.voice_id), manner, progress)
            if text.provider != "elevenlabs":
                raise RequestError(
                    f"provider.name is {text.provider!r}; it must be 'elevenlabs' or 'local'.", field="provider.name"
                )
            if self._cloud is not None:
                return self._cloud.speak(text.script, text.voice_id, manner, progress)
            voice = self.stand_in(text.voice_id, text.script)
            if manner.language is None and voice.id in _ACCENTED and not kana.has_kana(text.script):
                manner = replace(manner, language=HEART.language)
            speech = self._speak_local(text.script, voice, manner, progress)
            note = f"No ElevenLabs API key is set: voice {text.voice_id!r} is spoken by the local voice {voice.id!r}."
            return replace(speech, warnings=(note, *speech.warnings))
        except RequestError as error:
            raise _placed(error, where) from error.__cause__

    def stand_in(self, voice_id: str, script: str = "") -> Voice:
        """The installed local voice that speaks for a voice of the cloud service.

        A local voice's own id stands for itself. Otherwise every candidate is scored by a hash of both ids and the
        highest wins, so that a voice keeps its stand-in when voices that did not win come or go.
        """
        installed = [voice for voice in self.voices() if voice.installed]
        own = next((voice for voice in installed if voice.id == voice_id), None)
        if own is not None:
            return own
        if kana.has_kana(script):
            candidates = [voice for voice in installed if voice.language == "ja"]
        else:
            candidates = [voice for voice in installed if voice.language.startswith("en")]
            if len(candidates) < 2:
                candidates += [voice for voice in installed if voice.id in _ACCENTED]
        if not (candidates := candidates or installed):
            raise VoiceNotFound("There is no local voice; run `lipwright models fetch`.", field="provider.voiceId")
        return max(candidates, key=lambda voice: hashlib.sha256(f"{voice_id}\0{voice.id}".encode()).digest())

    def two_voices(self) -> tuple[Voice, Voice]:
        """Two installed voices that differ as much as possible, for a demonstration; the same one twice if alone."""
        installed = {voice.id: voice for voice in self.voices() if voice.installed}
        first = installed.get(HEART.id) or next(iter(installed.values()))
        second = next((installed[name] for name in _PREFERRED_SECOND if name in installed), first)
        return first, second

    def named(self, voice_id: str) -> Voice:
        """The local voice of that id (case does not matter); raises `VoiceNotFound` with close matches."""
        voices = {voice.id: voice for voice in self.voices()}
        if (voice := voices.get(voice_id) or voices.get(voice_id.lower())) is not None:
            return voice
        names = {voice.name.lower(): voice.id for voice in reversed(voices.values())}
        close = difflib.get_close_matches(voice_id.lower(), [*voices, *names], n=3, cutoff=0.5)
        found = list(dict.fromkeys(names.get(name, name) for name in close))
        hint = f"Did you mean {' or '.join(found)}?" if found else "`lipwright voices` lists them."
        raise VoiceNotFound(f"There is no local voice {voice_id!r}. {hint}", field="provider.voiceId")

    def _speak_local(self, script: str, voice: Voice, manner: Manner, progress: Progress) -> Speech:
        for synthesiser in self._local:
            if any(offered.id == voice.id for offered in synthesiser.voices()):
                if manner.language is None and voice.id in _ACCENTED and not kana.has_kana(script):
                    manner = replace(manner, language=HEART.language)
                return synthesiser.speak(script, voice.id, manner, progress)
        raise VoiceNotFound(f"There is no local voice {voice.id!r}.", field="provider.voiceId")


def _placed(error: RequestError, where: str) -> LipwrightError:
    """The error with paths below `where` instead of "provider"."""
    if where == "provider":
        return error

    def placed(text: str) -> str:
        return where + text.removeprefix("provider") if text.startswith("provider") else text

    faults = tuple(Fault(placed(fault.field), placed(fault.message), fault.code) for fault in error.faults)
    return type(error)(
        placed(error.message), field=placed(error.field or ""), suggestion=error.suggestion, faults=faults
    )


def speak_text(
    text: TextInput, progress: Progress | None = None, *, settings: TtsSettings | None = None, where: str = "provider"
) -> Speech:
    """Speak one text input and let go of the model; see `TextToSpeech.speak`."""
    return TextToSpeech(settings).speak(text, progress, where=where)


def voices() -> list[Voice]:
    """The voices of this machine, installed or not."""
    return TextToSpeech(TtsSettings()).voices()
