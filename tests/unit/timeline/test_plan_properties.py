"""What must hold for every plan, whatever the frame rate, the segments, the modes and the lengths."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwright.errors import RequestError
from lipwright.timeline.edl import Direction, EditDecisionList, FrameGrid, Original, Silence, Span, Speech
from lipwright.timeline.options import Options, PointOnFrame, SyncMode
from lipwright.timeline.plan import plan
from lipwright.timeline.request import AudioInput, FrameRange, GenerationRequest, SegmentRequest, VisualInput

RATES = [Fraction(n, d) for n, d in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60, 1))]
VIDEO = VisualInput("v.mp4")
Job = tuple[FrameGrid, dict[str, Fraction], GenerationRequest]


def cfr(rate: Fraction, frames: int, start: int = 0) -> FrameGrid:
    step, stop = rate.denominator, (start + frames) * rate.denominator
    return FrameGrid(range(start * step, stop, step), Fraction(1, rate.numerator), stop)


def vfr(gaps: Sequence[int], start: int = 0) -> FrameGrid:
    """Frames that last so many milliseconds."""
    edges = list(accumulate(gaps, initial=start))
    return FrameGrid(edges[:-1], Fraction(1, 1000), edges[-1])


grids = st.one_of(
    st.builds(cfr, st.sampled_from(RATES), st.integers(1, 60), st.integers(0, 3)),
    st.builds(vfr, st.lists(st.integers(1, 700), min_size=1, max_size=40), st.integers(0, 50)),
)
times = st.fractions(0, 12, max_denominator=48000)
lengths = st.fractions(Fraction(1, 1000), 12, max_denominator=48000)
modes = st.sampled_from(SyncMode)
parts = st.fractions(0, 1, max_denominator=9600)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A video, the lengths of two audios, and segments that do not overlap (each pinned or not)."""
    grid = draw(grids)
    audio = {"a": draw(lengths), "b": draw(lengths)}
    segments = []
    if draw(st.booleans()):
        edges = sorted(grid.stop * part for part in draw(st.lists(parts, max_size=8)))
        for start, stop in zip(edges[::2], edges[1::2], strict=False):
            ref = draw(st.sampled_from("ab"))
            crop = None
            if draw(st.booleans()):
                points = sorted(audio[ref] * draw(parts) for _ in range(2))
                crop = Span(points[0], points[1])
                if crop.start == audio[ref] and crop.duration:
                    crop = None
            options = Options(
                sync_mode=draw(modes),
                preserve_timing=draw(st.booleans()),
                background=draw(st.sampled_from([None, 0.25])),
            )
            segments.append(SegmentRequest(Span(start, stop), ref, crop, options))
    inputs = (AudioInput("a.wav", ref="a"), AudioInput("b.wav", ref="b"))
    if not segments:
        inputs = inputs[:1]
    options = Options(sync_mode=draw(modes))
    return grid, audio, GenerationRequest(VIDEO, inputs, tuple(draw(st.permutations(segments))), options)


def covers(spans: list[Span], stop: Fraction) -> bool:
    """Whether `spans`, in order, follow each other without gap or overlap from 0 to `stop`."""
    return (
        spans[0].start == 0
        and spans[-1].stop == stop
        and all(one.stop == two.start for one, two in pairwise(spans))
        and all(span.duration > 0 for span in spans)
    )


@given(jobs())
@settings(max_examples=100, deadline=None)
def test_every_output_instant_shows_exactly_one_source_frame(
    job: Job,
) -> None:
    edl = plan(*job)
    frames = list(edl.output_frames())
    assert covers([clip.output for clip in edl.clips], edl.duration)
    assert covers([Span(frame.time, frame.time + frame.duration) for frame in frames], edl.duration)
    assert len(frames) == edl.frame_count
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame in frames:
        clip = edl.clips[frame.clip]
        assert clip.first <= frame.source < clip.stop
        assert frame.time in clip.output
        assert (frame.time / edl.time_base).denominator == 1


@given(jobs())
@settings(max_examples=100, deadline=None)
def test_the_frame_shown_is_the_one_the_time_map_names(
    job: Job,
) -> None:
    edl = plan(*job)
    for frame in edl.output_frames():
        source = edl.time_map.to_source(frame.time)
        if edl.clips[frame.clip].direction is Direction.BACKWARD:  # runs from the end of a frame to its start
            assert edl.grid.time(frame.source) < source <= edl.grid.time(frame.source + 1)
        else:
            assert edl.grid.frame_at(source) == frame.source


@given(jobs(), st.fractions(0, 1, max_denominator=1000))
@settings(max_examples=100, deadline=None)
def test_the_time_map_goes_there_and_back(job: Job, part: Fraction) -> None:
    edl = plan(*job)
    time = edl.duration * part * Fraction(999, 1000)
    source = edl.time_map.to_source(time)
    back = edl.time_map.to_output(source)
    assert all(edl.time_map.to_source(output) == source for output in back)
    clip = next(clip for clip in edl.clips if time in clip.output)
    assert time in back or clip.rate == 0
    assert list(back) == sorted(set(back))


def base_spans(edl: EditDecisionList) -> list[Span]:
    """The spans of the sound's base: everything but originals kept under segments."""
    return [s.output for s in edl.sound if not (isinstance(s.content, Original) and s.gain < 1)]


@given(jobs())
@settings(max_examples=100, deadline=None)
def test_every_output_sample_has_exactly_one_source(
    job: Job,
) -> None:
    grid, audio, _ = job
    edl = plan(*job)
    assert covers(base_spans(edl), edl.duration)
    for span in edl.sound:
        match span.content:
            case Speech(ref, start):
                assert span.gain == 1
                assert start >= 0
                assert start + span.output.duration <= audio[ref]
            case Original(start):
                assert grid.start <= start
                assert start + span.output.duration <= grid.stop
                middle = (span.output.start + span.output.stop) / 2
                assert edl.time_map.to_source(middle) == start + middle - span.output.start
            case Silence():
                assert span.gain == 1


@given(jobs())
@settings(max_examples=100, deadline=None)
def test_the_length_is_what_the_modes_say(job: Job) -> None:
    """Gaps keep their length, each segment has that of contract 7.5 to the frame, and the end is exact."""
    edl = plan(*job)
    total = edl.grid.duration
    for report in edl.segments:
        S, A = (
            report.source.duration,
            min(report.audio_requested.stop, job[1][report.ref]) - report.audio_requested.start,
        )
        options = job[2].segments[report.index].options if report.index >= 0 else job[2].options
        if S == 0 or A == 0 or options.preserve_timing or abs(A - S) <= edl.frame_duration:
            wanted, slack = S, Fraction(0)
        elif options.sync_mode is SyncMode.CUT_OFF:
            wanted, slack = min(S, A), max_gap(edl.grid)
        elif options.sync_mode is SyncMode.SILENCE:
            wanted, slack = max(S, A), max_gap(edl.grid)
        else:
            wanted, slack = A, max_gap(edl.grid)
        made = report.output.duration
        assert wanted <= made < wanted + slack or made == wanted
        if report.frames[1] == len(edl.grid) and report.frames[0] < report.frames[1]:
            assert made == wanted
        total += made - S
    assert edl.duration == total


def max_gap(grid: FrameGrid) -> Fraction:
    """The longest a frame is shown: a segment ends with the frame on screen when its audio ends."""
    return max(max(grid.duration_of(frame) for frame in range(len(grid))), grid.frame_duration())


@given(jobs())
@settings(max_examples=100, deadline=None)
def test_gaps_are_the_source_unchanged(job: Job) -> None:
    edl = plan(*job)
    frames = list(edl.output_frames())
    for number, clip in enumerate(edl.clips):
        if clip.segment is None:
            mine = [frame for frame in frames if frame.clip == number]
            assert [frame.source for frame in mine] == list(range(clip.first, clip.stop))
            if mine[-1] is frames[-1]:  # it may be held over a sliver of a segment that is too short to show
                mine.pop()
            assert all(frame.duration == edl.grid.duration_of(frame.source) for frame in mine)
            assert not clip.lips
        else:
            assert [drive.segment for drive in clip.lips] == [clip.segment]
            assert clip.lips[0].output.start <= clip.output.start
            assert clip.output.stop <= clip.lips[0].output.stop


@given(grids, st.lists(st.tuples(times, times), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_overlapping_speakers_are_added_and_both_move(grid: FrameGrid, ranges: list[tuple[Fraction, Fraction]]) -> None:
    """Any pinned segments whose faces differ may overlap; the output is as long as the video."""
    audio = {"a": Fraction(3)}
    segments = tuple(
        SegmentRequest(
            Span(min(pair), max(pair)), "a", options=Options(preserve_timing=True, speaker=PointOnFrame(0, index, 0))
        )
        for index, pair in enumerate(ranges)
        if min(pair) < grid.stop
    )
    if not segments:
        return
    edl = plan(grid, audio, GenerationRequest(VIDEO, (AudioInput("a.wav", ref="a"),), segments))
    assert edl.duration == grid.duration
    assert all(clip.rate == 1 for clip in edl.clips)
    for frame in edl.output_frames():
        active = {d.segment for d in edl.clips[frame.clip].lips}
        here = {r.index for r in edl.segments if r.frames[0] <= frame.source < r.frames[1]}
        assert active == here
    events = sorted({edge for span in edl.sound for edge in (span.output.start, span.output.stop)})
    for start, stop in pairwise(events):
        sounding = [s.content for s in edl.sound if s.output.start <= start and stop <= s.output.stop]
        assert len(sounding) == 1 or all(isinstance(content, Speech) for content in sounding)
        assert sounding


@given(grids, st.integers(0, 100), st.integers(1, 100), lengths, modes)
@settings(max_examples=100, deadline=None)
def test_a_frame_range_is_exactly_those_frames(
    grid: FrameGrid, start: int, count: int, length: Fraction, mode: SyncMode
) -> None:
    segment = SegmentRequest(FrameRange(start, start + count), "a", options=Options(sync_mode=mode))
    request = GenerationRequest(VIDEO, (AudioInput("a.wav", ref="a"),), (segment,))
    if start >= len(grid):
        with pytest.raises(RequestError, match=r"segments\[0\] starts at frame"):
            plan(grid, {"a": length}, request)
        return
    edl = plan(grid, {"a": length}, request)
    stop = min(start + count, len(grid))
    assert edl.segments[0].frames == (start, stop)
    shown = {frame.source for frame in edl.output_frames() if edl.clips[frame.clip].segment == 0}
    assert shown <= set(range(start, stop))
    untouched = [frame.source for frame in edl.output_frames() if edl.clips[frame.clip].segment is None]
    assert untouched == [*range(start), *range(stop, len(grid))]


@given(grids, times)
def test_the_nearest_edge_is_nearest(grid: FrameGrid, time: Fraction) -> None:
    time = min(time, grid.stop)
    edge = grid.nearest_edge(time)
    assert abs(grid.time(edge) - time) == min(abs(grid.time(other) - time) for other in range(len(grid) + 1))


@given(grids, times)
def test_a_time_has_the_frame_that_is_on_screen(grid: FrameGrid, time: Fraction) -> None:
    frame = grid.frame_at(time)
    assert grid.time(frame) <= time
    assert time < grid.time(frame + 1) or frame == len(grid) - 1
    first = grid.first_from(time)
    assert all(grid.time(frame) < time for frame in range(first))
    assert first == len(grid) or grid.time(first) >= time
