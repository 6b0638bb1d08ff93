"""From a request to files on this machine: what the video is, how long every audio is, and spoken text as sound.

Only local files are opened; a network address is refused before anything is done with it. The service that fetches
addresses and assets first puts local paths in their place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lipwright.errors import AudioInaccessible, MediaError, VideoInaccessible
from lipwright.generation.wav import wav_bytes
from lipwright.media.audio import audio_length
from lipwright.media.guard import Limits
from lipwright.media.info import LARGE, MediaInfo
from lipwright.media.probe import probe
from lipwright.progress import Progress
from lipwright.timeline.request import AudioInput, GenerationRequest, TextInput, VisualInput, VisualKind

if TYPE_CHECKING:
    from lipwright.speech.tts import TextToSpeech

PHASE = "inputs"


@dataclass(frozen=True, slots=True)
class SoundFile:
    """One audio input as a local file, its exact length, and the voice that spoke it if it was text."""

    path: Path
    seconds: Fraction
    voice: str | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a generation reads: the video and the sounds by their ref, none of it beyond `limits`."""

    video: Path
    info: MediaInfo
    sounds: Mapping[str, SoundFile]
    warnings: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def lengths(self) -> dict[str, Fraction]:
        """How long every sound is, by ref."""
        return {ref: sound.seconds for ref, sound in self.sounds.items()}

    @property
    def frames(self) -> int:
        """How many source frames there are; a still has one."""
        assert self.info.video is not None
        return 1 if self.info.still else self.info.video.frames

    @property
    def large(self) -> bool:
        """Whether pictures are so large that memory is short."""
        video = self.info.video
        return video is not None and video.width * video.height > LARGE


def open_inputs(
    request: GenerationRequest,
    folder: Path,
    progress: Progress,
    *,
    limits: Limits | None = None,
    speech: TextToSpeech | None = None,
) -> tuple[GenerationRequest, Inputs]:
    """Look at all files of `request` and speak its texts into `folder`.

    The request that comes back says what the picture really is, a video or a still, whatever it was called.

    Raises:
        MediaError and its kinds: something cannot be read. SpeechServiceError, VoiceNotFound, TextLengthExceeded,
        ModelFileError: a text cannot be spoken.
    """
    limits = limits or Limits()
    files = 1 + len(request.audio)
    progress.advance(PHASE, 0, files, "files")  # at once: a long video takes a while to look through
    video = video_path(request.video)
    info = probe(video, limits)
    if info.video is None:
        raise MediaError(f"{video.name!r} has sound but no picture; a video or a still image is needed.", field="video")
    kind = VisualKind.IMAGE if info.still else VisualKind.VIDEO
    request = replace(request, video=replace(request.video, kind=kind))
    sounds: dict[str, SoundFile] = {}
    warnings = list(info.warnings)
    for number, given in enumerate(request.audio):
        progress.advance(PHASE, 1 + number, files, "files")
        if isinstance(given, TextInput):
            speech = speech or _text_to_speech()
            target = folder / f"speech-{number}.wav"
            sounds[given.ref] = _spoken(given, target, speech, progress, warnings)
        else:
            path = audio_path(given)
            sounds[given.ref] = SoundFile(path, audio_length(path, limits))
    progress.advance(PHASE, files, files, "files")
    return request, Inputs(video, info, sounds, tuple(warnings), limits)


def _text_to_speech() -> TextToSpeech:
    from lipwright.speech.tts import TextToSpeech  # with an HTTP client, which recordings do not need

    return TextToSpeech()


def _spoken(text: TextInput, target: Path, speech: TextToSpeech, progress: Progress, warnings: list[str]) -> SoundFile:
    said = speech.speak(text, progress)
    warnings += said.warnings
    target.write_bytes(wav_bytes(said.samples, said.rate))
    return SoundFile(target, Fraction(len(said.samples), said.rate), said.voice.id)


def video_path(video: VisualInput) -> Path:
    """The local file of the visual input."""
    path = local_path(video.url or "")
    if path is None:
        given = video.url or (f"asset {video.asset_id}" if video.asset_id else "nothing")
        raise VideoInaccessible(f"The video is {given!r}; only files of this machine can be used here.", field="video")
    return path


def audio_path(audio: AudioInput) -> Path:
    """The local file of an audio input."""
    path = local_path(audio.url or "")
    if path is None:
        given = audio.url or (f"asset {audio.asset_id}" if audio.asset_id else "nothing")
        raise AudioInaccessible(
            f"The audio {audio.ref!r} is {given!r}; only files of this machine can be used here.", field=audio.ref
        )
    return path


def local_path(url: str) -> Path | None:
    """The path that `url` means: a plain path, or a `file:` address of this machine; None for anything else."""
    if not url or "\0" in url:
        return None
    parts = urlsplit(url) if "://" in url or url.startswith("file:") else None
    if parts is None or (len(parts.scheme) == 1 and os.name == "nt"):
        return Path(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        if os.name != "nt":
            return Path(unquote(parts.path))
        from urllib.request import url2pathname  # slow to load

        return Path(url2pathname(parts.path))
    return None
