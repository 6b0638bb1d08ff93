"""The quality report: what was done to a video and how good it is, in figures a script can act on.

Every output has one, as JSON beside it and as these types in Python. Two rules keep it honest. A figure that could not
be measured is null and `Meters.unmeasured` says why; it is never NaN, never zero and never left out. And nothing here
is taken from what the engine meant to draw: the meters look at the finished frames.

Times are float seconds (this is an edge); ranges of frames are half-open and count output frames. The glossary of every
figure is docs/quality-report.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from lipwright.errors import RequestError
from lipwright.quality.codec import decode, dumps, loads

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """In place of a figure: why there is none, as one plain clause."""

    why: str


Reading = float | Unmeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class Meters:
    """The figures of one segment or of the whole output; None where `unmeasured` says why.

    Attributes:
        av_offset_ms: how late the lips are after the sound (+ = lips late, sound early), ms.
        av_correlation: lip opening against the openness of the speech at that offset, -1..1.
        av_correlation_at_zero: the same without moving either, -1..1.
        av_correlation_shuffled: what 95 % of shuffles of the same speech stay under, each at its own best offset.
        bilabial_closure: share of p, b and m at which the lips were seen closed, 0..1.
        bilabials: how many p, b and m were looked at.
        silence_opening: mean lip opening over closed while the speech is silent, % of the open range.
        silence_motion: lip speed while the speech is silent, % of the speed while it is not.
        source_leak: correlation of the output's lip opening with that of the source frames beneath, -1..1.
        jitter_ratio: high-frequency tremble of the lips against the source's, at equal activity.
        sharpness_ratio: gradient strength of the mouth against the source's, at equal opening.
        edge_step: colour step that the edit added across the edge of its mask, 8-bit levels.
        edge_step_worst: the 95th percentile of it over frames.
        boundary_jump: change of the mouth where editing starts or stops, in typical frame-to-frame changes.
        coverage: share of the frames asked for that were edited, 0..1.
    """

    av_offset_ms: float | None = None
    av_correlation: float | None = None
    av_correlation_at_zero: float | None = None
    av_correlation_shuffled: float | None = None
    bilabial_closure: float | None = None
    bilabials: int | None = None
    silence_opening: float | None = None
    silence_motion: float | None = None
    source_leak: float | None = None
    jitter_ratio: float | None = None
    sharpness_ratio: float | None = None
    edge_step: float | None = None
    edge_step_worst: float | None = None
    boundary_jump: float | None = None
    coverage: float | None = None
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in METERS:
            value = getattr(self, name)
            if value is None and name not in self.unmeasured:
                raise ValueError(f"{name} is null without a reason")
            if value is not None and (name in self.unmeasured or not math.isfinite(value)):
                raise ValueError(f"{name} is {value} and has to be a finite number or null with a reason")

    @classmethod
    def of(cls, readings: Mapping[str, Reading], otherwise: str = "not measured in this run") -> Meters:
        """The figures of `readings` by name; a NaN or infinite one becomes null, a name not given too (`otherwise`)."""
        unknown = set(readings) - set(METERS)
        if unknown:
            raise ValueError(f"no such meter: {', '.join(sorted(unknown))}")
        values: dict[str, float | None] = {}
        why: dict[str, str] = {}
        for name in METERS:
            reading = readings.get(name, Unmeasured(otherwise))
            if isinstance(reading, Unmeasured):
                values[name], why[name] = None, reading.why
            elif not math.isfinite(reading):
                values[name], why[name] = None, "the figure is not finite"
            else:
                values[name] = int(reading) if name == "bilabials" else round(float(reading), 4)
        return cls(**values, unmeasured=why)  # type: ignore[arg-type]  # bilabials is the one int among floats


METERS = tuple(f.name for f in fields(Meters) if f.name != "unmeasured")


@dataclass(frozen=True, slots=True)
class PassedRange:
    """Output frames [start, stop) that were asked for and left as they were, and why."""

    start: int
    stop: int
    reason: str
    segment: int | None = None
    face: int | None = None


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """What happened to the frames. asked = edited + passed; output = asked + untouched.

    A frame that carries two edited faces counts once; it is edited if at least one of them is.
    """

    output: int
    asked: int
    edited: int
    passed: int
    untouched: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    passed_ranges: tuple[PassedRange, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport:
    """One segment: where it was asked for, where it went, what spoke in it and how good it is.

    Attributes:
        index: its place in the request, from 0; None for the whole video driven without segments.
        sync_mode: the mode in force; "preserve_timing" where its length was kept, "still" on an image.
        requested: start and stop in seconds as asked for.
        source: the seconds of the source video it shows.
        output: the seconds of the output it takes.
        audio: the seconds of `ref` that are heard.
        face: id of the face track that speaks, None if none was found.
        speaker: how the face was chosen, in words.
        notes: what was changed about the request (clamped, cut, padded), in sentences.
    """

    index: int | None
    ref: str
    sync_mode: str
    requested: tuple[float, float]
    source: tuple[float, float]
    output: tuple[float, float]
    audio: tuple[float, float]
    face: int | None
    speaker: str
    frames: FrameCounts
    meters: Meters
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Equality:
    """The promise that nothing else was touched, checked on every encoded frame before encoding, not sampled.

    Frames whose packets were copied are not in it: see `Encoding`.

    Attributes:
        untouched_frames: frames outside all segments, or passed through, compared plane by plane with the decoded ones.
        untouched_differing: how many of them differ anywhere (must be 0).
        edited_frames: edited frames compared outside the mask.
        outside_mask_differing: how many of them differ in any sample outside the mask (must be 0).
    """

    untouched_frames: int
    untouched_differing: int
    edited_frames: int
    outside_mask_differing: int

    @property
    def kept(self) -> bool:
        """True if every comparison was equal."""
        return self.untouched_differing == 0 and self.outside_mask_differing == 0


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of the job: how many frames (or other units) it went through and in how many seconds.

    Phases run side by side, so their seconds may add up to more than the job's.
    """

    name: str
    done: int
    seconds: float
    unit: str = "frames"
    per_second: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "per_second", _rate(self.done, self.seconds))


@dataclass(frozen=True, slots=True)
class Performance:
    """Speed and memory. `peak_memory` is the process's peak resident size in bytes, None where the system hides it."""

    seconds: float
    output_frames: int
    phases: tuple[Phase, ...] = ()
    peak_memory: int | None = None
    frames_per_second: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames_per_second", _rate(self.output_frames, self.seconds))


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A model file that took part, as pinned in the catalogue."""

    name: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class SpeechUsed:
    """One audio input: which recogniser read it (whisper-head, pocketsphinx, energy, silence) and what spoke it."""

    ref: str
    seconds: float
    recogniser: str
    voice: str | None = None


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """The file that was written. `video_seconds` and `audio_seconds` differ by less than one audio frame."""

    name: str
    width: int
    height: int
    frames: int
    video_seconds: float
    audio_seconds: float | None
    pixel_format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What of the output was copied from the source, packet by packet, and what was encoded.

    Attributes:
        copied_frames: frames whose packets are the source's, byte for byte; nothing looked at them.
        encoded_frames: the others; copied + encoded = output.
        full_because: why every frame was encoded, None if some were copied.
        sound_copied_seconds: seconds of sound whose packets are the source's.
        sound_encoded_because: why more of the sound was not copied, None where only what changed was encoded.
    """

    copied_frames: int
    encoded_frames: int
    full_because: str | None = None
    sound_copied_seconds: float = 0.0
    sound_encoded_because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Everything Lipwright says about one output."""

    schema: int = SCHEMA
    version: str
    engine: str
    output: OutputFacts
    frames: FrameCounts
    segments: tuple[SegmentReport, ...]
    overall: Meters
    equality: Equality
    performance: Performance
    encoding: Encoding | None = None
    options: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    speech: tuple[SpeechUsed, ...] = ()
    models: tuple[ModelUsed, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The report as JSON text (UTF-8 once written, two spaces of indent, never NaN)."""
        return dumps(self)

    @classmethod
    def from_json(cls, text: str) -> QualityReport:
        """The report in `text`; keys it does not know are ignored.

        Raises:
            RequestError: the text is no report, or one of a newer schema.
        """
        document = loads(text)
        schema = document.get("schema")
        if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= SCHEMA:
            raise RequestError(f"schema is {schema!r}; this Lipwright reads schemas 1 to {SCHEMA}.", field="schema")
        return decode(cls, document)

    @classmethod
    def read(cls, path: str | Path) -> QualityReport:
        """The report in the file `path`."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))


def _rate(done: int, seconds: float) -> float | None:
    return round(done / seconds, 2) if seconds > 0 else None
