"""Bodies for the tests: the smallest valid ones, and the faults of others."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from lipwright.errors import Fault, RequestError
from lipwright.timeline.body import parse_request
from lipwright.timeline.edl import FrameGrid

Json = dict[str, Any]
SEGMENTS, TRIM = "generation_input_segments_invalid", "generation_input_trim_invalid"
SHAPE, FACE = "generation_input_validation_failed", "generation_input_face_selection_invalid"

VIDEO: Json = {"type": "video", "url": "video.mp4"}
AUDIO: Json = {"type": "audio", "url": "audio.wav", "refId": "audio1"}
TEXT: Json = {
    "type": "text",
    "refId": "text1",
    "provider": {"name": "elevenlabs", "voiceId": "EXAVITQu4vr4xnSDxMaL", "script": "Hello world"},
}
GRID = FrameGrid(range(25 * 30), Fraction(1, 25), 25 * 30)


def body(*segments: object, inputs: list[Json] | None = None, **more: object) -> Json:
    made: Json = {"model": "lipsync-2", "input": [VIDEO, AUDIO] if inputs is None else inputs, **more}
    return {**made, "segments": list(segments)} if segments else made


def one(start: object = 0, end: object = 10, audio: object = None, **more: object) -> Json:
    return {"startTime": start, "endTime": end, "audioInput": audio or {"refId": "audio1"}, **more}


def faults(given: object) -> list[Fault]:
    with pytest.raises(RequestError) as caught:
        parse_request(given)
    return list(caught.value.faults)


def the_fault(given: object) -> Fault:
    (fault,) = faults(given)
    assert fault.message.endswith(".")
    assert "\n" not in fault.message
    return fault


def crop(start: object, end: object) -> Json:
    return one(audio={"refId": "audio1", "startTime": start, "endTime": end})
