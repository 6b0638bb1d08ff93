"""What the user should know about a finished job that is no problem: who speaks, and which frames were left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lipwright.generation.generate import Result
    from lipwright.quality.report import QualityReport
    from lipwright.timeline.request import GenerationRequest

PROMINENT = "most prominent"


def notes(result: Result, request: GenerationRequest) -> Iterator[str]:
    """Whole sentences for the console, besides the warnings of the report."""
    yield from _who(result, request)
    yield from _left(result.report)


def _who(result: Result, request: GenerationRequest) -> Iterator[str]:
    """Which of several faces speaks, where nobody chose one."""
    free = [index for index, one in enumerate(request.segments) if one.options.speaker is None]
    unchosen = request.options.speaker is None and (free or not request.segments)
    segments = [one for one in result.report.segments if one.index is None or one.index in free]
    taken = [one for one in segments if PROMINENT in one.speaker and one.face is not None]
    if not unchosen or result.faces_at_once < 2 or not taken:
        return
    # Faces are numbered over what was looked at: only without segments that is the whole video, as `faces` numbers it.
    who = "the most prominent one" if request.segments else f"face {taken[0].face} (the most prominent)"
    yield (
        f"{result.faces_at_once} faces were found; {who} speaks. "
        f"`lipwright faces {request.video.url}` shows them, and --speaker chooses another."
    )


def _left(report: QualityReport) -> Iterator[str]:
    """How many frames were left as they were; where they are the most of a segment, a warning says so already."""
    frames = report.frames
    if not frames.passed or (frames.passed * 2 > frames.asked and report.warnings):
        return
    reasons = ", ".join(f"{reason.replace('_', ' ')} ({number})" for reason, number in frames.reasons.items())
    were = "frame was left as it was" if frames.asked == 1 else "frames were left as they were"
    yield f"{frames.passed} of {frames.asked} {were}: {reasons}."
