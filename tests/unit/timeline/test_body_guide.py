"""Every sample of the segments guide, in every spelling of contract section 3.3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from tests.unit.timeline.bodies import (
    AUDIO,
    GRID,
    SEGMENTS,
    TEXT,
    TRIM,
    VIDEO,
    Json,
    body,
    crop,
    one,
    the_fault,
)

from lipwright.errors import Fault, SegmentsInvalid, TrimInvalid
from lipwright.timeline.body import parse_request
from lipwright.timeline.plan import plan

GUIDE_WORKS: dict[str, Json] = {
    "basic": body(one(2, 5)),
    "one audio twice": body(
        one(2, 5, {"refId": "audio_1", "startTime": 2, "endTime": 5}),
        one(6, 8, {"refId": "audio_1", "startTime": 6, "endTime": 8}),
        inputs=[VIDEO, AUDIO | {"refId": "audio_1"}],
    ),
    "two audios": body(
        one(2, 5, {"refId": "audio_1", "startTime": 2, "endTime": 5}),
        one(6, 8, {"refId": "audio_2", "startTime": 6, "endTime": 8}),
        inputs=[VIDEO, AUDIO | {"refId": "audio_1"}, AUDIO | {"refId": "audio_2"}],
    ),
    "two audios, touching, mixed spelling": body(
        {"start_time": 0, "end_time": 10, "audio_input": {"refId": "a1"}},
        {"start_time": 10, "end_time": 20, "audio_input": {"refId": "a2"}},
        inputs=[VIDEO, AUDIO | {"refId": "a1"}, AUDIO | {"refId": "a2"}],
    ),
    "correct refId": body({"start_time": 0, "end_time": 10, "audio_input": {"refId": "audio1"}}),
    "start before end": body(one(0, 10)),
    "zero-length segment": body(one(5, 5)),
    "frames": body({"startFrame": 0, "endFrame": 100, "audioInput": {"refId": "audio1"}}),
    "crop": body(crop(5, 15)),
    "zero-length crop": body(crop(5, 5)),
    "text": body(
        {"start_time": 0, "end_time": 10, "audio_input": {"refId": "text1"}}, inputs=[VIDEO, TEXT]
    ),
}  # fmt: skip

GUIDE_FAILS: dict[str, tuple[Json, str, str, str]] = {
    "several audios without segments": (
        body(inputs=[VIDEO, {"type": "audio", "url": "audio1.wav"}, {"type": "audio", "url": "audio2.wav"}]),
        SEGMENTS,
        "segments",
        "segments is missing: with 2 audio and text inputs it says when each is used.",
    ),
    "unknown refId": (
        body({"start_time": 0, "end_time": 10, "audio_input": {"refId": "missing"}}),
        SEGMENTS,
        "segments[0].audioInput.refId",
        "segments[0].audioInput.refId 'missing' is not the refId of an audio or text input; there is 'audio1'.",
    ),
    "no refId": (
        body({"start_time": 0, "end_time": 10, "audio_input": {}}),
        SEGMENTS,
        "segments[0].audioInput.refId",
        "segments[0].audioInput.refId is missing or empty: it names the audio or text input to use.",
    ),
    "start after end": (
        body(one(10, 5)),
        SEGMENTS,
        "segments[0]",
        "segments[0].startTime (10 s) must not be after endTime (5 s).",
    ),
    "start frame after end": (
        body({"startFrame": 100, "endFrame": 0, "audioInput": {"refId": "audio1"}}),
        SEGMENTS,
        "segments[0]",
        "segments[0].startFrame (100) must be less than endFrame (0).",
    ),
    "start frame is end frame": (
        body({"startFrame": 50, "endFrame": 50, "audioInput": {"refId": "audio1"}}),
        SEGMENTS,
        "segments[0]",
        "segments[0].startFrame (50) must be less than endFrame (50).",
    ),
    "half a crop": (
        body(one(audio={"refId": "audio1", "startTime": 5})),
        TRIM,
        "segments[0].audioInput",
        "segments[0].audioInput has startTime but no endTime; a crop needs both.",
    ),
    "crop starts after its end": (
        body(crop(15, 5)),
        TRIM,
        "segments[0].audioInput",
        "segments[0].audioInput.startTime (15 s) must not be after endTime (5 s).",
    ),
    "no audio at all": (
        body({"start_time": 0, "end_time": 10, "audio_input": {"refId": "missing"}}, inputs=[VIDEO]),
        SEGMENTS,
        "input",
        "input has no audio or text with a refId; segments need at least one.",
    ),
}


def snake(key: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in key)


def camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


def respelt(value: object, spell: Any) -> Any:
    if isinstance(value, Mapping):
        return {spell(key): respelt(inner, spell) for key, inner in value.items()}
    return [respelt(inner, spell) for inner in value] if isinstance(value, list) else value


def inner_snake(value: Json) -> Json:
    """Camel outside, snake inside `audioInput`, as some dicts arrive through the Python SDK."""
    value = respelt(value, camel)
    for segment in value.get("segments", []):
        segment["audioInput"] = respelt(segment["audioInput"], snake)
    return value


SPELLINGS = {
    "as written": lambda value: value,
    "camel": lambda value: respelt(value, camel),
    "snake": lambda value: respelt(value, snake),
    "snake inside": inner_snake,
    "through JSON as floats": lambda value: json.loads(json.dumps(value), parse_int=float),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", GUIDE_WORKS)
def test_guide_samples_that_work(name: str, spelling: str) -> None:
    request = parse_request(SPELLINGS[spelling](GUIDE_WORKS[name]))
    assert request == parse_request(GUIDE_WORKS[name])
    assert request.warnings == ()
    assert request.segments
    lengths = {audio.ref: Fraction(20) for audio in request.audio}
    edl = plan(GRID, lengths, request)
    assert [report.index for report in edl.segments] == list(range(len(request.segments)))
    assert sum(1 for _ in edl.output_frames()) == edl.frame_count


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", GUIDE_FAILS)
def test_guide_samples_that_fail(name: str, spelling: str) -> None:
    given, code, field, message = GUIDE_FAILS[name]
    assert the_fault(SPELLINGS[spelling](given)) == Fault(field, message, code)


def test_the_class_of_the_error_is_that_of_the_fault() -> None:
    with pytest.raises(SegmentsInvalid) as caught:
        parse_request(body(one(10, 5)))
    assert (caught.value.status, caught.value.code) == (400, SEGMENTS)
    with pytest.raises(TrimInvalid):
        parse_request(body(crop(15, 5)))
