"""The sound of a plan: which stretch of output holds the original, speech or silence.

Every instant has exactly one base content (original in the gaps, speech or silence in the segments); speech of a second
speaker and the original kept quietly under a segment are laid over it and added.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lipwright.timeline.edl import Clip, Direction, Original, Silence, SoundSpan, Speech
from lipwright.timeline.grid import Span


def sound_of(clips: Sequence[Clip], *, still: bool = False) -> tuple[SoundSpan, ...]:
    """The sound spans of `clips`, in order of start; a `still` has no sound of its own.

    The original under a segment (`background`) is heard only where the picture runs forward at its own speed: it is not
    played backwards or stretched.
    """
    spans: list[SoundSpan] = []
    spoken: set[int] = set()
    for clip in clips:
        if not clip.lips:
            content = Silence() if still else Original(clip.source.start)
            spans.append(SoundSpan(clip.output, content))
            continue
        for drive in clip.lips:
            if drive.segment not in spoken:
                spoken.add(drive.segment)
                if drive.audio.duration > 0:
                    heard = Span(drive.output.start, drive.output.start + drive.audio.duration)
                    spans.append(SoundSpan(heard, Speech(drive.ref, drive.audio.start)))
        spans += (SoundSpan(quiet, Silence()) for quiet in _unspoken(clip))
        gain = max(drive.options.background for drive in clip.lips)
        if gain > 0 and not still and clip.rate == 1 and clip.direction is Direction.FORWARD:
            spans.append(SoundSpan(clip.output, Original(clip.source.start), gain))
    spans.sort(key=lambda span: (span.output.start, span.output.stop))
    return tuple(_joined(spans))


def _unspoken(clip: Clip) -> list[Span]:
    """The parts of `clip` in which none of its faces speaks."""
    free: list[Span] = []
    at = clip.output.start
    speech = sorted((drive.output.start, drive.output.start + drive.audio.duration) for drive in clip.lips)
    for start, stop in speech:
        if at < min(start, clip.output.stop):
            free.append(Span(at, min(start, clip.output.stop)))
        at = max(at, stop)
    if at < clip.output.stop:
        free.append(Span(at, clip.output.stop))
    return free


def _joined(spans: list[SoundSpan]) -> list[SoundSpan]:
    """`spans` with stretches that simply go on put together."""
    out: list[SoundSpan] = []
    open_: dict[tuple[str, float, Fraction, Fraction], int] = {}
    for span in spans:
        key = _continuation(span, span.output.start)
        at = open_.pop(key, None) if key else None
        if at is not None:
            old = out[at]
            out[at] = SoundSpan(Span(old.output.start, span.output.stop), old.content, old.gain)
        else:
            at = len(out)
            out.append(span)
        follow = _continuation(out[at], out[at].output.stop)
        if follow:
            open_[follow] = at
    return out


def _continuation(span: SoundSpan, time: Fraction) -> tuple[str, float, Fraction, Fraction] | None:
    """What `span` holds at output time `time`, in a form that is equal for stretches that go on; None for speech."""
    match span.content:
        case Original(start):
            return "original", span.gain, time, start + time - span.output.start
        case Silence():
            return "silence", span.gain, time, time
        case _:
            return None
