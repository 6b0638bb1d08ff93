"""The `segments` array of the API's JSON body, and the older per-video fields that came before it (contract section 7).

The old `segments_secs` and `segments_frames` name ranges of the video that one audio is to be synced in. Nothing says
how audio and ranges go together; we take the audio to run along the video from its start, so that each range is driven
by what the audio holds at that time, and the ranges keep their length. That is what these fields can be used for with
one audio and several ranges, and it never changes the timing of anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from lipwright.errors import Fault
from lipwright.timeline.body_options import parse_options
from lipwright.timeline.fields import Fields, shown
from lipwright.timeline.grid import Span
from lipwright.timeline.options import Options
from lipwright.timeline.request import FrameRange, SegmentRequest
from lipwright.timeline.validate import SEGMENTS, TRIM

_NOTHING = Span(Fraction(0), Fraction(0))


def parse_segments(top: Fields, warnings: list[str]) -> tuple[SegmentRequest, ...]:
    """The top-level `segments`; an empty array is the same as none."""
    segments = []
    for index, entry in enumerate(top.items("segments") or []):
        path = f"segments[{index}]"
        if isinstance(entry, Mapping):
            segments.append(_segment(Fields(entry, path, top.faults, code=SEGMENTS), warnings))
        else:
            top.faults.append(Fault(path, f"{path} must be an object, not {shown(entry)}.", SEGMENTS))
            segments.append(SegmentRequest(_NOTHING, ""))
    return tuple(segments)


def _segment(fields: Fields, warnings: list[str]) -> SegmentRequest:
    span = _range(fields)
    ref, crop = "", None
    audio = fields.nested("audio_input")
    if audio is not None:
        ref = audio.text("ref_id") or ""
        crop = _crop(audio)
        warnings += (f"{path} is not known and has no effect." for path in audio.unknown())
    options = Options()
    override = fields.nested("options_override", code="generation_input_validation_failed")
    if override is not None:
        override.report_snake = True
        if override.raw("full_reencode") is not None:
            warnings.append(f"{override.at('full_reencode')} has no effect: it is an option of the whole generation.")
        options = parse_options(override, warnings)
    warnings += (f"{path} is not known and has no effect." for path in fields.unknown())
    return SegmentRequest(span, ref, crop, options)


def _range(fields: Fields) -> Span | FrameRange:
    """The range in seconds or in frames; a harmless one once a fault was reported."""
    times = [key for key in ("start_time", "end_time") if fields.raw(key) is not None]
    frames = [key for key in ("start_frame", "end_frame") if fields.raw(key) is not None]
    if times and frames:
        sentence = f"{fields.path} mixes seconds and frames; give startTime and endTime, or startFrame and endFrame."
        fields.faults.append(Fault(fields.path, sentence, fields.code))
        return _NOTHING
    if not times and not frames:
        sentence = f"{fields.path} has no range; give startTime and endTime, or startFrame and endFrame."
        fields.faults.append(Fault(fields.path, sentence, fields.code))
        return _NOTHING
    if frames:
        if not _both(fields, "start_frame", "end_frame"):
            return _NOTHING
        first, last = fields.whole("start_frame"), fields.whole("end_frame")
        return FrameRange(first, last) if first is not None and last is not None else _NOTHING
    if not _both(fields, "start_time", "end_time"):
        return _NOTHING
    start, stop = fields.seconds("start_time"), fields.seconds("end_time")
    return Span(start, stop) if start is not None and stop is not None else _NOTHING


def _crop(audio: Fields) -> Span | None:
    """The part of the audio to use; None for all of it, and after a fault."""
    trim = Fields(audio.data, audio.path, audio.faults, code=TRIM)
    audio.skip("start_time", "end_time")
    given = [key for key in ("start_time", "end_time") if trim.raw(key) is not None]
    if len(given) == 1:
        missing = "endTime" if given == ["start_time"] else "startTime"
        there = "startTime" if given == ["start_time"] else "endTime"
        sentence = f"{audio.path} has {there} but no {missing}; a crop needs both."
        audio.faults.append(Fault(audio.path, sentence, TRIM))
    if len(given) < 2:
        return None
    start, stop = trim.seconds("start_time"), trim.seconds("end_time")
    return Span(start, stop) if start is not None and stop is not None else None


def _both(fields: Fields, first: str, second: str) -> bool:
    """Whether both keys are there; a fault if only one is."""
    missing = [key for key in (first, second) if fields.raw(key) is None]
    for key in missing:
        fields.fault(key, f"is missing: {fields.at(second if key == first else first)} is given, and both are needed.")
    return not missing


def legacy_ranges(fields: Fields, faults: list[Fault]) -> list[Span | FrameRange]:
    """The ranges of `segments_secs` or `segments_frames` of a video input, in order, those that touch joined."""
    old = Fields(fields.data, fields.path, faults, code=SEGMENTS, report_snake=True)
    given = [key for key in ("segments_secs", "segments_frames") if fields.raw(key) is not None]
    if len(given) == 2:
        old.fault("segments_frames", "cannot be given together with segments_secs.")
    if len(given) != 1:
        return []
    key = given[0]
    in_frames = key == "segments_frames"
    pairs: list[tuple[Fraction, Fraction]] = []
    for index, entry in enumerate(old.items(key) or []):
        name = f"{key}[{index}]"
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            old.fault(name, f"must be a pair [start, end], not {shown(entry)}.")
            continue
        read = old.as_whole if in_frames else old.as_seconds
        start, stop = read(name, entry[0]), read(name, entry[1])
        if start is None or stop is None:
            continue
        if start >= stop:
            old.fault(name, f"must start before it ends, but {shown(entry[0])} is not below {shown(entry[1])}.")
            continue
        pairs.append((Fraction(start), Fraction(stop)))
    joined: list[tuple[Fraction, Fraction]] = []
    for start, stop in sorted(pairs):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    if in_frames:
        return [FrameRange(int(start), int(stop)) for start, stop in joined]
    return [Span(start, stop) for start, stop in joined]
