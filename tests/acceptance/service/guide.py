"""Every sample of the segments guide, in its order: what it sends, and what the guide says becomes of it.

Samples are written down with the spelling the guide uses (the SDK's classes, camelCase, and dicts that mix both), so
that what the SDK makes of each is what the server gets. Addresses are the guide's placeholders; a test puts those of
the media host in their place. The guide's videos are longer than 20 s, and so is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sync.common import Audio, GenerationSegment, SegmentAudioInput, Video
from tests.acceptance.service.material import LINE, LONG_RATE, LONG_SECONDS, SHORT, SPEECH

EXAMPLE = "https://assets.sync.so/docs/example-video.mp4"
SPOKEN = "https://assets.sync.so/docs/example-audio.wav"
VIDEO_OF = {EXAMPLE: "long.mp4", "video.mp4": "long.mp4", "https://example.com/video.mp4": "long.mp4"}

SEGMENTS, TRIM = "generation_input_segments_invalid", "generation_input_trim_invalid"

Where = Callable[[str], str]


@dataclass(frozen=True)
class Timing:
    """How a finished sample has to come out.

    Attributes:
        seconds: length of the output; None where it depends on how long a spoken text is.
        segments: where each segment is in the output, in seconds; a stop of None is not known beforehand.
        edited: frames whose lips may have been moved; None if not known beforehand.
    """

    seconds: float | None
    segments: tuple[tuple[float, float | None], ...]
    edited: int | None = None


@dataclass(frozen=True)
class Sample:
    """A sample of the guide.

    Attributes:
        name: what it shows.
        input: the SDK's objects, or dicts where its classes cannot be written as the guide does.
        segments: as in the guide; None for none.
        audio: the media that stands for the sample's audio files.
        refused: code and field of the error, for a sample marked with a cross.
        timing: for a sample that is rendered to its end.
    """

    name: str
    input: tuple[Any, ...]
    segments: tuple[Any, ...] | None
    audio: str = "speech.wav"
    refused: tuple[str, str] | None = None
    timing: Timing | None = None

    @property
    def sdk_can_send(self) -> bool:
        """False for the sample whose class the SDK refuses to make (contract 3.3); its dict is sent over HTTP."""
        return not any(isinstance(entry, dict) for entry in self.input)

    def arguments(self, where: Where) -> dict[str, Any]:
        """The arguments of `generations.create`."""
        given: dict[str, Any] = {"model": "lipsync-2", "input": [self._placed(entry, where) for entry in self.input]}
        if self.segments is not None:
            given["segments"] = list(self.segments)
        return given

    def body(self, where: Where) -> dict[str, Any]:
        """The same as JSON, with the keys spelt as the guide spells them."""
        given = self.arguments(where)
        given["input"] = [_plain(entry) for entry in given["input"]]
        if "segments" in given:
            given["segments"] = [_plain(segment) for segment in given["segments"]]
        return given

    def _placed(self, entry: Any, where: Where) -> Any:
        if isinstance(entry, dict):
            return {**entry, "url": where("long.mp4")} if "url" in entry else entry
        return entry.model_copy(update={"url": where(VIDEO_OF.get(entry.url, self.audio))})


def _plain(thing: Any) -> Any:
    return thing if isinstance(thing, dict) else thing.dict(by_alias=True, exclude_none=True)


def video(url: str = "video.mp4") -> Video:
    """The video of a sample."""
    return Video(url=url)


def audio(ref: str | None = "audio1", url: str = "audio.wav") -> Audio:
    """An audio of a sample."""
    return Audio(url=url, ref_id=ref) if ref is not None else Audio(url=url)


def seconds(start: float, end: float, **crop: float) -> dict[str, Any]:
    """A segment as the troubleshooting part writes it."""
    return {"startTime": start, "endTime": end, "audioInput": {"refId": "audio1", **crop}}


def mixed(start: float, end: float, ref: str | None) -> dict[str, Any]:
    """A segment in the guide's mixture of spellings."""
    return {"start_time": start, "end_time": end, "audio_input": {} if ref is None else {"refId": ref}}


def frames(start: int, end: int) -> dict[str, Any]:
    """A segment in frames."""
    return {"startFrame": start, "endFrame": end, "audioInput": {"refId": "audio1"}}


ONE = (video(), audio())
REF = "segments[0].audioInput.refId"
TEXT = {
    "type": "text",
    "provider": {"name": "elevenlabs", "voiceId": "EXAVITQu4vr4xnSDxMaL", "script": "Hello world"},
    "refId": "text1",
}

SAMPLES = (
    Sample(
        "one segment",
        (video(EXAMPLE), audio("audio_1", SPOKEN)),
        (GenerationSegment(start_time=2, end_time=5, audio_input=SegmentAudioInput(ref_id="audio_1")),),
        audio="short.wav",
        # No crop and no sync_mode: bounce trims three seconds of picture to one second of audio.
        timing=Timing(LONG_SECONDS - 3 + SHORT, ((2, 2 + SHORT),), round(SHORT * LONG_RATE)),
    ),
    Sample(
        "two segments, one audio",
        (video(EXAMPLE), audio("audio_1", SPOKEN)),
        (
            {"startTime": 2, "endTime": 5, "audioInput": {"refId": "audio_1", "startTime": 2, "endTime": 5}},
            {"startTime": 6, "endTime": 8, "audioInput": {"refId": "audio_1", "startTime": 6, "endTime": 8}},
        ),
        timing=Timing(LONG_SECONDS, ((2, 5), (6, 8)), 5 * LONG_RATE),
    ),
    Sample(
        "two segments, two audios",
        (video(EXAMPLE), audio("audio_1", SPOKEN), audio("audio_2", SPOKEN)),
        (
            {"startTime": 2, "endTime": 5, "audioInput": {"refId": "audio_1", "startTime": 2, "endTime": 5}},
            {"startTime": 6, "endTime": 8, "audioInput": {"refId": "audio_2", "startTime": 6, "endTime": 8}},
        ),
    ),
    Sample(
        "multiple audio without segments",
        (video(), audio(None, "audio1.wav"), audio(None, "audio2.wav")),
        None,
        refused=(SEGMENTS, "segments"),
    ),
    Sample(
        "multiple audio with segments",
        (video(), audio("a1", "audio1.wav"), audio("a2", "audio2.wav")),
        (mixed(0, 10, "a1"), mixed(10, 20, "a2")),
    ),
    Sample("missing refId reference", ONE, (mixed(0, 10, "missing"),), refused=(SEGMENTS, REF)),
    Sample("correct refId reference", ONE, (mixed(0, 10, "audio1"),)),
    Sample("missing refId in segment", ONE, (mixed(0, 10, None),), refused=(SEGMENTS, REF)),
    Sample("include refId", ONE, (mixed(0, 10, "audio1"),)),
    Sample("unknown refId", ONE, (mixed(0, 10, "nonexistent"),), refused=(SEGMENTS, REF)),
    Sample("existing refId", ONE, (mixed(0, 10, "audio1"),)),
    Sample("startTime greater than endTime", ONE, (seconds(10, 5),), refused=(SEGMENTS, "segments[0]")),
    Sample("startTime less than endTime", ONE, (seconds(0, 10),)),
    Sample("zero-length segment", ONE, (seconds(5, 5),), timing=Timing(LONG_SECONDS, ((5, 5),), 0)),
    Sample("startFrame greater than endFrame", ONE, (frames(100, 0),), refused=(SEGMENTS, "segments[0]")),
    Sample("startFrame equals endFrame", ONE, (frames(50, 50),), refused=(SEGMENTS, "segments[0]")),
    Sample(
        "startFrame less than endFrame",
        ONE,
        (frames(0, 100),),
        audio="line.wav",
        timing=Timing(LONG_SECONDS - 100 / LONG_RATE + LINE, ((0, LINE),), round(LINE * LONG_RATE)),
    ),
    Sample("incomplete crop range", ONE, (seconds(0, 10, startTime=5),), refused=(TRIM, "segments[0].audioInput")),
    Sample(
        "crop startTime greater than endTime",
        ONE,
        (seconds(0, 10, startTime=15, endTime=5),),
        refused=(TRIM, "segments[0].audioInput"),
    ),
    Sample("complete crop range", ONE, (seconds(0, 10, startTime=5, endTime=15),)),
    Sample(
        "zero-duration crop point",
        ONE,
        (seconds(0, 10, startTime=5, endTime=5),),
        timing=Timing(LONG_SECONDS, ((0, 10),)),
    ),
    Sample(
        "no audio or text inputs",
        (video("https://example.com/video.mp4"),),
        (mixed(0, 10, "missing"),),
        refused=(SEGMENTS, "input"),
    ),
    Sample(
        "a text input",
        ({"type": "video", "url": "https://example.com/video.mp4"}, TEXT),
        (mixed(0, 10, "text1"),),
        timing=Timing(None, ((0, None),)),
    ),
)

VALID = tuple(sample for sample in SAMPLES if sample.refused is None)
REFUSED = tuple(sample for sample in SAMPLES if sample.refused is not None)
RENDERED = tuple(sample for sample in SAMPLES if sample.timing is not None)
assert SPEECH >= 15  # the guide crops up to 15 s
