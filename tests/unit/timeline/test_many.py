"""How many inputs and segments there may be."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lipwright.errors import RequestError
from lipwright.timeline.grid import Span
from lipwright.timeline.request import AudioInput, GenerationRequest, SegmentRequest, VisualInput
from lipwright.timeline.validate import MOST_INPUTS, MOST_SEGMENTS, check


def request(inputs: int, segments: int) -> GenerationRequest:
    """A request with so many of each, valid but for their number."""
    return GenerationRequest(
        video=VisualInput("v.mp4"),
        audio=tuple(AudioInput(f"{n}.wav", ref=str(n)) for n in range(inputs)),
        segments=tuple(SegmentRequest(Span(Fraction(n), Fraction(n + 1)), "0") for n in range(segments)),
    )


def test_the_most_is_allowed() -> None:
    check(request(MOST_INPUTS, MOST_SEGMENTS))


@pytest.mark.parametrize(
    ("inputs", "segments", "field"), [(MOST_INPUTS + 1, 1, "input"), (1, MOST_SEGMENTS + 1, "segments")]
)
def test_one_more_is_not(inputs: int, segments: int, field: str) -> None:
    with pytest.raises(RequestError, match="at most") as caught:
        check(request(inputs, segments))
    assert [fault.field for fault in caught.value.faults] == [field]
