"""What a Python caller writes, and the request it becomes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

import lipwright
from lipwright.errors import RequestError
from lipwright.generation.asked import BoxFile, Choices, Face, Segment, Text, build_request
from lipwright.timeline.body import parse_request
from lipwright.timeline.grid import Span
from lipwright.timeline.options import ActiveSpeaker, BoxesAt, SyncMode
from lipwright.timeline.request import AudioInput, FrameRange, TextInput


def test_the_same_as_a_json_body() -> None:
    built = build_request(
        "in.mp4",
        {"a": "one.wav", "b": "two.wav"},
        [Segment(2, 5.1, "a", sync_mode="loop"), Segment(6, 8, "b", crop=(1.5, 3.5))],
        Choices(temperature=0.7, background=0.2),
    )
    read = parse_request(
        {
            "input": [
                {"type": "video", "url": "in.mp4"},
                {"type": "audio", "url": "one.wav", "refId": "a"},
                {"type": "audio", "url": "two.wav", "refId": "b"},
            ],
            "segments": [
                {
                    "startTime": 2,
                    "endTime": 5.1,
                    "audioInput": {"refId": "a"},
                    "optionsOverride": {"sync_mode": "loop"},
                },
                {"startTime": 6, "endTime": 8, "audioInput": {"refId": "b", "startTime": 1.5, "endTime": 3.5}},
            ],
            "options": {"temperature": 0.7, "background": 0.2},
        }
    )
    assert (built.audio, built.segments, built.options) == (read.audio, read.segments, read.options)
    assert built.video == read.video


@pytest.mark.parametrize("written", [0.1, Decimal("0.1"), Fraction(1, 10)])
def test_seconds_are_what_was_written(written: float) -> None:
    (segment,) = build_request("v", "a", [Segment(written, 1)]).segments
    assert segment.range == Span(Fraction(1, 10), Fraction(1))
    assert segment.ref == "audio"


def test_frames_and_speakers() -> None:
    segments = [
        Segment(5, 9, frames=True, speaker="auto"),
        Segment(9, 12, frames=True, speaker=Face(2)),
        Segment(12, 13, frames=True, speaker=BoxFile("boxes.json"), sync_mode=SyncMode.REMAP),
    ]
    built = build_request("v", "a", segments).segments
    assert built[0].range == FrameRange(5, 9)
    speakers = [segment.options.speaker for segment in built]
    assert speakers == [ActiveSpeaker(), BoxesAt("face:2"), BoxesAt("boxes.json")]


def test_text_is_spoken_here_unless_a_provider_is_named() -> None:
    local, cloud = build_request("v", {"a": Text("Hi"), "b": Text("Hi", "xyz", "elevenlabs", 0.1, 0.2)}).audio
    assert isinstance(local, TextInput)
    assert (local.provider, local.voice_id) == ("local", "heart")
    assert cloud == TextInput("Hi", "xyz", "elevenlabs", 0.1, 0.2, "b", True)
    assert isinstance(build_request("v", "a.wav").audio[0], AudioInput)


def test_everything_that_cannot_be_read_is_told_at_once() -> None:
    segments = [Segment(float("nan"), True), Segment(0, 1, crop=("x", 2)), Segment(0.5, 2, frames=True)]  # type: ignore[arg-type]
    with pytest.raises(RequestError) as caught:
        build_request("v", {"a": "1", "b": "2"}, segments, Choices(sync_mode="stretch"))
    fields = [fault.field for fault in caught.value.faults]
    assert fields == [
        "segments[0].start",
        "segments[0].end",
        "segments[0]",
        "segments[1].crop",
        "segments[1]",
        "segments[2].start",
        "segments[2]",
        "options.sync_mode",
    ]


def test_values_of_another_kind_are_refused_in_words() -> None:
    with pytest.raises(RequestError, match=r"audio is None; it has to be a path"):
        build_request("v", None)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="segments is 5; it has to be a list"):
        build_request("v", "a", 5)  # type: ignore[arg-type]
    with pytest.raises(RequestError) as caught:
        build_request(None, {"a": "x", "b": 1}, [(2, 5, "a"), Segment(0, 1)])  # type: ignore[arg-type, list-item, dict-item]
    assert [fault.field for fault in caught.value.faults] == ["video", "audio['b']", "segments[0]"]


def test_an_unknown_speaker_name_is_refused() -> None:
    with pytest.raises(RequestError, match="'him'"):
        build_request("v", "a", [], Choices(speaker="him"))  # type: ignore[arg-type]


def test_the_package_exports_what_it_says() -> None:
    assert sorted(lipwright.__all__) == list(lipwright.__all__)
    assert set(lipwright.__all__) == set(lipwright._MODULE_OF)
    for name in lipwright.__all__:
        assert getattr(lipwright, name).__name__.split(".")[-1] == name
        assert name in dir(lipwright)
    with pytest.raises(AttributeError, match="magic"):
        lipwright.magic  # noqa: B018
