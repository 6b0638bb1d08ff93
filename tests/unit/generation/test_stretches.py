"""What is copied and what is encoded, for any plan on any source."""

from __future__ import annotations

from array import array
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.timeline.test_plan_properties import Job, jobs

from lipwright.generation import stretches
from lipwright.generation.inputs import Inputs
from lipwright.generation.stretches import Stretches, stretches_of
from lipwright.media.h264 import ParameterSets
from lipwright.media.source_packets import SourcePackets, Uncopyable
from lipwright.timeline.edl import EditDecisionList
from lipwright.timeline.plan import plan

SHORTEST, RUN = Fraction(1, 8), Fraction(1, 2)
INPUTS = cast(Inputs, SimpleNamespace(video=Path("v.mp4"), info=None, limits=None))


@st.composite
def packets_for(draw: st.DrawFn, frames: int) -> SourcePackets | Uncopyable:
    """Packets of a video of so many frames, in groups that are closed or open."""
    if draw(st.integers(0, 9)) == 0:
        return Uncopyable("Just so.")
    cuts = sorted({0, frames, *draw(st.sets(st.integers(0, frames)))})
    starts = [cut for cut in cuts[:-1] if draw(st.booleans())]
    sizes = array("q", [0])
    for _ in range(frames):
        sizes.append(sizes[-1] + draw(st.sampled_from([1, 40, 90_000])))
    return SourcePackets("", 0, ParameterSets((), ()), range(frames), sizes, cuts, cuts, starts, 0, False)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Job, SourcePackets | Uncopyable]:
    job = draw(jobs())
    return job, draw(packets_for(len(job[0])))


def cut(edl: EditDecisionList, packets: SourcePackets | Uncopyable, whole: str | None = None) -> Stretches:
    with (
        patch.object(stretches, "source_packets", lambda *_: packets),
        patch.object(stretches, "SHORTEST", SHORTEST),
        patch.object(stretches, "RUN", RUN),
    ):
        return stretches_of(edl, INPUTS, whole)


@given(cases())
def test_stretches_cover_the_output_and_copy_only_the_source_as_it_is(
    case: tuple[Job, SourcePackets | Uncopyable],
) -> None:
    (job, packets), edl = case, plan(*case[0])
    made = cut(edl, packets)
    edges = [0, *(stretch.stop for stretch in made.all)]
    assert [stretch.first for stretch in made.all] == edges[:-1]
    assert edges[-1] == edl.frame_count
    assert all(stretch.frames > 0 for stretch in made.all)
    shown = list(edl.output_frames())
    for stretch in made.all:
        if stretch.source is None:
            assert stretch.frames == 1 or (stretch.frames - 1) * edl.frame_duration <= RUN
            assert (stretch.ceiling is not None) == (made.packets is not None)
            if stretch.ceiling is not None:
                assert stretch.ceiling.rate > 0
                assert stretch.ceiling.buffer > 0
            continue
        assert isinstance(packets, SourcePackets)
        assert stretch.source in packets.starts
        assert stretch.source + stretch.frames in packets.cuts
        assert stretch.frames * edl.frame_duration >= SHORTEST
        for number, frame in enumerate(shown[stretch.first : stretch.stop]):
            assert frame.source == stretch.source + number
            assert not edl.clips[frame.clip].lips
            assert made.is_copied(frame.index)
    assert made.copied_frames == sum(made.is_copied(place) for place in range(-1, edl.frame_count + 1))
    assert (made.whole is None) == (made.copied_frames > 0)
    assert [stretch for part in made.parts() for stretch in part] == list(made.all)
    assert job[0] is edl.grid


@given(cases())
def test_a_reason_to_copy_nothing_leaves_the_other_runs_as_they_are(
    case: tuple[Job, SourcePackets | Uncopyable],
) -> None:
    edl = plan(*case[0])
    made, full = cut(edl, case[1]), cut(edl, case[1], "Because.")
    assert full.whole == "Because."
    assert full.copied_frames == 0
    assert (full.packets is None) == (made.packets is None)
    assert set(made.encoded) <= set(full.all)
    for stretch in made.all:
        if stretch.copied:
            instead = [run for run in full.all if stretch.first <= run.first < stretch.stop]
            assert (instead[0].first, instead[-1].stop) == (stretch.first, stretch.stop)
            assert all(run.ceiling is None for run in instead)
    assert full.unlike().packets is None
    assert full.between(0, edl.frame_count) == replace(full, all=full.all)


@given(jobs(), st.integers(-2, 80), st.integers(-2, 80))
def test_a_part_of_the_output_frames_is_a_slice_of_them(job: Job, first: int, length: int) -> None:
    edl = plan(*job)
    first, stop = max(0, first), max(0, first + length)
    every = list(edl.output_frames())
    assert list(edl.output_frames(first, stop)) == every[first:stop]
    assert list(edl.output_frames(first)) == every[first:]
    for number, (begin, end) in enumerate(edl.clip_frames):
        assert [frame.index for frame in every if frame.clip == number] == list(range(begin, end))
