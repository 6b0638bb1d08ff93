"""Where each segment lies on the frames of the video, and which part of its audio it can have.

This is the half of validation that needs the media: ranges and crops are checked against the real lengths, clamped
where they start inside and refused where they lie wholly outside (decision D4), and overlaps are checked on frames.

The edges of a range in seconds are each moved to the nearest frame start (the end of the video counts as one; of two
equally near ones the earlier is taken), so that segments which touch in seconds touch in frames, and a segment's sound
begins and ends exactly with its picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from lipwright.errors import Fault, RequestError
from lipwright.timeline.grid import FrameGrid, Span
from lipwright.timeline.options import BoxPerFrame, Options, PointOnFrame, SegmentOptions
from lipwright.timeline.request import AudioLengths, FrameRange, GenerationRequest, SegmentRequest
from lipwright.timeline.validate import FACE, SEGMENTS, TRIM, may_not_overlap, overlap_fault
from lipwright.timeline.words import seconds


@dataclass(frozen=True, slots=True)
class Placed:
    """One segment on the source's frames first..stop-1 with the part `audio` of `ref` that exists."""

    index: int
    ref: str
    options: SegmentOptions
    pinned: bool
    requested: Span
    first: int
    stop: int
    audio_requested: Span
    audio: Span
    happened: tuple[str, ...]


def place(grid: FrameGrid, lengths: AudioLengths, request: GenerationRequest, frame_duration: Fraction) -> list[Placed]:
    """Every segment of `request`, in order of its place in the video; the whole video as one where there are none.

    Raises:
        RequestError: ranges or crops outside the media, or overlaps.
    """
    if not request.segments:
        audio = request.audio[0].ref
        whole, sound = Span(grid.start, grid.stop), Span(Fraction(0), lengths[audio])
        chosen = request.options.in_force()
        fault, told = _face(grid, chosen, "options")
        if fault is not None:
            raise RequestError.of([fault])
        return [Placed(-1, audio, chosen, chosen.preserve_timing, whole, 0, len(grid), sound, sound, told)]
    faults: list[Fault] = []
    placed = []
    for index, segment in enumerate(request.segments):
        one = _place(grid, lengths[segment.ref], index, segment, request.options, frame_duration, faults)
        if one is not None:
            placed.append(one)
    placed.sort(key=lambda one: (one.first, one.stop, one.index))
    faults += _overlaps(grid, placed)
    if faults:
        raise RequestError.of(faults)
    return placed


def groups(placed: list[Placed]) -> list[list[Placed]]:
    """The segments that have frames, those that overlap together; `placed` is in order."""
    found: list[list[Placed]] = []
    end = 0
    for one in placed:
        if one.first == one.stop:
            continue
        if found and one.first < end:
            found[-1].append(one)
        else:
            found.append([one])
        end = max(end, one.stop)
    return found


def _place(
    grid: FrameGrid,
    length: Fraction,
    index: int,
    segment: SegmentRequest,
    options: Options,
    frame_duration: Fraction,
    faults: list[Fault],
) -> Placed | None:
    name = f"segments[{index}]"
    chosen = segment.options.over(options).in_force()
    fault, told = _face(grid, chosen, f"{name}.optionsOverride" if segment.options.speaker else "options")
    if fault is not None and fault not in faults:
        faults.append(fault)
    happened = list(told)
    if isinstance(segment.range, FrameRange):
        span = Span(grid.time(segment.range.start), grid.time(segment.range.stop))
        if segment.range.start >= len(grid):
            faults.append(
                Fault(
                    name,
                    f"{name} starts at frame {segment.range.start}, but the video has only {len(grid)} frames.",
                    SEGMENTS,
                )
            )
            return None
        first, stop = segment.range.start, min(segment.range.stop, len(grid))
        if segment.range.stop > len(grid):
            happened.append(
                f"{name} ends at frame {segment.range.stop}, after the video; it was shortened to frame {len(grid)}."
            )
    else:
        span = segment.range
        if span.start > grid.stop or (span.start == grid.stop and span.stop > grid.stop):
            faults.append(
                Fault(
                    name,
                    f"{name} starts at {seconds(span.start)}, but the video ends at {seconds(grid.stop)}.",
                    SEGMENTS,
                )
            )
            return None
        first = grid.nearest_edge(span.start)
        stop = grid.nearest_edge(min(span.stop, grid.stop))
        if span.stop - grid.stop > frame_duration:
            happened.append(
                f"{name} ends at {seconds(span.stop)}, after the video; it was shortened to {seconds(grid.stop)}."
            )
        if first == stop and span.start < span.stop:
            happened.append(f"{name} is shorter than a frame and changes nothing.")
    if span.start == span.stop:
        happened.append(f"{name} has no length and changes nothing.")
    if segment.aligned:
        wanted = Span(grid.time(first) - grid.start, grid.time(stop) - grid.start)
        audio = Span(min(wanted.start, length), min(wanted.stop, length))
        if audio.duration < wanted.duration:
            happened.append(
                f"The audio ends at {seconds(length)}, before {name} does; the mouth is at rest from there on."
            )
    else:
        wanted = segment.crop or Span(Fraction(0), length)
        audio = Span(min(wanted.start, length), min(wanted.stop, length))
        if wanted.start >= length and wanted.duration > 0:  # none of it, which means silence, is there anywhere
            faults.append(
                Fault(
                    f"{name}.audioInput",
                    f"{name}.audioInput starts at {seconds(wanted.start)}, "
                    f"but audio {segment.ref!r} is only {seconds(length)} long.",
                    TRIM,
                )
            )
            return None
        if wanted.stop > length and wanted.duration > 0:
            happened.append(
                f"{name}.audioInput ends at {seconds(wanted.stop)}, after audio {segment.ref!r}; "
                f"it was shortened to {seconds(length)}."
            )
    pinned = segment.aligned or chosen.preserve_timing
    return Placed(index, segment.ref, chosen, pinned, span, first, stop, wanted, audio, tuple(happened))


def _face(grid: FrameGrid, options: SegmentOptions, path: str) -> tuple[Fault | None, tuple[str, ...]]:
    """What is wrong with, or to be said about, the chosen face on a video of so many frames."""
    field = f"{path}.active_speaker_detection"
    match options.speaker:
        case PointOnFrame(frame) if frame >= len(grid):
            sentence = f"{field}.frame_number is {frame}, but the last frame of the video is {len(grid) - 1}."
            return Fault(f"{field}.frame_number", sentence, FACE), ()
        case BoxPerFrame(boxes) if len(boxes) != len(grid):
            short = len(boxes) < len(grid)
            less = "after them the speaker counts as not shown" if short else "the rest is not used"
            return None, (f"{field} has boxes for {len(boxes)} frames, but the video has {len(grid)}; {less}.",)
        case _:
            return None, ()


def _overlaps(grid: FrameGrid, placed: list[Placed]) -> list[Fault]:
    """A fault for every two segments that may not overlap but do; `placed` is in order."""
    faults = []
    reaching: list[Placed] = []
    for one in (p for p in placed if p.first < p.stop):
        reaching = [other for other in reaching if other.stop > one.first]
        for other in reaching:
            pinned = one.options.preserve_timing and other.options.preserve_timing
            reason = may_not_overlap(pinned, other.options.speaker, one.options.speaker)
            if reason:
                shared = grid.time(min(other.stop, one.stop)) - grid.time(one.first)
                faults.append(overlap_fault(other.index, one.index, seconds(shared), reason))
        reaching.append(one)
    return faults
