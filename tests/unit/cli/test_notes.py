"""What the console says about a finished job that is no problem."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lipwright.cli.notes import notes
from lipwright.generation.asked import Choices, Segment, build_request
from lipwright.generation.generate import Result
from lipwright.quality.report import FrameCounts
from lipwright.timeline.request import GenerationRequest


def told(
    request: GenerationRequest, faces: int = 2, passed: int = 0, how: str = "most prominent", warned: bool = False
) -> list[str]:
    frames = FrameCounts(90, 88, 88 - passed, passed, 2, {"mouth_covered": passed} if passed else {})
    indices = range(len(request.segments)) if request.segments else [None]
    segments = [SimpleNamespace(index=index, face=1, speaker=how) for index in indices]
    report = SimpleNamespace(frames=frames, segments=segments, warnings=("a",) if warned else ())
    result = SimpleNamespace(report=report, faces_at_once=faces)
    assert set(vars(result)) <= set(Result.__dataclass_fields__)
    return list(notes(result, request))  # type: ignore[arg-type]  # only what the notes look at


def test_who_speaks_is_told_where_nobody_was_chosen() -> None:
    (said,) = told(build_request("in.mp4", "a.wav"))
    assert said.startswith("2 faces were found; face 1 (the most prominent) speaks.")
    assert "lipwright faces in.mp4" in said


def test_in_segments_the_face_has_no_number() -> None:
    (said,) = told(build_request("in.mp4", "a.wav", [Segment(0, 1, speaker="auto"), Segment(1, 2)]))
    assert "the most prominent one speaks" in said


@pytest.mark.parametrize(
    ("request_", "faces", "how"),
    [
        (build_request("v", "a"), 1, "most prominent"),
        (build_request("v", "a", choices=Choices(speaker="prominent")), 2, "most prominent"),
        (build_request("v", "a", [Segment(0, 1, speaker="auto")]), 2, "most prominent"),
        (build_request("v", "a"), 2, "no face on these frames"),
    ],
)
def test_nothing_is_said_about_a_choice_that_was_made(request_: GenerationRequest, faces: int, how: str) -> None:
    assert told(request_, faces, how=how) == []


def test_frames_left_alone_are_counted() -> None:
    request = build_request("v", "a")
    assert told(request, 1, passed=5) == ["5 of 88 frames were left as they were: mouth covered (5)."]
    assert told(request, 1, passed=80, warned=True) == []  # the report has said so
