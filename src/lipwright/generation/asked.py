"""What a Python caller (and the command line) writes down, and the domain request it becomes.

The Python API, the command and the JSON body all end in the same `GenerationRequest`, so that one set of rules judges
them. Here the convenient forms are turned into it: seconds as numbers, paths, one audio without a name, a face by its
number on the sheet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Literal

from lipwright.errors import Fault, RequestError
from lipwright.timeline.grid import Span
from lipwright.timeline.options import ActiveSpeaker, BoxesAt, Options, Prominent, SpeakerChoice, SyncMode
from lipwright.timeline.request import (
    AudioInput,
    FrameRange,
    GenerationRequest,
    SegmentRequest,
    TextInput,
    VisualInput,
)

Seconds = int | float | Fraction | Decimal
PathLike = str | os.PathLike[str]

ONLY = "audio"
"""The name of an audio that was given without one."""

DEFAULT_VOICE = "heart"

FACE = "face:"
"""A `BoxesAt` address of this kind means: the boxes of that face of the whole video's analysis."""


@dataclass(frozen=True, slots=True)
class Face:
    """Face number `number` of the whole video, as `analyse_faces` and `lipwright faces --sheet` number them."""

    number: int


@dataclass(frozen=True, slots=True)
class BoxFile:
    """A local JSON file `{"bounding_boxes": [...]}` with one box (x1, y1, x2, y2) or null per frame."""

    path: PathLike


Speaker = SpeakerChoice | Face | BoxFile | Literal["auto", "prominent"]


@dataclass(frozen=True, slots=True)
class Text:
    """Speech to be spoken from text.

    Attributes:
        script: what is said, 1 to 5000 characters.
        voice: a voice of `lipwright voices`; None for the default English voice.
        provider: None for the voice's own, "elevenlabs" to have it spoken by that service (or, without a key, by a
            stable local voice, with a warning).
        stability, similarity_boost: 0..1, understood by ElevenLabs.
    """

    script: str
    voice: str | None = None
    provider: str | None = None
    stability: float | None = None
    similarity_boost: float | None = None

    def as_input(self, ref: str, named: bool = True) -> TextInput:
        """The domain input; a text that names no provider is spoken on this machine."""
        return TextInput(
            script=self.script,
            voice_id=self.voice or DEFAULT_VOICE,
            provider=self.provider or "local",
            stability=self.stability,
            similarity_boost=self.similarity_boost,
            ref=ref,
            named=named,
        )


Sound = PathLike | Text


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of the video and the audio that drives it.

    Attributes:
        start, end: seconds of the source video, or frames (the last one not included) if `frames`.
        audio: the name of the audio; may be left out where there is only one.
        crop: the part of that audio to use, in its own seconds.
        frames: `start` and `end` are frame numbers.
        sync_mode, temperature, speaker, occlusion_detection, preserve_timing, background: for this segment only;
            None for what was chosen for the whole video.
    """

    start: Seconds
    end: Seconds
    audio: str | None = None
    crop: tuple[Seconds, Seconds] | None = None
    frames: bool = False
    sync_mode: SyncMode | str | None = None
    temperature: float | None = None
    speaker: Speaker | None = None
    occlusion_detection: bool | None = None
    preserve_timing: bool | None = None
    background: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is chosen for the whole video; None is the default. See `lipwright.timeline.options`."""

    sync_mode: SyncMode | str | None = None
    temperature: float | None = None
    speaker: Speaker | None = None
    occlusion_detection: bool | None = None
    preserve_timing: bool | None = None
    background: float | None = None


def build_request(
    video: PathLike,
    audio: Sound | Mapping[str, Sound],
    segments: Sequence[Segment] = (),
    choices: Choices | None = None,
    *,
    full_reencode: bool = False,
) -> GenerationRequest:
    """The domain request for these inputs.

    Args:
        video: a video or still (told by its content).
        audio: one audio, or several by name.
        segments: who says what when; none means that the only audio drives the whole video.
        choices: options for the whole video.
        full_reencode: copy no packet of the video, even where nothing is changed.

    Raises:
        RequestError: values that cannot be read at all, all of them in one error; what they add up to is checked by
            `lipwright.timeline.validate`.
    """
    faults: list[Fault] = list(_not_understood(video, audio, segments))
    if faults:
        raise RequestError.of(faults)
    named = isinstance(audio, Mapping)
    sounds: Mapping[str, Sound] = audio if isinstance(audio, Mapping) else {ONLY: audio}
    inputs = tuple(_sound(ref, sound, named or bool(segments)) for ref, sound in sounds.items())
    only = next(iter(sounds)) if len(sounds) == 1 else None
    asked = [_segment(segment, f"segments[{i}]", only, faults) for i, segment in enumerate(segments)]
    options = _options(choices or Choices(), "options", faults)
    if faults:
        raise RequestError.of(faults)
    return GenerationRequest(
        video=VisualInput(url=os.fspath(video)),
        audio=inputs,
        segments=tuple(asked),
        options=options,
        full_reencode=full_reencode,
    )


def _not_understood(video: object, audio: object, segments: object) -> Iterator[Fault]:
    """What is of another kind than it has to be: callers without a type checker learn it here in words."""
    if not isinstance(video, str | os.PathLike):
        yield Fault("video", f"video is {video!r}; it has to be a path.")
    for field, sound in (
        ((f"audio[{name!r}]", one) for name, one in audio.items()) if isinstance(audio, Mapping) else [("audio", audio)]
    ):
        if not isinstance(sound, str | os.PathLike | Text):
            yield Fault(field, f"{field} is {sound!r}; it has to be a path or a Text, or several of them by name.")
    if isinstance(segments, str) or not isinstance(segments, Sequence):
        yield _fault("segments", f"segments is {segments!r}; it has to be a list of Segment.")
        return
    for index, segment in enumerate(segments):
        if not isinstance(segment, Segment):
            field = f"segments[{index}]"
            yield _fault(field, f"{field} is {segment!r}; it has to be a Segment, as in Segment(2, 5, 'a').")


def _sound(ref: str, sound: Sound, named: bool) -> AudioInput | TextInput:
    if isinstance(sound, Text):
        return sound.as_input(ref, named)
    return AudioInput(url=os.fspath(sound), ref=ref, named=named)


def _segment(segment: Segment, field: str, only: str | None, faults: list[Fault]) -> SegmentRequest:
    where: Span | FrameRange
    if segment.frames:
        where = FrameRange(_frame(segment.start, f"{field}.start", faults), _frame(segment.end, f"{field}.end", faults))
    else:
        where = Span(_exact(segment.start, f"{field}.start", faults), _exact(segment.end, f"{field}.end", faults))
    crop = None
    if segment.crop is not None:
        crop = Span(*(_exact(value, f"{field}.crop", faults) for value in segment.crop))
    ref = segment.audio if segment.audio is not None else only
    if ref is None:
        faults.append(_fault(field, f"{field} has to name its audio, since there is more than one."))
    choices = Choices(
        sync_mode=segment.sync_mode,
        temperature=segment.temperature,
        speaker=segment.speaker,
        occlusion_detection=segment.occlusion_detection,
        preserve_timing=segment.preserve_timing,
        background=segment.background,
    )
    return SegmentRequest(where, ref or "", crop, _options(choices, field, faults))


def _options(choices: Choices, field: str, faults: list[Fault]) -> Options:
    mode: SyncMode | None = None
    if choices.sync_mode is not None:
        try:
            mode = SyncMode(choices.sync_mode)
        except ValueError:
            allowed = ", ".join(SyncMode)
            faults.append(
                Fault(
                    f"{field}.sync_mode", f"{field}.sync_mode is {choices.sync_mode!r}; it has to be one of {allowed}."
                )
            )
    return Options(
        sync_mode=mode,
        temperature=choices.temperature,
        speaker=_speaker(choices.speaker),
        occlusion_detection=choices.occlusion_detection,
        preserve_timing=choices.preserve_timing,
        background=choices.background,
    )


def _speaker(speaker: Speaker | None) -> SpeakerChoice | BoxesAt | None:
    match speaker:
        case "auto":
            return ActiveSpeaker()
        case "prominent":
            return Prominent()
        case Face(number):
            return BoxesAt(f"{FACE}{number}")
        case BoxFile(path):
            return BoxesAt(os.fspath(path))
        case str():
            raise RequestError(f"speaker is {speaker!r}; a name has to be 'auto' or 'prominent'.", field="speaker")
        case _:
            return speaker


def _exact(value: object, field: str, faults: list[Fault]) -> Fraction:
    """`value` as the decimal number the caller wrote: 0.1 is a tenth, not the float next to it."""
    if isinstance(value, float) and isfinite(value):
        return Fraction(repr(value))
    if isinstance(value, int | Fraction | Decimal) and not isinstance(value, bool):
        try:
            return Fraction(value)
        except (ValueError, OverflowError):  # Decimal("NaN"), Decimal("Infinity")
            pass
    faults.append(_fault(field, f"{field} is {value!r}; it has to be a number of seconds."))
    return Fraction(0)


def _frame(value: object, field: str, faults: list[Fault]) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    faults.append(_fault(field, f"{field} is {value!r}; it has to be a whole frame number."))
    return 0


def _fault(field: str, message: str) -> Fault:
    return Fault(field, message, "generation_input_segments_invalid")
