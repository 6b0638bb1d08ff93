"""The command line's small languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.cli.grammar import (
    GrammarError,
    Range,
    join,
    named,
    seconds,
    segment,
    sounds,
    speaker,
    sync_mode,
    time_range,
)
from lipwright.generation.asked import BoxFile, Face, Segment, Text
from lipwright.timeline.options import ActiveSpeaker, PointOnFrame, Prominent, SyncMode


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
        ("auto", ActiveSpeaker()),
        ("prominent", Prominent()),
        ("face2", Face(2)),
        ("120:640,360", PointOnFrame(120, 640, 360)),
        ("0:1.5,2.5", PointOnFrame(0, 1.5, 2.5)),
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
        ("2-5=a", Segment(2, 5, "a")),
        ("6-8=b@1.5-3.5", Segment(6, 8, "b", crop=(1.5, 3.5))),
        ("f50-f100=a/face2", Segment(50, 100, "a", frames=True, speaker=Face(2))),
        ("1:00-1:02=a@0-2/auto", Segment(60, 62, "a", crop=(0, 2), speaker=ActiveSpeaker())),
        ("0-1=a/d/b.json", Segment(0, 1, "a", speaker=BoxFile("d/b.json"))),
        ("0-1.5", Segment(0, 1.5)),
        ("f1-f9/face2", Segment(1, 9, frames=True, speaker=Face(2))),
    ],
)
def test_segments(text: str, value: Segment) -> None:
    assert segment(text) == value


@pytest.mark.parametrize(
    "text",
    ["2", "a", "2-5/", "2-5/x", "2-5@1-2", "2-5=", "2-5=@1-2", "x=a", "2-5=a@", "2-5=a@f1-f2", "2-5=a/", "2-5=a b"],
)
def test_malformed_segments_are_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        segment(text)


def test_frames_stay_whole_numbers() -> None:
    assert isinstance(segment("f1-f2=a").start, int)


def test_one_sound_needs_no_name_and_several_do() -> None:
    assert sounds(["x.wav"], [], []) == {"audio": "x.wav"}
    assert sounds(["a=x.wav"], ["b=Hello"], ["heart"]) == {"a": "x.wav", "b": Text("Hello", voice="heart")}
    with pytest.raises(GrammarError, match="needs a name"):
        sounds(["x.wav", "y.wav"], [], [])


def test_segments_and_sounds_find_each_other() -> None:
    one = {"audio": "speech.wav"}
    join([Segment(0, 1), Segment(1, 2, "audio")], ["0-1", "1-2=audio"], one)
    join([Segment(0, 1, "c")], ["0-1=c"], {"a": "x", "b": "y"})  # which names there are is told by the timeline
    with pytest.raises(GrammarError, match=r"--audio a=speech\.wav"):
        join([Segment(2, 3, "a")], ["2-3=a"], one)
    with pytest.raises(GrammarError, match='--text a="Hi"'):
        join([Segment(2, 3, "a")], ["2-3=a"], {"audio": Text("Hi")})
    with pytest.raises(GrammarError, match="one of a, b"):
        join([Segment(2, 3)], ["2-3"], {"a": "x", "b": "y"})


def test_a_sync_mode_is_one_of_five() -> None:
    assert sync_mode("cut_off") is SyncMode.CUT_OFF
    with pytest.raises(GrammarError, match="'cutoff' is not a sync mode; write one of bounce, loop, cut_off"):
        sync_mode("cutoff")


def test_voices_belong_to_texts() -> None:
    texts = sounds([], ["a=One", "b=Two"], ["a=elevenlabs:xyz", "heart"])
    assert texts == {"a": Text("One", voice="xyz", provider="elevenlabs"), "b": Text("Two", voice="heart")}
    with pytest.raises(GrammarError, match="names no --text"):
        sounds(["a=x.wav"], [], ["a=heart"])


@pytest.mark.parametrize(("audio", "voice"), [(["a=x", "a=y"], []), (["a=x"], ["v", "w"])])
def test_nothing_is_given_twice(audio: list[str], voice: list[str]) -> None:
    with pytest.raises(GrammarError, match=r"two inputs|given twice"):
        sounds(audio, [], voice)


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a=b.wav"
    path.touch()
    assert sounds([str(path)], [], []) == {"audio": str(path)}
