"""The report survives JSON unchanged, is strict about figures and says what is wrong with a file it cannot read."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lipwright.errors import RequestError
from lipwright.quality.report import (
    METERS,
    Equality,
    FrameCounts,
    Meters,
    ModelUsed,
    OutputFacts,
    PassedRange,
    Performance,
    Phase,
    QualityReport,
    Reading,
    SegmentReport,
    SpeechUsed,
    Unmeasured,
)

readings = st.dictionaries(
    st.sampled_from([m for m in METERS if m != "bilabials"]),
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([Unmeasured("no speech"), Unmeasured("« é »")])),
)


def report(meters: Meters) -> QualityReport:
    counts = FrameCounts(
        output=100,
        asked=50,
        edited=47,
        passed=3,
        untouched=50,
        reasons={"no_face": 3},
        passed_ranges=(PassedRange(10, 13, "no_face", segment=0, face=1),),
    )
    segment = SegmentReport(
        index=0,
        ref="a",
        sync_mode="bounce",
        requested=(1.0, 3.0),
        source=(1.0, 3.0),
        output=(1.0, 3.0),
        audio=(0.0, 2.0),
        face=1,
        speaker="most prominent face",
        frames=counts,
        meters=meters,
        notes=("clamped to the video's end",),
    )
    return QualityReport(
        version="0.1.0",
        engine="exemplar",
        output=OutputFacts("out.mp4", 1280, 720, 100, 4.0, None, "yuv420p"),
        frames=counts,
        segments=(segment,),
        overall=meters,
        equality=Equality(50, 0, 47, 0),
        performance=Performance(8.0, 100, (Phase("render", 47, 2.0), Phase("speech", 0, 0.0, "s")), None),
        options={"temperature": 0.5, "sync_mode": "bounce", "preserve_timing": True, "seed": None},
        speech=(SpeechUsed("a", 2.0, "whisper-head"),),
        models=(ModelUsed("face.tflite", "0" * 64, "Apache-2.0"),),
        warnings=("été ☀",),
    )


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the machine may be busy
@given(readings)
def test_json_round_trip_gives_back_the_same_report(values: dict[str, Reading]) -> None:
    before = report(Meters.of(values))
    assert QualityReport.from_json(before.to_json()) == before


def test_json_is_plain_and_carries_the_rates() -> None:
    document = json.loads(report(Meters.of({"av_offset_ms": -12.34567})).to_json())
    assert next(iter(document)) == "schema"
    assert document["overall"]["av_offset_ms"] == -12.3457
    assert document["performance"]["frames_per_second"] == 12.5
    assert document["performance"]["phases"][0]["per_second"] == 23.5
    assert document["performance"]["phases"][1]["per_second"] is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_becomes_null_with_a_reason(bad: float) -> None:
    meters = Meters.of({"jitter_ratio": bad})
    assert meters.jitter_ratio is None
    assert meters.unmeasured["jitter_ratio"]
    with pytest.raises(ValueError, match="jitter_ratio"):
        Meters(jitter_ratio=bad, unmeasured={m: "x" for m in METERS if m != "jitter_ratio"})


def test_null_needs_a_reason_and_a_figure_has_none() -> None:
    everything = dict.fromkeys(METERS, "not asked for")
    with pytest.raises(ValueError, match="null without a reason"):
        Meters(unmeasured={k: v for k, v in everything.items() if k != "coverage"})
    with pytest.raises(ValueError, match="coverage"):
        Meters(coverage=0.5, unmeasured=everything)
    with pytest.raises(ValueError, match="no such meter: sparkle"):
        Meters.of({"sparkle": 1.0})


def test_unknown_keys_are_ignored() -> None:
    before = report(Meters.of({"coverage": 1.0}))
    document = json.loads(before.to_json())
    document["added_later"] = {"x": 1}
    document["segments"][0]["frames"]["added_later"] = 1
    assert QualityReport.from_json(json.dumps(document)) == before


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"schema": 99}, "schema", "schema is 99"),
        ({"schema": True}, "schema", "schema is True"),
        ({"engine": 7}, "engine", "of type str"),
        ({"frames": [1]}, "frames", "an object"),
        ({"warnings": "none"}, "warnings", "a list"),
        ({"speech": [{"ref": "a", "seconds": "long", "recogniser": "energy"}]}, "speech[0].seconds", "of type float"),
    ],
)
def test_a_misfit_is_named_by_its_path(change: dict[str, object], field: str, words: str) -> None:
    document = json.loads(report(Meters.of({})).to_json()) | change
    with pytest.raises(RequestError) as caught:
        QualityReport.from_json(json.dumps(document))
    assert caught.value.field == field
    assert words in caught.value.message


def test_a_missing_key_is_named() -> None:
    document = json.loads(report(Meters.of({})).to_json())
    del document["segments"][0]["ref"]
    with pytest.raises(RequestError, match=r"segments\[0\]\.ref is missing"):
        QualityReport.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        QualityReport.from_json(text)


def test_equality_is_kept_only_without_any_difference() -> None:
    whole = Equality(5, 0, 5, 0)
    assert whole.kept
    assert not replace(whole, untouched_differing=1).kept
    assert not replace(whole, outside_mask_differing=1).kept
