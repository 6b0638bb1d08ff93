"""Spelling of keys (contract 3.3): whatever a client makes of what its user wrote, the server understands it.

Each row of the contract's table is sent through the Python SDK where that sends anything; where the SDK refuses what
the guide shows, what its user meant is sent as JSON.
"""

from __future__ import annotations

from typing import Any

import pytest
from sync.common import Audio, BadRequestError, GenerationSegment, SegmentAudioInput, Video
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import Service

SEGMENT = {"startTime": 2, "endTime": 5, "audioInput": {"refId": "a", "startTime": 1, "endTime": 4}}
OVERRIDE = {"sync_mode": "cut_off"}
ROWS = {
    "the SDK's classes": GenerationSegment(
        start_time=2, end_time=5, audio_input=SegmentAudioInput(ref_id="a", start_time=1, end_time=4)
    ),
    "all camel": SEGMENT,
    "the guide's mixture": {
        "start_time": 2,
        "end_time": 5,
        "audio_input": {"refId": "a", "startTime": 1, "endTime": 4},
    },
    "all snake": {"start_time": 2, "end_time": 5, "audio_input": {"ref_id": "a", "start_time": 1, "end_time": 4}},
    "camel outside, snake inside": {
        "startTime": 2,
        "endTime": 5,
        "audioInput": {"ref_id": "a", "start_time": 1, "end_time": 4},
    },
    "options_override": {**SEGMENT, "options_override": OVERRIDE},
    "optionsOverride": {**SEGMENT, "optionsOverride": OVERRIDE},
    "snake frames": {"start_frame": 20, "end_frame": 50, "audioInput": {"refId": "a"}},
    "camel frames": {"startFrame": 20, "endFrame": 50, "audioInput": {"refId": "a"}},
    "both spellings, the same": {**SEGMENT, "start_time": 2, "end_time": 5},
}


@pytest.fixture(scope="module")
def inputs(media: MediaHost) -> list[Any]:
    """A video and a named audio."""
    return [Video(url=media.url("long.mp4")), Audio(url=media.url("speech.wav"), ref_id="a")]


@pytest.mark.parametrize("name", ROWS)
def test_a_segment_in_any_spelling(python: Sdk, service: Service, inputs: list[Any], name: str) -> None:
    row = ROWS[name]
    created = python(lambda client: client.generations.create(model="lipsync-2", input=inputs, segments=[row]))
    service.cancel(created.id)
    [echo] = service.get(created.id)["segments"]
    assert told(echo, "audioInput", "refId") == "a"
    if "frames" in name:
        assert (told(echo, "startFrame"), told(echo, "endFrame")) == (20, 50)
    else:
        assert (told(echo, "startTime"), told(echo, "endTime")) == (2, 5)
        assert (told(echo, "audioInput", "startTime"), told(echo, "audioInput", "endTime")) == (1, 4)
    if "verride" in name:
        assert told(echo, "optionsOverride") == OVERRIDE


def told(echo: dict[str, Any], *path: str) -> Any:
    """What an answer repeats, which is camelCase all through."""
    value: Any = echo
    for key in path:
        assert key in value, f"{key} is not in {value}"
        value = value[key]
    return value


def test_the_override_works_in_both_spellings(service: Service, media: MediaHost) -> None:
    """An override that cannot be is refused, which shows that it was read."""
    for key in ("optionsOverride", "options_override"):
        segment = {**SEGMENT, key: {"sync_mode": "sideways"}}
        refused = service.post(raw(media, segments=[segment]))
        assert refused.status_code == 400
        assert "sync_mode" in refused.json()["field"]


def test_inputs_in_snake_case(python: Sdk, service: Service, media: MediaHost) -> None:
    text = {"type": "text", "ref_id": "t", "provider": {"name": "elevenlabs", "voice_id": "v", "script": "Hello."}}
    inputs = [{"type": "video", "url": media.url("long.mp4")}, text]
    segment = {"startTime": 0, "endTime": 1, "audioInput": {"refId": "t"}}
    created = python(lambda client: client.generations.create(model="lipsync-2", input=inputs, segments=[segment]))
    service.cancel(created.id)
    as_is = service.accepted({"model": "lipsync-2", "input": inputs, "segments": [segment]})
    for echo in (service.get(created.id)["input"][1], as_is["input"][1]):
        assert echo["refId"] == "t"
        assert echo["provider"]["voiceId"] == "v"


def test_a_text_as_the_guide_writes_it(service: Service, media: MediaHost) -> None:
    """The SDK has no `TTS`, and its `Tts` refuses a `voiceId`; the JSON that both stand for is taken."""
    provider = {"name": "elevenlabs", "voiceId": "EXAVITQu4vr4xnSDxMaL", "script": "Hello world"}
    body = raw(media)
    body["input"][1] = {"type": "text", "provider": provider}
    assert service.accepted(body)["input"][1]["provider"] == provider


def test_an_empty_audio_input_is_the_servers_to_refuse(python: Sdk, inputs: list[Any]) -> None:
    segment = {"start_time": 0, "end_time": 1, "audio_input": {}}
    with pytest.raises(BadRequestError) as caught:
        python(lambda client: client.generations.create(model="lipsync-2", input=inputs, segments=[segment]))
    assert caught.value.body.field == "segments[0].audioInput.refId"


def test_options_in_camel_case(python: Sdk, service: Service, inputs: list[Any]) -> None:
    """Options go out as written; answers repeat them in snake_case."""
    options: Any = {"syncMode": "cut_off", "occlusionDetectionEnabled": True}
    created = python(lambda client: client.generations.create(model="lipsync-2", input=inputs, options=options))
    service.cancel(created.id)
    assert service.get(created.id)["options"] == {"sync_mode": "cut_off", "occlusion_detection_enabled": True}


def test_two_spellings_that_differ_are_refused(service: Service, media: MediaHost) -> None:
    refused = service.post(raw(media, segments=[{**SEGMENT, "start_time": 3}]))
    assert refused.status_code == 400
    assert refused.json()["errorCode"] == "generation_input_segments_invalid"
    assert refused.json()["field"].startswith("segments[0]")


def test_top_level_in_snake_case(service: Service, media: MediaHost) -> None:
    created = service.accepted(raw(media, output_file_name="take one!", webhook_url=None))
    assert created["outputFileName"] == "take_one"


def test_explicit_nulls_are_the_same_as_nothing(service: Service, media: MediaHost) -> None:
    video, audio = (
        {"type": kind, "url": media.url(name)} for kind, name in (("video", "talk.mp4"), ("audio", "line.wav"))
    )
    nothing = {"options": None, "segments": None, "webhookUrl": None, "outputFileName": None, "projectId": None}
    created = service.accepted(
        {
            "model": "lipsync-2",
            "input": [
                {**video, "assetId": None, "refId": None, "segments_secs": None, "segments_frames": None},
                {**audio, "assetId": None, "refId": None},
            ],
            **nothing,
            "dubParams": None,
            "dialogueEdit": None,
        }
    )
    assert [created[key] for key in nothing] == [None] * len(nothing)
    options = {"sync_mode": None, "temperature": None, "active_speaker_detection": None, "model_mode": None}
    segment = {
        "startTime": 0,
        "endTime": 1,
        "startFrame": None,
        "endFrame": None,
        "optionsOverride": None,
        "audioInput": {"refId": "a", "startTime": None, "endTime": None},
    }
    named = {**audio, "refId": "a", "assetId": None}
    service.accepted({"model": "lipsync-2", "input": [video, named], "options": options, "segments": [segment]})


def test_explicit_nulls_through_the_sdk(sdk: Sdk, service: Service, inputs: list[Any]) -> None:
    created = sdk(
        lambda client: client.generations.create(
            model="lipsync-2",
            input=inputs,
            options=None,
            segments=None,
            webhook_url=None,
            output_file_name=None,
        )
    )
    service.cancel(created.id)
    assert created.status == "PENDING"


@pytest.mark.parametrize("ranges", [{"segments_secs": [[0, 1], [2.5, 3]]}, {"segments_frames": [[0, 10], [25, 30]]}])
def test_ranges_of_the_video_as_before_segments(
    python: Sdk, service: Service, media: MediaHost, ranges: dict[str, Any]
) -> None:
    inputs = [Video(url=media.url("long.mp4"), **ranges), Audio(url=media.url("speech.wav"))]
    created = python(lambda client: client.generations.create(model="lipsync-2", input=inputs))
    service.cancel(created.id)
    echo = service.get(created.id)["input"][0]
    assert {name: echo[name] for name in ranges} == ranges
    body = raw(media, segments=[SEGMENT])
    body["input"][0] |= ranges
    beside = service.post(body)
    assert beside.status_code == 400
    assert beside.json()["errorCode"] == "generation_input_segments_invalid"
    assert beside.json()["field"].startswith("input[0]")


def test_unknown_keys_are_ignored(service: Service, media: MediaHost) -> None:
    body = raw(media, somethingNew=1, options={"sync_mode": "loop", "i2v_prompt": "x", "not_yet": [1]})
    body["input"][0]["later"] = True
    assert service.accepted(body)["options"]["sync_mode"] == "loop"


def raw(media: MediaHost, **more: Any) -> dict[str, Any]:
    """A body as JSON."""
    video = {"type": "video", "url": media.url("long.mp4")}
    return {
        "model": "lipsync-2",
        "input": [video, {"type": "audio", "url": media.url("speech.wav"), "refId": "a"}],
        **more,
    }
