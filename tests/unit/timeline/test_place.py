"""What needs the media to be judged: ranges and crops against real lengths, overlaps, faces on frames."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lipwright.errors import FaceSelectionInvalid, RequestError, SegmentsInvalid, TrimInvalid
from lipwright.timeline.edl import EditDecisionList, FrameGrid, Original, Silence, Span, Speech
from lipwright.timeline.options import BoxesAt, BoxPerFrame, Options, PointOnFrame, Prominent, SpeakerChoice, SyncMode
from lipwright.timeline.plan import plan
from lipwright.timeline.request import AudioInput, FrameRange, GenerationRequest, SegmentRequest, VisualInput
from lipwright.timeline.validate import faults_of
from lipwright.timeline.words import seconds

TEN = FrameGrid(range(250), Fraction(1, 25), 250)
LENGTHS = {"a": Fraction(4), "b": Fraction(4)}
INPUTS = (AudioInput("a.wav", ref="a"), AudioInput("b.wav", ref="b"))


def span(start: float, stop: float) -> Span:
    return Span(Fraction(str(start)), Fraction(str(stop)))


def at(
    start: float,
    stop: float,
    ref: str = "a",
    crop: Span | None = None,
    speaker: SpeakerChoice | BoxesAt | None = None,
    **options: bool | SyncMode,
) -> SegmentRequest:
    chosen = Options(speaker=speaker, **options)
    return SegmentRequest(span(start, stop), ref, crop, chosen)


def request(*segments: SegmentRequest, options: Options | None = None) -> GenerationRequest:
    return GenerationRequest(VisualInput("v"), INPUTS, segments, options or Options())


def planned(*segments: SegmentRequest, options: Options | None = None) -> EditDecisionList:
    return plan(TEN, LENGTHS, request(*segments, options=options))


def test_a_segment_that_ends_after_the_video_is_shortened_and_reported() -> None:
    edl = planned(at(8, 14, preserve_timing=True))
    (report,) = edl.segments
    assert report.requested == span(8, 14)
    assert report.source == report.output == span(8, 10)
    assert report.happened[0] == "segments[0] ends at 14 s, after the video; it was shortened to 10 s."
    assert report.happened[0] in edl.warnings


def test_a_frame_range_that_ends_after_the_video_is_shortened_and_reported() -> None:
    edl = planned(SegmentRequest(FrameRange(200, 999), "a"))
    assert edl.segments[0].frames == (200, 250)
    assert "shortened to frame 250" in edl.segments[0].happened[0]


@pytest.mark.parametrize("segment", [at(10, 11), at(12, 13), at(12, 12), SegmentRequest(FrameRange(250, 251), "a")])
def test_a_segment_wholly_after_the_video_is_an_error(segment: SegmentRequest) -> None:
    with pytest.raises(SegmentsInvalid) as caught:
        planned(at(0, 1), segment)
    (fault,) = caught.value.faults
    assert fault.field == "segments[1]"
    assert fault.message.startswith("segments[1] starts at ")


def test_a_crop_that_ends_after_the_audio_is_shortened_and_reported() -> None:
    edl = planned(at(0, 5, crop=span(3, 9)))
    assert edl.segments[0].audio_requested == span(3, 9)
    assert edl.segments[0].audio == span(3, 4)
    assert edl.segments[0].output == span(0, 1)
    assert "it was shortened to 4 s" in edl.segments[0].happened[0]


@pytest.mark.parametrize("crop", [span(4, 5), span(6, 9)])
def test_a_crop_wholly_after_the_audio_is_an_error(crop: Span) -> None:
    with pytest.raises(TrimInvalid) as caught:
        planned(at(0, 5, crop=crop))
    assert caught.value.faults[0].field == "segments[0].audioInput"


@pytest.mark.parametrize("crop", [span(0, 0), span(2, 2), span(4, 4), span(6, 6)])
def test_a_crop_of_no_length_means_silence_wherever_it_is(crop: Span) -> None:
    edl = planned(at(0, 5, crop=crop))
    assert edl.segments[0].audio.duration == 0
    assert edl.segments[0].audio_requested == crop
    assert edl.segments[0].output == span(0, 5)
    assert edl.segments[0].happened == ()
    assert edl.sound[0].content == Silence()


def test_audio_that_is_a_frame_longer_is_no_news() -> None:
    assert planned(at(0, 1.96, crop=span(0, 2), preserve_timing=True)).warnings == ()
    (told,) = planned(at(0, 1.92, crop=span(0, 2), preserve_timing=True)).warnings
    assert told == "The audio of segments[0] was cut from 2 s to 1.92 s."


def test_faults_come_in_the_order_of_their_fields() -> None:
    segments = (at(0, 2), at(1, 3), SegmentRequest(span(5, 4), "a"), at(6, 7, "z"))
    faults = faults_of(request(*segments, options=Options(temperature=2)))
    told = RequestError.of(faults).faults
    assert [fault.field for fault in told] == [
        "segments[1]",
        "segments[2]",
        "segments[3].audioInput.refId",
        "options.temperature",
    ]
    assert "preserve_timing" in told[0].message
    assert "different speaker" in told[0].message


def test_all_faults_of_the_media_come_together() -> None:
    with pytest.raises(RequestError) as caught:
        planned(at(11, 12), at(0, 1, crop=span(8, 9)), SegmentRequest(FrameRange(30, 40), "a"), at(1, 2))
    assert [fault.field for fault in caught.value.faults] == ["segments[0]", "segments[1].audioInput", "segments[3]"]


def test_a_segment_shorter_than_a_frame_changes_nothing_and_says_so() -> None:
    edl = planned(at(1.001, 1.01))
    assert edl.duration == 10
    assert not any(clip.lips for clip in edl.clips)
    assert edl.segments[0].happened == ("segments[0] is shorter than a frame and changes nothing.",)


def test_segments_need_not_be_in_order() -> None:
    edl = planned(at(6, 8, "b"), at(2, 5, "a"))
    assert [report.index for report in edl.segments] == [0, 1]
    assert [report.output for report in edl.segments] == [span(7, 11), span(2, 6)]
    assert [span_.content for span_ in edl.sound] == [
        Original(Fraction(0)),
        Speech("a", Fraction(0)),
        Original(Fraction(5)),
        Speech("b", Fraction(0)),
        Original(Fraction(8)),
    ]


def test_what_follows_a_longer_or_shorter_segment_moves_with_it() -> None:
    edl = planned(at(1, 2), at(3, 9))
    assert [report.output for report in edl.segments] == [span(1, 5), span(6, 10)]
    assert edl.duration == 10 + 3 - 2
    assert edl.time_map.to_output(Fraction("2.5")) == (Fraction("5.5"),)
    assert edl.time_map.to_output(Fraction(8)) == ()
    assert edl.time_map.to_source(Fraction("10.5")) == Fraction("9.5")


LEFT, RIGHT = PointOnFrame(0, 10, 10), PointOnFrame(0, 90, 10)


@pytest.mark.parametrize(
    ("one", "two", "pinned", "reason"),
    [
        (LEFT, RIGHT, False, "only with preserve_timing"),
        (None, None, True, "name a different speaker"),
        (LEFT, None, True, "name a different speaker"),
        (Prominent(), RIGHT, True, "name a different speaker"),
        (LEFT, LEFT, True, "name a different speaker"),
        (BoxesAt("x"), BoxesAt("x"), True, "name a different speaker"),
    ],
)
def test_overlaps_that_are_refused(
    one: SpeakerChoice | BoxesAt | None, two: SpeakerChoice | BoxesAt | None, pinned: bool, reason: str
) -> None:
    given = request(at(2, 6, speaker=one), at(4, 8, "b", speaker=two), options=Options(preserve_timing=pinned))
    (fault,) = faults_of(given)
    assert fault.field == "segments[1]"
    assert fault.message.startswith("segments[0] and segments[1] overlap by 2 s; ")
    assert reason in fault.message


def test_an_overlap_of_seconds_and_frames_is_found_on_the_grid() -> None:
    with pytest.raises(SegmentsInvalid, match=r"segments\[0\] and segments\[1\] overlap by 1 s"):
        planned(at(2, 4), SegmentRequest(FrameRange(75, 110), "b"))
    assert planned(at(2, 4), SegmentRequest(FrameRange(100, 110), "b")).segments[1].frames == (100, 110)


def test_two_speakers_at_once() -> None:
    """One speaks 2-6, the other 4-9: both faces move in 4-6, and their sound is added."""
    edl = planned(at(2, 6, "a", speaker=LEFT), at(4, 9, "b", speaker=RIGHT), options=Options(preserve_timing=True))
    assert edl.duration == 10
    assert [(clip.output, [drive.ref for drive in clip.lips]) for clip in edl.clips] == [
        (span(0, 2), []),
        (span(2, 4), ["a"]),
        (span(4, 6), ["a", "b"]),
        (span(6, 9), ["b"]),
        (span(9, 10), []),
    ]
    assert [(sound.output, sound.content) for sound in edl.sound] == [
        (span(0, 2), Original(Fraction(0))),
        (span(2, 6), Speech("a", Fraction(0))),
        (span(4, 8), Speech("b", Fraction(0))),
        (span(8, 9), Silence()),
        (span(9, 10), Original(Fraction(9))),
    ]
    drive = edl.clips[2].lips[1]
    assert drive.speech_time(Fraction(5)) == 1


def test_options_of_a_segment_win_over_those_of_the_generation() -> None:
    edl = planned(
        at(0, 1, sync_mode=SyncMode.CUT_OFF), at(2, 3), options=Options(sync_mode=SyncMode.LOOP, temperature=0.9)
    )
    assert [report.mode for report in edl.segments] == [SyncMode.CUT_OFF, SyncMode.LOOP]
    assert {drive.options.temperature for clip in edl.clips for drive in clip.lips} == {0.9}


def test_the_default_mode_is_bounce() -> None:
    assert planned(at(0, 1)).segments[0].mode is SyncMode.BOUNCE


def test_a_point_on_a_frame_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(FaceSelectionInvalid) as caught:
        planned(at(0, 1), at(2, 3, speaker=PointOnFrame(250, 1, 1)))
    assert caught.value.field == "segments[1].optionsOverride.active_speaker_detection.frame_number"
    with pytest.raises(FaceSelectionInvalid) as caught:
        planned(at(0, 1), at(2, 3), options=Options(speaker=PointOnFrame(250, 1, 1)))
    assert [fault.field for fault in caught.value.faults] == ["options.active_speaker_detection.frame_number"]


@pytest.mark.parametrize(("count", "words"), [(100, "counts as not shown"), (300, "the rest is not used")])
def test_boxes_for_more_or_fewer_frames_are_reported(count: int, words: str) -> None:
    boxes = BoxPerFrame(((1.0, 1.0, 5.0, 5.0),) * count)
    assert words in planned(at(0, 4, speaker=boxes)).segments[0].happened[0]


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (Fraction(2), "2 s"),
        (Fraction(1, 3), "0.333 s"),
        (Fraction(10), "10 s"),
        (Fraction(0), "0 s"),
        (Fraction(1, 48000), "less than 0.001 s"),
        (Fraction(1201, 100), "12.01 s"),
    ],
)
def test_seconds_in_words(time: Fraction, words: str) -> None:
    assert seconds(time) == words


def test_a_short_line_inside_a_long_one_leaves_no_silence_after_it() -> None:
    """One speaks 2-6 without a break; the other's one second from 3 on must not end the sound of the first."""
    short = at(3, 5, "b", crop=span(0, 1), speaker=RIGHT)
    edl = planned(at(2, 6, "a", speaker=LEFT), short, options=Options(preserve_timing=True))
    assert [(sound.output, sound.content) for sound in edl.sound if isinstance(sound.content, Speech)] == [
        (span(2, 6), Speech("a", Fraction(0))),
        (span(3, 4), Speech("b", Fraction(0))),
    ]
    assert not any(isinstance(sound.content, Silence) for sound in edl.sound)


def test_halfway_between_two_frames_the_earlier_one_is_taken() -> None:
    assert planned(at(1.02, 2.02)).segments[0].source == span(1, 2)
