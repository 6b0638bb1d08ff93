"""Every number of contract sections 7.5 and 7.6, and what each mode shows."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from lipwright.timeline.edl import Direction, EditDecisionList, FrameGrid, Original, Silence, Span, Speech
from lipwright.timeline.options import Options, SyncMode
from lipwright.timeline.plan import plan
from lipwright.timeline.request import (
    AudioInput,
    FrameRange,
    GenerationRequest,
    SegmentRequest,
    VisualInput,
    VisualKind,
)

BOUNCE, LOOP, CUT_OFF, SILENCE, REMAP = SyncMode
AUDIO = (AudioInput("a.wav", ref="a"),)


def video(seconds: str | Fraction, rate: Fraction | int = 25) -> FrameGrid:
    rate = Fraction(rate)
    ticks = round(Fraction(seconds) * rate) * rate.denominator
    return FrameGrid(range(0, ticks, rate.denominator), Fraction(1, rate.numerator), ticks)


def whole(
    grid: FrameGrid, audio: str | Fraction, mode: SyncMode | None = None, *, preserve: bool | None = None
) -> EditDecisionList:
    request = GenerationRequest(VisualInput("v"), AUDIO, options=Options(sync_mode=mode, preserve_timing=preserve))
    return plan(grid, {"a": Fraction(audio)}, request)


def segment(grid: FrameGrid, start: str, stop: str, audio: str, mode: SyncMode, *, preserve: bool) -> EditDecisionList:
    one = SegmentRequest(Span(Fraction(start), Fraction(stop)), "a", options=Options(mode, preserve_timing=preserve))
    return plan(grid, {"a": Fraction(audio)}, GenerationRequest(VisualInput("v"), AUDIO, (one,)))


def sources(edl: EditDecisionList) -> list[int]:
    return [frame.source for frame in edl.output_frames()]


@pytest.mark.parametrize(
    ("picture", "audio", "mode", "length"),
    [
        ("4", "8.64", BOUNCE, "8.64"),
        ("4", "8.64", LOOP, "8.64"),
        ("4", "8.64", CUT_OFF, "4"),
        ("4", "8.64", SILENCE, "8.64"),
        ("4", "8.64", REMAP, "8.64"),
        ("10", "1.74", BOUNCE, "1.74"),
        ("10", "1.74", LOOP, "1.74"),
        ("10", "1.74", CUT_OFF, "1.74"),
        ("10", "1.74", SILENCE, "10"),
        ("10", "1.74", REMAP, "1.74"),
        *(("5", "5", mode, "5") for mode in SyncMode),
    ],
)
@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])
def test_contract_7_5(picture: str, audio: str, mode: SyncMode, length: str, rate: int) -> None:
    edl = whole(video(picture, rate), audio, mode)
    frames = list(edl.output_frames())
    assert edl.duration == Fraction(length)
    assert frames[-1].time + frames[-1].duration == Fraction(length)
    assert abs(len(frames) - Fraction(length) * rate) < 1


def test_bounce_of_4_to_8_64_goes_there_back_and_there_again() -> None:
    shown = sources(whole(video("4"), "8.64", BOUNCE))
    assert shown == [*range(100), *range(98, -1, -1), *range(1, 18)]
    assert all(abs(one - two) == 1 for one, two in pairwise(shown))


def test_loop_of_4_to_8_64_is_two_loops_and_a_bit() -> None:
    assert sources(whole(video("4"), "8.64", LOOP)) == [*range(100), *range(100), *range(16)]


def test_silence_holds_the_last_frame_while_the_audio_goes_on() -> None:
    edl = whole(video("4"), "8.64", SILENCE)
    frames = list(edl.output_frames())
    assert [frame.source for frame in frames] == [*range(100), *[99] * 116]
    assert {frame.duration for frame in frames} == {Fraction(1, 25)}
    assert all(clip.lips for clip in edl.clips), "the mouth goes on speaking over the held frame"


def test_silence_after_short_audio_is_8_26_seconds_with_the_mouth_at_rest() -> None:
    edl = whole(video("10"), "1.74", SILENCE)
    assert edl.sound[1].content == Silence()
    assert edl.sound[1].output == Span(Fraction("1.74"), Fraction(10))
    (drive,) = edl.clips[0].lips
    assert drive.speech_time(Fraction("1.73")) == Fraction("1.73")
    assert drive.speech_time(Fraction("1.74")) is None


@pytest.mark.parametrize(("picture", "audio", "speed"), [("4", "8.64", "0.463"), ("10", "1.74", "5.75")])
def test_remap_speeds(picture: str, audio: str, speed: str) -> None:
    edl = whole(video(picture), audio, REMAP)
    assert edl.clips[0].rate == Fraction(picture) / Fraction(audio)
    assert float(edl.clips[0].rate) == pytest.approx(float(speed), rel=2e-3)
    shown = sources(edl)
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] >= len(edl.grid) - 1 - edl.clips[0].rate


def test_remap_of_vfr_picks_by_time_not_by_frame() -> None:
    grid = FrameGrid([0, 40, 80, 120, 160, 200, 240, 280, 320, 360, 760, 800], Fraction(1, 1000), 840)
    edl = whole(grid, "1.68", REMAP)
    assert edl.frame_duration == Fraction(1, 25)
    shown = sources(edl)
    assert shown.count(9) == 20, "the frame that lasts ten times as long is on screen ten times as long"
    assert shown.count(0) == 2
    assert {frame.duration for frame in edl.output_frames()} == {Fraction(1, 25)}


@pytest.mark.parametrize(
    ("length", "audio", "mode", "literal", "preserving"),
    [
        ("3", "5", BOUNCE, "5", "3"),
        ("3", "5", LOOP, "5", "3"),
        ("3", "5", CUT_OFF, "3", "3"),
        ("3", "5", SILENCE, "5", "3"),
        ("3", "5", REMAP, "5", "3"),
        ("10", "6", BOUNCE, "6", "10"),
        ("10", "6", LOOP, "6", "10"),
        ("10", "6", CUT_OFF, "6", "10"),
        ("10", "6", SILENCE, "10", "10"),
        ("10", "6", REMAP, "6", "10"),
    ],
)
@pytest.mark.parametrize("preserve", [False, True])
def test_contract_7_6(length: str, audio: str, mode: SyncMode, literal: str, preserving: str, preserve: bool) -> None:
    stop = str(2 + int(length))
    edl = segment(video("20"), "2", stop, audio, mode, preserve=preserve)
    wanted = Fraction(preserving if preserve else literal)
    (report,) = edl.segments
    assert report.output == Span(Fraction(2), 2 + wanted)
    assert edl.duration == 20 + wanted - int(length)
    assert edl.sound[0].content == Original(Fraction(0))
    assert edl.sound[-1].content == Original(Fraction(stop)), (
        "what follows starts where the segment ended in the source"
    )
    assert edl.sound[-1].output.start == 2 + wanted
    assert sources(edl)[: 2 * 25] == list(range(50))
    assert sources(edl)[-25:] == list(range(475, 500))


def test_a_pinned_segment_cuts_long_audio_and_rests_after_short() -> None:
    long = segment(video("20"), "2", "5", "5", BOUNCE, preserve=True)
    assert [span.content for span in long.sound] == [
        Original(Fraction(0)),
        Speech("a", Fraction(0)),
        Original(Fraction(5)),
    ]
    assert long.segments[0].audio == Span(Fraction(0), Fraction(3))
    assert "cut from 5 s to 3 s" in long.segments[0].happened[0]
    short = segment(video("20"), "2", "12", "6", BOUNCE, preserve=True)
    assert [span.output for span in short.sound if span.content == Silence()] == [Span(Fraction(8), Fraction(12))]
    (drive,) = short.clips[1].lips
    assert drive.speech_time(Fraction(8)) is None


def test_the_whole_video_can_be_pinned_too() -> None:
    assert whole(video("4"), "8.64", BOUNCE, preserve=True).duration == 4
    assert whole(video("10"), "1.74", BOUNCE, preserve=True).duration == 10


@pytest.mark.parametrize("mode", SyncMode)
@pytest.mark.parametrize("more", [-1, -Fraction(1, 2), 0, Fraction(1, 2), 1])
def test_up_to_one_frame_is_no_difference(mode: SyncMode, more: Fraction) -> None:
    """The video's length wins; the audio is cut, or silence follows it."""
    edl = whole(video("4"), 4 + Fraction(more) / 25, mode)
    assert edl.duration == 4
    assert sources(edl) == list(range(100))
    assert edl.sound[0].output.stop == min(Fraction(4), 4 + Fraction(more) / 25)


@pytest.mark.parametrize("mode", SyncMode)
def test_a_zero_length_crop_is_silence_whatever_the_mode(mode: SyncMode) -> None:
    point = Span(Fraction(5), Fraction(5))
    one = SegmentRequest(Span(Fraction(0), Fraction(10)), "a", point, Options(sync_mode=mode))
    edl = plan(video("12"), {"a": Fraction(8)}, GenerationRequest(VisualInput("v"), AUDIO, (one,)))
    assert edl.duration == 12
    assert [span.content for span in edl.sound] == [Silence(), Original(Fraction(10))]
    (drive,) = edl.clips[0].lips
    assert all(drive.speech_time(frame.time) is None for frame in edl.output_frames())


@pytest.mark.parametrize("mode", SyncMode)
def test_a_zero_length_segment_changes_nothing(mode: SyncMode) -> None:
    edl = segment(video("10"), "5", "5", "3", mode, preserve=False)
    assert sources(edl) == list(range(250))
    assert [span.content for span in edl.sound] == [Original(Fraction(0))]
    assert not any(clip.lips for clip in edl.clips)
    assert edl.segments[0].output == Span(Fraction(5), Fraction(5))
    assert edl.segments[0].happened == ("segments[0] has no length and changes nothing.",)


def test_in_the_middle_a_segment_ends_with_a_whole_frame() -> None:
    """So that what follows stays on the frame grid; the rest of that frame is silent."""
    edl = segment(video("20"), "2", "5", "4.01", BOUNCE, preserve=False)
    assert edl.segments[0].output == Span(Fraction(2), Fraction("6.04"))
    assert {frame.duration for frame in edl.output_frames()} == {Fraction(1, 25)}
    assert edl.sound[1].output == Span(Fraction(2), Fraction("6.01"))
    assert edl.sound[2].content == Silence()


def test_a_sliver_of_a_frame_at_the_end_is_not_shown() -> None:
    edl = whole(video("10"), "1.741", LOOP)
    assert [frame.duration for frame in edl.output_frames()][-1] == Fraction("0.021")
    edl = whole(video("10"), "1.763", LOOP)  # 44 frames are 1.76 s
    frames = list(edl.output_frames())
    assert len(frames) == edl.frame_count == 44
    assert frames[-1].duration == Fraction("0.043")


def test_one_frame_cannot_bounce_but_is_held() -> None:
    assert sources(whole(FrameGrid([0], Fraction(1, 25), 1), "0.2", BOUNCE)) == [0] * 5


def test_two_frames_bounce() -> None:
    assert sources(whole(FrameGrid([0, 1], Fraction(1, 25), 2), "0.24", BOUNCE)) == [0, 1, 0, 1, 0, 1]


def test_bounce_of_vfr_keeps_each_frames_own_duration() -> None:
    grid = FrameGrid([0, 40, 70, 120], Fraction(1, 1000), 160)
    frames = list(whole(grid, "0.4", BOUNCE).output_frames())
    assert [(frame.source, int(frame.duration * 1000)) for frame in frames] == [
        (0, 40), (1, 30), (2, 50), (3, 40), (2, 50), (1, 30), (0, 40), (1, 30), (2, 50), (3, 40),
    ]  # fmt: skip


def test_a_frame_held_for_long_is_repeated_where_lips_move() -> None:
    """A recording at 30 fps that left out frames for a second while nothing moved."""
    pts = [*range(0, 300, 10), *range(600, 900, 10)]
    grid = FrameGrid(pts, Fraction(1, 300), 900)
    spoken = whole(grid, "3", CUT_OFF)
    assert [frame.time for frame in spoken.output_frames()] == [Fraction(n, 30) for n in range(90)]
    assert sources(spoken).count(29) == 31
    gap = segment(grid, "2", "3", "1", CUT_OFF, preserve=False)
    assert len(sources(gap)) == 60, "outside segments every frame is as it was"
    assert spoken.frame_count == 90
    assert gap.frame_count == 60


def test_a_first_frame_that_comes_late_is_shown_from_the_start() -> None:
    """Real recordings start at 0.033 s or so; players show their first frame at once."""
    grid = FrameGrid(range(1, 61), Fraction(1, 30), 61)
    edl = segment(grid, "1", "2", "1", CUT_OFF, preserve=False)
    frames = list(edl.output_frames())
    assert frames[0].time == 0
    assert frames[1].time == Fraction(2, 30)
    assert edl.segments[0].output == Span(Fraction(1), Fraction(2))
    assert edl.sound[-1].content == Original(Fraction(2))


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001)])
def test_seconds_snap_to_the_nearest_frame_start(rate: Fraction) -> None:
    grid = video("20", rate)
    edl = segment(grid, "2", "5", "3", CUT_OFF, preserve=False)
    first, stop = edl.segments[0].frames
    assert (first, stop) == (round(2 * rate), round(5 * rate))
    assert edl.segments[0].source == Span(first / rate, stop / rate)
    assert edl.sound[1].output.start == first / rate, "sound begins exactly with the picture"


def test_touching_segments_leave_nothing_between_them() -> None:
    grid = video("20", Fraction(30000, 1001))
    edges = ["0", "3.333", "6.6667", "10.01", "20"]
    segments = tuple(
        SegmentRequest(Span(Fraction(one), Fraction(two)), "a", options=Options(preserve_timing=True))
        for one, two in pairwise(edges)
    )
    edl = plan(grid, {"a": Fraction(30)}, GenerationRequest(VisualInput("v"), AUDIO, segments))
    assert all(clip.lips for clip in edl.clips)
    assert all(isinstance(span.content, Speech) for span in edl.sound)


def test_background_keeps_the_original_quietly_where_the_picture_runs_forward() -> None:
    one = SegmentRequest(FrameRange(50, 100), "a", options=Options(background=0.2))
    edl = plan(video("10"), {"a": Fraction(5)}, GenerationRequest(VisualInput("v"), AUDIO, (one,)))
    under = [(span.output, span.content) for span in edl.sound if span.gain == 0.2]
    assert under == [
        (Span(Fraction(2), Fraction(4)), Original(Fraction(2))),
        (Span(Fraction(4) + Fraction(49, 25), Fraction(7)), Original(Fraction(2) + Fraction(1, 25))),
    ]
    assert [clip.direction for clip in edl.clips if clip.segment == 0] == [
        Direction.FORWARD,
        Direction.BACKWARD,
        Direction.FORWARD,
    ]


@pytest.mark.parametrize("mode", SyncMode)
@pytest.mark.parametrize("audio", ["8.64", "1.73", "0.01"])
def test_a_still_is_as_long_as_its_audio_whatever_the_mode(mode: SyncMode, audio: str) -> None:
    request = GenerationRequest(VisualInput("p", kind=VisualKind.IMAGE), AUDIO, options=Options(sync_mode=mode))
    edl = plan(FrameGrid([0], Fraction(1), 1), {"a": Fraction(audio)}, request)
    assert edl.duration == Fraction(audio)
    assert set(sources(edl)) == {0}
    assert all(one.time * 25 == one.index for one in edl.output_frames())
    assert edl.segments[0].mode is None
    assert edl.warnings == ()  # a picture has no length that could have been changed


def test_a_still_with_segments_is_silent_between_them() -> None:
    def at(start: int, stop: int) -> SegmentRequest:
        return SegmentRequest(Span(Fraction(start), Fraction(stop)), "a", Span(Fraction(0), Fraction(3)))

    request = GenerationRequest(VisualInput("p", kind=VisualKind.IMAGE), AUDIO, (at(1, 2), at(4, 10)))
    edl = plan(FrameGrid([0], Fraction(1), 1), {"a": Fraction(5)}, request)
    assert [report.output for report in edl.segments] == [
        Span(Fraction(1), Fraction(4)),
        Span(Fraction(6), Fraction(9)),
    ]
    assert [span.content for span in edl.sound] == [
        Silence(),
        Speech("a", Fraction(0)),
        Silence(),
        Speech("a", Fraction(0)),
    ]
    assert edl.duration == 9
    assert set(sources(edl)) == {0}
    assert edl.warnings == (
        "segments[0] was lengthened from 1 s to 3 s to hold its audio.",
        "segments[1] was shortened from 6 s to 3 s, the length of its audio.",
    )


def test_what_became_of_the_whole_video_is_told_in_sentences() -> None:
    assert whole(video("4"), "5", CUT_OFF).warnings == ("The audio of the video was cut from 5 s to 4 s.",)
    assert whole(video("4"), "5", LOOP).warnings == (
        "The video was lengthened from 4 s to 5 s (loop) to hold its audio.",
    )
    assert whole(video("4"), "3", SILENCE).warnings == ()


@pytest.mark.parametrize(
    ("pts", "time_base", "end", "nominal"),
    [
        (range(0, 1001 * 100, 1001), Fraction(1, 24000), 100100, Fraction(1001, 24000)),
        ([round(n * 1001 / 24) for n in range(240)], Fraction(1, 1000), 10010, Fraction(1001, 24000)),
        ([round(n * 1000 / 30) for n in range(300)], Fraction(1, 1000), 10000, Fraction(1, 30)),
        ([*range(0, 1000, 40), 3000], Fraction(1, 1000), 3040, Fraction(1, 25)),
        (range(0, 1300, 13), Fraction(1, 100), 1300, Fraction(13, 100)),
    ],
)
def test_nominal_frame_duration(pts: range | list[int], time_base: Fraction, end: int, nominal: Fraction) -> None:
    """Rounded PTS of coarse containers, long holds and odd rates."""
    assert FrameGrid(pts, time_base, end).frame_duration() == nominal


def test_hours_are_planned_and_walked_lazily() -> None:
    """Ten hours at 60 fps: the plan is one clip, and its frames come one at a time."""
    count = 10 * 3600 * 60
    grid = FrameGrid(range(0, count * 1001, 1001), Fraction(1, 60000), count * 1001)
    for mode in SyncMode:
        edl = whole(grid, grid.stop - 100, mode)
        assert len(edl.clips) == 1
        frames = edl.output_frames()
        assert [next(frames).index for _ in range(3)] == [0, 1, 2]
        assert edl.frame_count > count - 6001


def test_a_time_outside_the_output_has_no_source() -> None:
    edl = whole(video("4"), "4")
    with pytest.raises(ValueError, match="not in the output"):
        edl.time_map.to_source(Fraction(4))
