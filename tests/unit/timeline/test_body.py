"""The JSON body: every sample of the guide, every rule of contract section 7.2, every spelling of section 3.3."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.errors import Fault, RequestError, SegmentsInvalid, TrimInvalid
from lipwright.timeline.body import clean_name, parse_request
from lipwright.timeline.boxes import with_boxes
from lipwright.timeline.edl import FrameGrid, Span
from lipwright.timeline.options import ActiveSpeaker, BoxesAt, BoxPerFrame, Options, PointOnFrame, Prominent, SyncMode
from lipwright.timeline.plan import plan
from lipwright.timeline.request import AudioInput, FrameRange, GenerationRequest, SegmentRequest, TextInput, VisualKind

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


def test_what_a_full_body_becomes() -> None:
    request = parse_request(
        {
            "model": "lipsync-2",
            "input": [
                {"type": "text", "refId": "t", "provider": TEXT["provider"] | {"stability": 0.3, "similarityBoost": 1}},
                {"type": "video", "assetId": "v1", "url": "v.mp4", "refId": "pic"},
                {"type": "audio", "asset_id": "a1", "ref_id": "a"},
            ],
            "segments": [
                {"start_frame": 5, "endFrame": 9.0, "audio_input": {"ref_id": "t"}},
                one(0.5, 0.75, {"refId": "a", "start_time": 1, "endTime": 2}, options_override={"sync_mode": "remap"}),
            ],
            "options": {"sync_mode": "loop", "temperature": 1, "occlusion_detection_enabled": True, "background": 0.1},
            "webhookUrl": "https://example.com/hook",
            "outputFileName": "my clip (1).mp4",
            "projectId": "p",
        }
    )
    assert (request.video.url, request.video.asset_id, request.video.kind) == ("v.mp4", "v1", VisualKind.VIDEO)
    assert request.audio == (
        TextInput("Hello world", "EXAVITQu4vr4xnSDxMaL", "elevenlabs", 0.3, 1.0, ref="t"),
        AudioInput(None, "a1", "a"),
    )
    assert request.segments == (
        SegmentRequest(FrameRange(5, 9), "t"),
        SegmentRequest(
            Span(Fraction(1, 2), Fraction(3, 4)), "a", Span(Fraction(1), Fraction(2)), Options(SyncMode.REMAP)
        ),
    )
    assert request.options == Options(SyncMode.LOOP, 1.0, None, True, None, 0.1)
    assert request.segments[1].options.over(request.options).sync_mode is SyncMode.REMAP
    assert (request.webhook_url, request.output_file_name, request.project_id) == (
        "https://example.com/hook",
        "my_clip_1mp4",
        "p",
    )


def test_null_is_absent_everywhere() -> None:
    nulls = {"options": None, "webhookUrl": None, "outputFileName": None, "projectId": None, "dubParams": None}
    video = VIDEO | {"assetId": None, "refId": None, "segments_secs": None, "segments_frames": None}
    text = TEXT | {"provider": TEXT["provider"] | {"stability": None, "similarityBoost": None}}
    full = one(0, 3, {"refId": "text1", "startTime": None, "endTime": None})
    full |= {"startFrame": None, "endFrame": None, "optionsOverride": None, "start_time": None}
    given = body(full, inputs=[video, text], **nulls)
    plain = body(one(0, 3, {"refId": "text1"}), inputs=[VIDEO, TEXT])
    assert parse_request(given) == parse_request(plain)
    for null in ("sync_mode", "temperature", "active_speaker_detection", "preserve_timing", "background"):
        assert parse_request(body(options={null: None})).options == Options()
    assert parse_request(body(segments=None)) == parse_request(body(segments=[])) == parse_request(body())


def test_one_audio_needs_no_segments_and_no_ref() -> None:
    request = parse_request(body(inputs=[VIDEO, {"type": "audio", "url": "a.wav"}]))
    assert plan(GRID, {request.audio[0].ref: Fraction(3)}, request).duration == 3


def test_times_are_the_decimals_the_client_meant() -> None:
    request = parse_request(body(one(0.1 + 0.2, Decimal("1.1")), one(0, 0.3)))
    assert request.segments[0].range == Span(Fraction(3, 10), Fraction(11, 10))


BAD_TIMES = [-1, -0.001, math.nan, math.inf, -math.inf, "2", "", True, False, [1], {}, 10**400, 1e300, 2e9]


@pytest.mark.parametrize("bad", BAD_TIMES, ids=lambda bad: str(bad)[:12])
def test_bad_numbers_are_refused_where_they_stand(bad: object) -> None:
    assert the_fault(body(one(bad, 5))).field == "segments[0].startTime"
    assert the_fault(body(one(1, bad))).code == SEGMENTS
    fault = the_fault(body(crop(bad, 5)))
    assert (fault.field, fault.code) == ("segments[0].audioInput.startTime", TRIM)


@pytest.mark.parametrize("bad", [-1, 1.5, "5", True, math.nan, 10**12])
def test_bad_frames_are_refused(bad: object) -> None:
    fault = the_fault(body({"startFrame": 0, "endFrame": bad, "audioInput": {"refId": "audio1"}}))
    assert (fault.field, fault.code) == ("segments[0].endFrame", SEGMENTS)


REFUSED: dict[str, tuple[object, str, str]] = {
    "V1 text and audio": (body(inputs=[VIDEO, AUDIO, TEXT]), "segments", SEGMENTS),
    "V2 audio without url": (body(inputs=[VIDEO, {"type": "audio"}]), "input[1]", SHAPE),
    "V2 audio with empty url": (body(inputs=[VIDEO, {"type": "audio", "url": ""}]), "input[1]", SHAPE),
    "V2 in another place": (body(inputs=[{"type": "audio"}, VIDEO]), "input[0]", SHAPE),
    "V3 video without url": (body(inputs=[AUDIO, {"type": "video"}]), "input[1]", SHAPE),
    "V3 image without url": (body(inputs=[{"type": "image"}, AUDIO]), "input[0]", SHAPE),
    "V4 empty refId": (body(one(audio={"refId": ""})), "segments[0].audioInput.refId", SEGMENTS),
    "V4 no audioInput": (body({"startTime": 0, "endTime": 1}), "segments[0].audioInput.refId", SEGMENTS),
    "V4 refId is no string": (body(one(audio={"refId": 1})), "segments[0].audioInput.refId", SEGMENTS),
    "V5 case matters": (body(one(audio={"refId": "Audio1"})), "segments[0].audioInput.refId", SEGMENTS),
    "V5 a video has no voice": (
        body(one(audio={"refId": "v"}), inputs=[VIDEO | {"refId": "v"}, AUDIO]),
        "segments[0].audioInput.refId",
        SEGMENTS,
    ),
    "V8 only the end": (body(one(audio={"refId": "audio1", "endTime": 5})), "segments[0].audioInput", TRIM),
    "V9 audio without refId": (body(one(), inputs=[VIDEO, {"type": "audio", "url": "a"}]), "input", SEGMENTS),
    "V10 refId twice": (body(one(), inputs=[VIDEO, AUDIO, AUDIO]), "input[2].refId", SEGMENTS),
    "V11 overlap in seconds": (body(one(0, 5), one(4, 6)), "segments[1]", SEGMENTS),
    "V11 overlap in frames": (
        body(
            {"startFrame": 5, "endFrame": 9, "audioInput": {"refId": "audio1"}},
            {"startFrame": 0, "endFrame": 6, "audioInput": {"refId": "audio1"}},
        ),
        "segments[1]",
        SEGMENTS,
    ),
    "V12 seconds and frames": (body(one(startFrame=0, endFrame=5)), "segments[0]", SEGMENTS),
    "V12 a second and a frame": (
        body({"startTime": 0, "endFrame": 5, "audioInput": {"refId": "audio1"}}),
        "segments[0]",
        SEGMENTS,
    ),
    "V12 only the start": (body({"startTime": 0, "audioInput": {"refId": "audio1"}}), "segments[0].endTime", SEGMENTS),
    "V12 only the end frame": (
        body({"endFrame": 1, "audioInput": {"refId": "audio1"}}),
        "segments[0].startFrame",
        SEGMENTS,
    ),
    "V12 no range": (body({"audioInput": {"refId": "audio1"}}), "segments[0]", SEGMENTS),
    "V14 an audio without refId": (
        body(one(), inputs=[VIDEO, AUDIO, {"type": "audio", "url": "b"}]),
        "input[2].refId",
        SEGMENTS,
    ),
    "segments is no array": (body(segments={"startTime": 0}), "segments", SHAPE),
    "a segment is no object": (body("0-5"), "segments[0]", SEGMENTS),
    "audioInput is no object": (body(one(audio="audio1")), "segments[0].audioInput", SEGMENTS),
    "optionsOverride is no object": (body(one(optionsOverride=1)), "segments[0].optionsOverride", SHAPE),
    "no input": ({"model": "m"}, "input", SHAPE),
    "input is no array": ({"input": VIDEO}, "input", SHAPE),
    "an input is no object": (body(inputs=[VIDEO, AUDIO, "x"]), "input[2]", SHAPE),  # type: ignore[list-item]
    "no video": (body(inputs=[AUDIO]), "input", SHAPE),
    "no audio": (body(inputs=[VIDEO]), "input", SHAPE),
    "two videos": (body(inputs=[VIDEO, AUDIO, VIDEO]), "input[2]", "generation_input_too_many_visual"),
    "video and image": (
        body(inputs=[{"type": "image", "url": "p.png"}, VIDEO, AUDIO]),
        "input[1]",
        "generation_input_too_many_visual",
    ),
    "unknown type": (body(inputs=[VIDEO, AUDIO, {"type": "music", "url": "x"}]), "input[2].type", SHAPE),
    "no type": (body(inputs=[VIDEO, AUDIO, {"url": "x"}]), "input[2].type", SHAPE),
    "url is no string": (body(inputs=[VIDEO | {"url": 5}, AUDIO]), "input[0].url", SHAPE),
    "text without provider": (body(inputs=[VIDEO, {"type": "text"}]), "input[1].provider", SHAPE),
    "unknown provider": (
        body(inputs=[VIDEO, TEXT | {"provider": TEXT["provider"] | {"name": "x"}}]),
        "input[1].provider.name",
        SHAPE,
    ),
    "no voice": (
        body(inputs=[VIDEO, TEXT | {"provider": {"name": "elevenlabs", "script": "Hi"}}]),
        "input[1].provider.voiceId",
        SHAPE,
    ),
    "blank script": (
        body(inputs=[VIDEO, TEXT | {"provider": TEXT["provider"] | {"script": "  "}}]),
        "input[1].provider.script",
        SHAPE,
    ),
    "long script": (
        body(inputs=[VIDEO, TEXT | {"provider": TEXT["provider"] | {"script": "a" * 5001}}]),
        "input[1].provider.script",
        "generation_text_length_exceeded",
    ),
    "stability": (
        body(inputs=[VIDEO, TEXT | {"provider": TEXT["provider"] | {"stability": 1.1}}]),
        "input[1].provider.stability",
        SHAPE,
    ),
    "boost": (
        body(inputs=[VIDEO, TEXT | {"provider": TEXT["provider"] | {"similarity_boost": -1}}]),
        "input[1].provider.similarityBoost",
        SHAPE,
    ),
    "two spellings differ": (body(one(start_time=1)), "segments[0].startTime", SEGMENTS),
    "two spellings differ in type": (
        body(options={"preserve_timing": True, "preserveTiming": 1}),
        "options.preserve_timing",
        SHAPE,
    ),
    "options is no object": (body(options=[]), "options", SHAPE),
    "sync_mode": (body(options={"sync_mode": "stretch"}), "options.sync_mode", SHAPE),
    "temperature": (body(options={"temperature": 1.01}), "options.temperature", SHAPE),
    "temperature is no number": (body(options={"temperature": "hot"}), "options.temperature", SHAPE),
    "background": (body(options={"background": 2}), "options.background", SHAPE),
    "boolean": (body(options={"preserve_timing": "yes"}), "options.preserve_timing", SHAPE),
    "override": (
        body(one(optionsOverride={"syncMode": "x"})),
        "segments[0].optionsOverride.sync_mode",
        SHAPE,
    ),
    "auto on an image": (
        body(inputs=[{"type": "image", "url": "p"}, AUDIO], options={"active_speaker_detection": True}),
        "options.active_speaker_detection.auto_detect",
        FACE,
    ),
    "dubbing": (body(dubParams={"target": "de"}), "dubParams", SHAPE),
    "legacy and segments": (body(one(), inputs=[VIDEO | {"segments_secs": [[0, 1]]}, AUDIO]), "input[0]", SEGMENTS),
    "both legacy": (
        body(inputs=[VIDEO | {"segments_secs": [[0, 1]], "segments_frames": [[0, 1]]}, AUDIO]),
        "input[0].segments_frames",
        SEGMENTS,
    ),
    "legacy pair": (body(inputs=[VIDEO | {"segments_secs": [[0]]}, AUDIO]), "input[0].segments_secs[0]", SEGMENTS),
    "legacy order": (
        body(inputs=[VIDEO | {"segments_frames": [[0, 5], [5, 5]]}, AUDIO]),
        "input[0].segments_frames[1]",
        SEGMENTS,
    ),
    "no object": (["x"], "", SHAPE),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    given, field, code = REFUSED[name]
    fault = the_fault(given)
    assert (fault.field, fault.code) == (field, code)
    assert fault.message.startswith((field or "The request", "segments["))


def test_all_faults_come_together() -> None:
    given = body(
        one(5, 1),
        one(6, 7, {"refId": "nobody", "startTime": 1}),
        {"startFrame": "x", "endFrame": 3, "audioInput": {}},
        options={"temperature": 9, "sync_mode": "zoom"},
        inputs=[VIDEO | {"url": None}, AUDIO, TEXT | {"provider": TEXT["provider"] | {"stability": 7}}],
    )
    assert {fault.field for fault in faults(given)} == {
        "segments[0]",
        "segments[1].audioInput.refId",
        "segments[1].audioInput",
        "segments[2].startFrame",
        "segments[2].audioInput.refId",
        "options.temperature",
        "options.sync_mode",
        "input[0]",
        "input[2].provider.stability",
    }


def test_the_same_value_in_both_spellings_is_fine() -> None:
    assert parse_request(body(one(1, 2, start_time=1.0))).segments[0].range == Span(Fraction(1), Fraction(2))


def test_models() -> None:
    assert parse_request(body(), models=("lipsync-2",)).model == "lipsync-2"
    with pytest.raises(RequestError) as unknown:
        parse_request(body(model="lipsync-9"), models=("lipsync-2",))
    assert unknown.value.code == "generation_unsupported_model"
    with pytest.raises(RequestError, match="model is missing"):
        parse_request(body(model=None), models=("lipsync-2",))


def test_what_has_no_effect_is_told() -> None:
    given = body(
        one(colour="red"),
        options={"model_mode": "face", "prompt": "sad", "reasoningEnabled": True, "sync_mod": "loop", "v3": None},
        hello=1,
    )
    warnings = " ".join(parse_request(given).warnings)
    for path in (
        "options.model_mode",
        "options.prompt",
        "options.reasoning_enabled",
        "options.sync_mod",
        "hello",
        "segments[0].colour",
    ):
        assert f"{path} " in warnings


POINT = {"frame_number": 3, "coordinates": [10, 20.5]}
BOXES = {"bounding_boxes": [[1, 2, 3, 4], None]}


@pytest.mark.parametrize(
    ("given", "speaker"),
    [
        (True, ActiveSpeaker()),
        (False, Prominent()),
        ({"auto_detect": True}, ActiveSpeaker()),
        ({"autoDetect": True, "v3": True, "use_v2": False}, ActiveSpeaker()),
        ({"auto_detect": False}, Prominent()),
        ({}, None),
        (POINT, PointOnFrame(3, 10.0, 20.5)),
        ({"auto_detect": False, "frameNumber": 3, "coordinates": [10, 20.5]}, PointOnFrame(3, 10.0, 20.5)),
        (BOXES, BoxPerFrame(((1.0, 2.0, 3.0, 4.0), None))),
        ({**BOXES, **POINT}, BoxPerFrame(((1.0, 2.0, 3.0, 4.0), None))),
        ({"bounding_boxes_url": "boxes.json"}, BoxesAt("boxes.json")),
    ],
)
def test_active_speaker_detection(given: object, speaker: object) -> None:
    for key in ("active_speaker_detection", "activeSpeakerDetection"):
        assert parse_request(body(options={key: given})).options.speaker == speaker
        overridden = parse_request(body(one(options_override={key: given})))
        assert overridden.segments[0].options.speaker == speaker


def test_legacy_active_speaker() -> None:
    assert parse_request(body(options={"active_speaker": True})).options.speaker == ActiveSpeaker()
    both = {"active_speaker": True, "active_speaker_detection": POINT}
    assert parse_request(body(options=both)).options.speaker == PointOnFrame(3, 10.0, 20.5)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"auto_detect": True, **POINT}, ".auto_detect"),
        ({"auto_detect": True, **BOXES}, ".auto_detect"),
        ({"auto_detect": "yes"}, ".auto_detect"),
        ({"frame_number": 1}, ".coordinates"),
        ({"coordinates": [1, 2]}, ".frame_number"),
        ({"frame_number": -1, "coordinates": [1, 2]}, ".frame_number"),
        ({"frame_number": 1.5, "coordinates": [1, 2]}, ".frame_number"),
        ({"frame_number": 1, "coordinates": [1]}, ".coordinates"),
        ({"frame_number": 1, "coordinates": [1, "2"]}, ".coordinates"),
        ({"frame_number": 1, "coordinates": [1, -2]}, ".coordinates"),
        ({"frame_number": 1, "coordinates": 5}, ".coordinates"),
        ({"bounding_boxes": []}, ".bounding_boxes"),
        ({"bounding_boxes": [None, None]}, ".bounding_boxes"),
        ({"bounding_boxes": [[3, 2, 1, 4]]}, ".bounding_boxes[0]"),
        ({"bounding_boxes": [None, [1, 2, 3]]}, ".bounding_boxes[1]"),
        ({**BOXES, "bounding_boxes_url": "x"}, ".bounding_boxes_url"),
        ({"bounding_boxes_url": 5}, ".bounding_boxes_url"),
        (5, ""),
    ],
)
def test_bad_face_choices(given: object, key: str) -> None:
    fault = the_fault(body(options={"active_speaker_detection": given}))
    assert (fault.field, fault.code) == (f"options.active_speaker_detection{key}", FACE)


def test_boxes_behind_a_reference_are_read_once() -> None:
    asd = {"active_speaker_detection": {"bounding_boxes_url": "b.json"}}
    request = parse_request(body(one(0, 1, optionsOverride=asd), one(2, 3), options=asd))
    with pytest.raises(RequestError, match="have not been read"):
        plan(GRID, {"audio1": Fraction(5)}, request)
    asked: list[str] = []

    def load(url: str) -> object:
        asked.append(url)
        return {"boundingBoxes": [[1, 2, 3, 4]] * len(GRID)}

    ready = with_boxes(request, load)
    assert asked == ["b.json"]
    edl = plan(GRID, {"audio1": Fraction(5)}, ready)
    assert all(isinstance(drive.options.speaker, BoxPerFrame) for clip in edl.clips for drive in clip.lips)
    for bad in ("text", {"boxes": []}, {"bounding_boxes": [[1]]}, {"bounding_boxes": 5}, []):
        with pytest.raises(RequestError) as caught:
            with_boxes(request, lambda _url, bad=bad: bad)
        assert caught.value.faults[0].code == FACE


def test_legacy_ranges_run_along_the_audio() -> None:
    request = parse_request(body(inputs=[VIDEO | {"segments_secs": [[4, 6], [1, 2], [5, 7]]}, AUDIO]))
    edl = plan(GRID, {"audio1": Fraction(6)}, request)
    assert [report.output for report in edl.segments] == [
        Span(Fraction(1), Fraction(2)),
        Span(Fraction(4), Fraction(7)),
    ]
    assert [report.audio for report in edl.segments] == [Span(Fraction(1), Fraction(2)), Span(Fraction(4), Fraction(6))]
    assert edl.duration == GRID.duration
    frames = parse_request(body(inputs=[VIDEO | {"segments_frames": [[25, 50]]}, {"type": "audio", "url": "a"}]))
    edl = plan(GRID, {frames.audio[0].ref: Fraction(60)}, frames)
    assert edl.segments[0].audio == edl.segments[0].output == Span(Fraction(1), Fraction(2))


@pytest.mark.parametrize(
    ("name", "clean"),
    [("my clip", "my_clip"), ("../../etc/passwd", "etcpasswd"), ("ü?", None), ("a" * 300, "a" * 255)],
)
def test_output_file_names(name: str, clean: str | None) -> None:
    assert clean_name(name) == clean


KEYS = st.sampled_from(
    [
        "input",
        "segments",
        "options",
        "type",
        "url",
        "refId",
        "ref_id",
        "provider",
        "name",
        "voiceId",
        "script",
        "startTime",
        "end_time",
        "startFrame",
        "endFrame",
        "audioInput",
        "optionsOverride",
        "sync_mode",
        "active_speaker_detection",
        "coordinates",
        "frame_number",
        "bounding_boxes",
        "segments_secs",
        "segments_frames",
        "temperature",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(KEYS, json_values, max_size=6))
def test_no_body_whatsoever_breaks_the_reader(given: Json) -> None:
    inputs = given.get("input")
    given["input"] = [VIDEO, AUDIO, *(inputs if isinstance(inputs, list) else [inputs])]
    try:
        made: GenerationRequest | RequestError = parse_request(given)
    except RequestError as error:
        made = error
    assert isinstance(made, GenerationRequest) or all(fault.message and fault.code for fault in made.faults)
