"""The command line's small languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.cli.grammar import (
    Auto,
    BoxFile,
    Face,
    GrammarError,
    Largest,
    Point,
    Range,
    SegmentArgument,
    named,
    seconds,
    segment,
    speaker,
    time_range,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("2.5", 2.5), (".5", 0.5), ("2.", 2), ("1:02.5", 62.5), ("1:00:02", 3602), ("0", 0)],
)
def test_times(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1e3", "1:2:3:4", "two", " 2", "1:", "\u0663"])
def test_what_is_not_a_time_is_named(text: str) -> None:
    with pytest.raises(GrammarError, match="is not a time"):
        seconds(text)


@given(st.floats(0, 1e6).map(lambda v: round(v, 3)), st.floats(0, 1e6).map(lambda v: round(v, 3)))
def test_a_range_is_read_as_written(start: float, stop: float) -> None:
    assert time_range(f"{start:.3f}-{stop:.3f}") == Range(start, stop)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_frame_range_is_read_as_written(start: int, stop: int) -> None:
    assert time_range(f"f{start}-f{stop}") == Range(start, stop, frames=True)


@pytest.mark.parametrize("text", ["2", "2-", "-5", "f1-5", "1-f5", "2--5", "a-b", "2-5-7"])
def test_what_is_not_a_range_is_named(text: str) -> None:
    with pytest.raises(GrammarError, match="is not a range"):
        time_range(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("speech.wav", (None, "speech.wav")),
        ("a=speech.wav", ("a", "speech.wav")),
        ("hi=Hello = you", ("hi", "Hello = you")),
        ("folder/x=y.wav", (None, "folder/x=y.wav")),
        ("Hello world = fine", (None, "Hello world = fine")),
    ],
)
def test_named_values(text: str, pair: tuple[str | None, str]) -> None:
    assert named(text) == pair


@pytest.mark.parametrize("text", ["", "a="])
def test_empty_values_are_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        named(text)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("auto", Auto()),
        ("prominent", Largest()),
        ("face2", Face(2)),
        ("120:640,360", Point(120, 640, 360)),
        ("0:1.5,2.5", Point(0, 1.5, 2.5)),
        ("dir/boxes.json", BoxFile("dir/boxes.json")),
    ],
)
def test_speakers(text: str, choice: object) -> None:
    assert speaker(text) == choice


@pytest.mark.parametrize("text", ["", "face0", "face", "1:2", "me", "-1:2,3"])
def test_what_is_not_a_speaker_is_named(text: str) -> None:
    with pytest.raises(GrammarError, match="is not a speaker"):
        speaker(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2-5=a", SegmentArgument(Range(2, 5), "a")),
        ("6-8=b@1.5-3.5", SegmentArgument(Range(6, 8), "b", Range(1.5, 3.5))),
        ("f50-f100=a/face2", SegmentArgument(Range(50, 100, True), "a", None, Face(2))),
        ("1:00-1:02=a@0-2/auto", SegmentArgument(Range(60, 62), "a", Range(0, 2), Auto())),
        ("0-1=a/d/b.json", SegmentArgument(Range(0, 1), "a", None, BoxFile("d/b.json"))),
    ],
)
def test_segments(text: str, value: SegmentArgument) -> None:
    assert segment(text) == value


@pytest.mark.parametrize("text", ["2-5", "2-5=", "2-5=@1-2", "x=a", "2-5=a@", "2-5=a@f1-f2", "2-5=a/", "2-5=a b"])
def test_malformed_segments_are_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        segment(text)
