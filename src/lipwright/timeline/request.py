"""A generation request as the core sees it: what to show, what to say, and which says what when.

These are plain frozen objects that the JSON body (`lipwright.timeline.body`), the command line and the Python API all
build; `lipwright.timeline.validate` says what is wrong with them. Times are exact fractions of a second. An input's
`position` is its index in the JSON body's `input`, for error messages; objects built in Python need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from lipwright.timeline.grid import Span
from lipwright.timeline.options import Options

AudioLengths = Mapping[str, Fraction]
"""How long each audio input is, in seconds, by its `ref`."""


class VisualKind(StrEnum):
    """What the picture is."""

    VIDEO = "video"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class VisualInput:
    """The video or still to edit: a `url` (or local path), or an `asset_id`, which wins where both are given."""

    url: str | None = None
    asset_id: str | None = None
    ref_id: str | None = None
    kind: VisualKind = VisualKind.VIDEO
    position: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AudioInput:
    """Recorded speech. `ref` names it in segments; where the user gave no refId it is made up (`named` is False)."""

    url: str | None = None
    asset_id: str | None = None
    ref: str = "audio"
    named: bool = True
    position: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TextInput:
    """Speech to be spoken from `script`. `stability` and `similarity_boost` are 0..1, None for the voice's own."""

    script: str
    voice_id: str
    provider: str = "elevenlabs"
    stability: float | None = None
    similarity_boost: float | None = None
    ref: str = "text"
    named: bool = True
    position: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Source frames start..stop-1."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """One range of the video and the audio that drives it.

    Attributes:
        range: seconds or frames of the source video.
        ref: the audio or text input that speaks.
        crop: the part of that audio to use, in its own time; None for all of it.
        options: what is chosen for this segment only.
        aligned: the audio runs along the video, so that at source time t it says what `ref` holds at t, and the
            segment is pinned (what the old `segments_secs` and `segments_frames` mean); `crop` is not used.
    """

    range: Span | FrameRange
    ref: str
    crop: Span | None = None
    options: Options = field(default_factory=Options)
    aligned: bool = False


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """Everything asked for.

    Attributes:
        video: what is shown.
        audio: what can be said, in the order given.
        segments: who says what when; empty means that the only audio drives the whole video.
        options: what is chosen for every segment.
        full_reencode: no packet of the video is to be copied, even where nothing is changed.
        model: the model asked for, as given.
        webhook_url, output_file_name, project_id: carried along for the service.
        warnings: whole sentences about what was understood but will not be done.
    """

    video: VisualInput
    audio: tuple[AudioInput | TextInput, ...]
    segments: tuple[SegmentRequest, ...] = ()
    options: Options = field(default_factory=Options)
    full_reencode: bool = False
    model: str | None = None
    webhook_url: str | None = None
    output_file_name: str | None = None
    project_id: str | None = None
    warnings: tuple[str, ...] = ()
