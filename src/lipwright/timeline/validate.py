"""What can be wrong with a request before any media is opened (contract section 7.2; rules are cited as V1..V15).

The rules are stated once, on the domain objects, so that they bind the JSON body, the command line and the Python API
alike. What needs the media (V13) is judged when a plan is made, in `lipwright.timeline.place`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from lipwright.errors import Fault, RequestError
from lipwright.timeline.fields import LONGEST, VALIDATION
from lipwright.timeline.grid import Span
from lipwright.timeline.options import (
    ActiveSpeaker,
    BoxesAt,
    BoxPerFrame,
    Options,
    PointOnFrame,
    SpeakerChoice,
)
from lipwright.timeline.request import (
    AudioInput,
    FrameRange,
    GenerationRequest,
    SegmentRequest,
    TextInput,
    VisualKind,
)
from lipwright.timeline.words import seconds

SEGMENTS = "generation_input_segments_invalid"
TRIM = "generation_input_trim_invalid"
FACE = "generation_input_face_selection_invalid"
TEXT_LENGTH = "generation_text_length_exceeded"
LONGEST_SCRIPT = 5000
MOST_INPUTS = 500
MOST_SEGMENTS = 2000
"""More than anybody cuts by hand, and few enough to be looked at while a client waits."""
_MOST_OVERLAPS = 20


def check(request: GenerationRequest) -> None:
    """Raise the error for everything that is wrong with `request`.

    Raises:
        RequestError: or the subclass for the first fault.
    """
    faults = faults_of(request)
    if faults:
        raise RequestError.of(faults)


def faults_of(request: GenerationRequest) -> list[Fault]:
    """Everything that is wrong with `request`, in the order of its fields."""
    return [
        *_visual(request),
        *_audio(request),
        *_options(request.options, "options", still=request.video.kind is VisualKind.IMAGE),
        *_segments(request),
    ]


def _visual(request: GenerationRequest) -> Iterator[Fault]:
    video = request.video
    if not (video.url or video.asset_id):  # V3
        path = f"input[{video.position or 0}]"
        yield Fault(path, f"{path} ({video.kind}) needs a url or an assetId.", VALIDATION)


def _audio(request: GenerationRequest) -> Iterator[Fault]:
    audio = request.audio
    named = [one for one in audio if one.named]
    if len(audio) > MOST_INPUTS:
        yield Fault("input", f"input has {len(audio)} audio and text; at most {MOST_INPUTS} are allowed.", VALIDATION)
    if len(request.segments) > MOST_SEGMENTS:
        sentence = f"segments has {len(request.segments)} entries; at most {MOST_SEGMENTS} are allowed."
        yield Fault("segments", sentence, SEGMENTS)
    if not audio and not request.segments:
        yield Fault("input", "input has no audio or text; at least one is needed.", VALIDATION)
    by_ref = any(not segment.aligned for segment in request.segments)
    if by_ref and not named:  # V9
        yield Fault("input", "input has no audio or text with a refId; segments need at least one.", SEGMENTS)
    if len(audio) > 1 and not request.segments:  # V1
        yield Fault(
            "segments",
            f"segments is missing: with {len(audio)} audio and text inputs it says when each is used.",
            SEGMENTS,
        )
    seen: dict[str, str] = {}
    for index, one in enumerate(audio):
        path = f"input[{index + 1 if one.position is None else one.position}]"
        if isinstance(one, AudioInput):
            if not (one.url or one.asset_id):  # V2
                yield Fault(path, f"{path} (audio) needs a url or an assetId.", VALIDATION)
        else:
            yield from _text(one, f"{path}.provider")
        if one.ref in seen:  # V10
            sentence = f"{path}.refId {one.ref!r} is already the refId of {seen[one.ref]}; each must be different."
            yield Fault(f"{path}.refId", sentence, SEGMENTS)
        seen.setdefault(one.ref, path)
        if by_ref and named and not one.named:  # V14
            yield Fault(
                f"{path}.refId", f"{path}.refId is missing: with segments every audio and text needs one.", SEGMENTS
            )


def _text(text: TextInput, path: str) -> Iterator[Fault]:
    if not text.script.strip():
        yield Fault(f"{path}.script", f"{path}.script is empty; it holds the words to speak.", VALIDATION)
    if len(text.script) > LONGEST_SCRIPT:
        sentence = f"{path}.script has {len(text.script)} characters; at most {LONGEST_SCRIPT} are allowed."
        yield Fault(f"{path}.script", sentence, TEXT_LENGTH)
    yield from _share(text.stability, f"{path}.stability")
    yield from _share(text.similarity_boost, f"{path}.similarityBoost")


def _share(value: float | None, path: str) -> Iterator[Fault]:
    if value is not None and not 0 <= value <= 1:
        yield Fault(path, f"{path} must be between 0 and 1, not {value:g}.", VALIDATION)


def _options(options: Options, path: str, *, still: bool) -> Iterator[Fault]:
    yield from _share(options.temperature, f"{path}.temperature")
    yield from _share(options.background, f"{path}.background")
    field = f"{path}.active_speaker_detection"
    match options.speaker:
        case ActiveSpeaker() if still:
            yield Fault(f"{field}.auto_detect", f"{field}.auto_detect cannot be used with an image.", FACE)
        case PointOnFrame(frame, x, y):
            if frame < 0:
                yield Fault(f"{field}.frame_number", f"{field}.frame_number must be 0 or more, not {frame}.", FACE)
            if not (0 <= x <= LONGEST and 0 <= y <= LONGEST):
                sentence = f"{field}.coordinates must be pixels, 0 or more, not {x:g}, {y:g}."
                yield Fault(f"{field}.coordinates", sentence, FACE)
        case BoxPerFrame(boxes):
            for index, box in enumerate(boxes):
                if box is not None and not (0 <= box[0] < box[2] <= LONGEST and 0 <= box[1] < box[3] <= LONGEST):
                    name = f"{field}.bounding_boxes[{index}]"
                    sentence = f"{name} must be x1, y1, x2, y2 with 0 <= x1 < x2 and 0 <= y1 < y2."
                    yield Fault(name, sentence, FACE)
                    return
            if not any(boxes):
                name = f"{field}.bounding_boxes"
                yield Fault(name, f"{name} holds no box: the speaker would be on no frame.", FACE)
        case _:
            pass


def _segments(request: GenerationRequest) -> Iterator[Fault]:
    refs = {one.ref for one in request.audio if one.named or not request.segments or request.segments[0].aligned}
    for index, segment in enumerate(request.segments):
        path = f"segments[{index}]"
        yield from _range(segment, path)
        field = f"{path}.audioInput.refId"
        if not segment.ref:  # V4
            yield Fault(field, f"{field} is missing or empty: it names the audio or text input to use.", SEGMENTS)
        elif refs and segment.ref not in refs:  # V5; without any refs V9 is the fault
            known = ", ".join(repr(ref) for ref in sorted(refs))
            sentence = f"{field} {segment.ref!r} is not the refId of an audio or text input; there is {known}."
            yield Fault(field, sentence, SEGMENTS)
        if segment.crop is not None:
            yield from _crop(segment.crop, f"{path}.audioInput")
        still = request.video.kind is VisualKind.IMAGE
        yield from _options(segment.options, f"{path}.optionsOverride", still=still)
    yield from _overlaps(request)


def _range(segment: SegmentRequest, path: str) -> Iterator[Fault]:
    if isinstance(segment.range, FrameRange):
        start, stop = segment.range.start, segment.range.stop
        if not (0 <= start <= LONGEST and 0 <= stop <= LONGEST):  # V12
            yield Fault(path, f"{path} must use frame numbers from 0 to {LONGEST}.", SEGMENTS)
        elif start >= stop:  # V7
            sentence = f"{path}.startFrame ({start}) must be less than endFrame ({stop})."
            yield Fault(path, sentence, SEGMENTS)
    else:
        yield from _times(segment.range, path, SEGMENTS)


def _crop(crop: Span, path: str) -> Iterator[Fault]:
    yield from _times(crop, path, TRIM)  # V8


def _times(span: Span, path: str, code: str) -> Iterator[Fault]:
    if not (0 <= span.start <= LONGEST and 0 <= span.stop <= LONGEST):  # V12
        yield Fault(path, f"{path} must use times from 0 to {LONGEST} seconds.", code)
    elif span.start > span.stop:  # V6
        sentence = f"{path}.startTime ({seconds(span.start)}) must not be after endTime ({seconds(span.stop)})."
        yield Fault(path, sentence, code)


def _overlaps(request: GenerationRequest) -> Iterator[Fault]:
    """V11, as far as it can be told without the frame grid: between ranges of the same unit."""
    found = 0
    for unit in (Span, FrameRange):
        ranges = []
        for index, segment in enumerate(request.segments):
            if isinstance(segment.range, unit) and segment.range.start < segment.range.stop:
                ranges.append((Fraction(segment.range.start), Fraction(segment.range.stop), index))
        reaching: list[tuple[Fraction, Fraction, int]] = []
        for start, stop, index in sorted(ranges):
            reaching = [one for one in reaching if one[1] > start]
            for _, end, other in reaching:
                chosen = [request.segments[at].options.over(request.options) for at in (other, index)]
                reason = may_not_overlap(
                    all(bool(options.preserve_timing) for options in chosen), chosen[0].speaker, chosen[1].speaker
                )
                if reason:
                    found += 1
                    if found > _MOST_OVERLAPS:
                        return
                    shared = min(end, stop) - start
                    amount = seconds(shared) if unit is Span else f"{shared} frames"
                    yield overlap_fault(other, index, amount, reason)
            reaching.append((start, stop, index))


def overlap_fault(one: int, other: int, amount: str, reason: str) -> Fault:
    """The fault that segments `one` and `other` share `amount` of time."""
    first, second = sorted((one, other))
    field = f"segments[{second}]"
    return Fault(field, f"segments[{first}] and {field} overlap by {amount}; {reason}.", SEGMENTS)


def may_not_overlap(pinned: bool, one: SpeakerChoice | BoxesAt | None, other: SpeakerChoice | BoxesAt | None) -> str:
    """Why segments with these speakers, both `pinned` or not, may not overlap; empty if they may (decision D2)."""
    if not pinned:
        return (
            "segments may overlap only with preserve_timing, "
            "and then each must name a different speaker, by a face number, a point or boxes"
        )
    named = all(isinstance(speaker, PointOnFrame | BoxPerFrame | BoxesAt) for speaker in (one, other))
    if not named or one == other:
        return "overlapping segments must each name a different speaker, by a face number, a point or boxes"
    return ""
