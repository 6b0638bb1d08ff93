"""The small languages of the command line: times, ranges, named inputs, segments and speakers.

    RANGE    2-5   1:02.5-1:07   f50-f100          seconds, clock times, or frames (the last one not included)
    INPUT    speech.wav          a=speech.wav      a name is needed once there are segments
    SEGMENT  RANGE=NAME[@RANGE][/SPEAKER]          2-5=a   6-8=b@1.5-3.5   f50-f100=a/face2
             RANGE[/SPEAKER]                       2-5     2-5/face2       where there is only one input
    SPEAKER  auto | prominent | faceN | FRAME:X,Y | FILE.json
    VOICE    NAME | PROVIDER:NAME

Everything here is text in, plain values out: nothing is opened, and whether times make sense is the timeline's
business, so that the command, the Python API and a JSON request are judged by the same rules. What cannot be read at
all is a `GrammarError`, which the command turns into a usage error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lipwright.generation.asked import ONLY, BoxFile, Face, Segment, Sound, Speaker, Text
from lipwright.timeline.options import ActiveSpeaker, PointOnFrame, Prominent, SyncMode

_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_TIME = r"(?:(?:[0-9]+:)?[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_SECONDS_RANGE = re.compile(rf"({_TIME})-({_TIME})")
_FRAME_RANGE = re.compile(r"[fF]([0-9]+)-[fF]([0-9]+)")
_POINT = re.compile(r"([0-9]+):([0-9]+(?:\.[0-9]+)?),([0-9]+(?:\.[0-9]+)?)")
_FACE = re.compile(r"face([0-9]+)")


class GrammarError(ValueError):
    """A command line value that cannot be read; the message says what was given and what is allowed."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range as written: seconds, or whole frames if `frames`."""

    start: float
    stop: float
    frames: bool = False


def seconds(text: str) -> float:
    """`12.5`, `1:02.5` or `1:00:02` in seconds."""
    if not re.fullmatch(_TIME, text):
        raise GrammarError(f"'{text}' is not a time; write seconds (12.5) or a clock time (1:02.5)")
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def time_range(text: str) -> Range:
    """`2-5` (seconds) or `f50-f100` (frames, the last one not included)."""
    if frames := _FRAME_RANGE.fullmatch(text):
        return Range(int(frames[1]), int(frames[2]), frames=True)
    if parts := _SECONDS_RANGE.fullmatch(text):
        return Range(seconds(parts[1]), seconds(parts[2]))
    raise GrammarError(f"'{text}' is not a range; write START-END in seconds (2-5) or frames (f50-f100)")


def named(text: str) -> tuple[str | None, str]:
    """`a=speech.wav` as ('a', 'speech.wav'); without a name, (None, text)."""
    name, equals, value = text.partition("=")
    if equals and _NAME.fullmatch(name):
        if not value:
            raise GrammarError(f"'{text}' has nothing after '='")
        return name, value
    if not text:
        raise GrammarError("an empty value was given")
    return None, text


def speaker(text: str) -> Speaker:
    """`auto`, `prominent`, `face2`, `FRAME:X,Y` or the path of a JSON file with one box or null per frame."""
    if text == "auto":
        return ActiveSpeaker()
    if text == "prominent":
        return Prominent()
    if (face := _FACE.fullmatch(text)) and int(face[1]) > 0:
        return Face(int(face[1]))
    if point := _POINT.fullmatch(text):
        return PointOnFrame(int(point[1]), float(point[2]), float(point[3]))
    if text.endswith(".json"):
        return BoxFile(text)
    raise GrammarError(f"'{text}' is not a speaker; write auto, prominent, faceN (N from 1), FRAME:X,Y or FILE.json")


def segment(text: str) -> Segment:
    """`RANGE=NAME[@RANGE][/SPEAKER]`; where there is only one audio, `RANGE[/SPEAKER]` means that."""
    where, equals, rest = text.partition("=")
    if not equals:
        where, slash, who = text.partition("/")
        if _SECONDS_RANGE.fullmatch(where) or _FRAME_RANGE.fullmatch(where):
            return _segment(time_range(where), None, None, speaker(who) if slash else None)
        raise GrammarError(f"'{text}' is not a segment; write RANGE=NAME, as in 2-5=a or f50-f100=a@1.5-3.5/face2")
    sound, slash, who = rest.partition("/")
    name, at, crop = sound.partition("@")
    if not _NAME.fullmatch(name):
        raise GrammarError(f"segment '{text}' names no audio; write the name of an --audio or --text after '='")
    cropped = time_range(crop) if at else None
    if cropped is not None and cropped.frames:
        raise GrammarError(f"segment '{text}' crops its audio by frames; audio is cropped in seconds, as in a@1.5-3.5")
    return _segment(time_range(where), name, cropped, speaker(who) if slash else None)


def _segment(shown: Range, name: str | None, cropped: Range | None, who: Speaker | None) -> Segment:
    return Segment(
        int(shown.start) if shown.frames else shown.start,
        int(shown.stop) if shown.frames else shown.stop,
        name,
        crop=(cropped.start, cropped.stop) if cropped is not None else None,
        frames=shown.frames,
        speaker=who,
    )


def join(segments: Sequence[Segment], written: Sequence[str], sounds: Mapping[str, Sound]) -> None:
    """Raise `GrammarError` where the segments and the `sounds` they name miss each other for want of a name."""
    for segment, text in zip(segments, written, strict=True):
        if segment.audio is None and len(sounds) > 1:
            raise GrammarError(f"segment '{text}' has to name its audio, one of {', '.join(sounds)}, as in {text}=NAME")
        if segment.audio not in (None, ONLY) and list(sounds) == [ONLY]:
            only = sounds[ONLY]
            option, value = ("--text", f'"{only.script}"') if isinstance(only, Text) else ("--audio", str(only))
            raise GrammarError(
                f"segment '{text}' names '{segment.audio}', but no audio or text has that name; "
                f"name it with {option} {segment.audio}={value}"
            )


def sync_mode(text: str) -> SyncMode:
    """The mode that `text` names."""
    try:
        return SyncMode(text)
    except ValueError:
        raise GrammarError(f"'{text}' is not a sync mode; write one of {', '.join(SyncMode)}") from None


def sounds(audio: Sequence[str], text: Sequence[str], voice: Sequence[str]) -> dict[str, Sound]:
    """What `--audio`, `--text` and `--voice` give, by name; the only one may go without a name."""
    voices: dict[str | None, str] = {}
    for name, value in map(named, voice):
        if name in voices:
            raise GrammarError(f"--voice is given twice for {name or 'every text'}")
        voices[name] = value
    given = [("--audio", (None, value) if Path(value).is_file() else named(value)) for value in audio]
    given += [("--text", named(value)) for value in text]
    found: dict[str, Sound] = {}
    for option, (name, value) in given:
        if name is None and len(given) > 1:
            raise GrammarError(f"{option} '{value}' needs a name since there are several, as in a={value}")
        if (name or ONLY) in found:
            raise GrammarError(f"the name '{name}' is given to two inputs")
        spoken_by = voices.get(name) or voices.get(None)
        found[name or ONLY] = spoken(value, spoken_by) if option == "--text" else value
    for name in voices:
        if name is not None and not isinstance(found.get(name), Text):
            raise GrammarError(f"--voice '{name}={voices[name]}' names no --text")
    return found


def spoken(words: str, voice: str | None) -> Text:
    """`words` spoken by `voice`, which may name its provider, as in `elevenlabs:VOICE`."""
    provider, colon, name = (voice or "").rpartition(":")
    return Text(words, voice=name or None, provider=provider if colon else None)
