"""Every rule of contract section 7.2: what is refused, with code, field path and one sentence each."""

from __future__ import annotations

import math

import pytest
from tests.unit.timeline.bodies import (
    AUDIO,
    FACE,
    SEGMENTS,
    SHAPE,
    TEXT,
    TRIM,
    VIDEO,
    body,
    crop,
    faults,
    one,
    the_fault,
)

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
    "an input is no object": (body(inputs=[VIDEO, AUDIO, "x"]), "input[2]", SHAPE),
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
