"""What a JSON body becomes: every part of it, both spellings, nulls, warnings, the older fields."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.timeline.bodies import (
    AUDIO,
    GRID,
    TEXT,
    VIDEO,
    Json,
    body,
    one,
)

from lipwright.errors import RequestError
from lipwright.timeline.body import clean_name, parse_request
from lipwright.timeline.edl import Span
from lipwright.timeline.options import Options, SyncMode
from lipwright.timeline.plan import plan
from lipwright.timeline.request import AudioInput, FrameRange, GenerationRequest, SegmentRequest, TextInput, VisualKind


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
