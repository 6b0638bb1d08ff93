"""Assembling the quality report of a finished generation from what each stage knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lipwright import __version__
from lipwright.engines.base import PassReason
from lipwright.errors import ModelFileError
from lipwright.generation.cast import Role
from lipwright.generation.scene import Scene
from lipwright.media.atomic import PendingFile
from lipwright.models.registry import default_registry
from lipwright.quality.account import Measured
from lipwright.quality.report import (
    Encoding,
    FrameCounts,
    Meters,
    ModelUsed,
    OutputFacts,
    Performance,
    QualityReport,
    SegmentReport,
    SpeechUsed,
)
from lipwright.timeline import edl

FACE_MODELS = (
    "face_detection_full_range.tflite",
    "face_landmarks_detector.tflite",
    "face_blendshapes.tflite",
    "geometry_pipeline_metadata_landmarks.binarypb",
)
BEST, NOTHING_HEARD = "whisper-head", "silence"
SPEECH_MODELS = {
    BEST: ("whisper-base/model.bin", "silero_vad_v6.onnx"),
    "pocketsphinx": ("silero_vad_v6.onnx",),
}
KOKORO = "kokoro-v1.0.int8.onnx"
NOTHING_ASKED = FrameCounts(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the stages of a generation found out, on its way into the report."""

    engine: str
    quality: str
    scene: Scene
    measured: Measured
    output: OutputFacts
    encoding: Encoding
    performance: Performance
    notes: Sequence[str]


def assemble(facts: Facts) -> QualityReport:
    """The report of one output."""
    segments = tuple(_segment(facts, done) for done in facts.scene.edl.segments)
    return QualityReport(
        version=__version__,
        engine=facts.engine,
        output=facts.output,
        frames=facts.measured.frames,
        segments=segments,
        overall=facts.measured.overall,
        equality=facts.measured.equality,
        performance=facts.performance,
        encoding=facts.encoding,
        options=_options(facts),
        speech=tuple(_speech(facts)),
        models=tuple(_models(facts)),
        warnings=tuple(
            dict.fromkeys((*facts.scene.warnings, *facts.notes, *_second_best(facts), *_left_as_they_were(facts)))
        ),
    )


def write_report(report: QualityReport, path: Path) -> None:
    """Put the report at `path`, whole or not at all."""
    with PendingFile(path) as file:
        file.write(report.to_json().encode("utf-8"))
        file.commit()


def _segment(facts: Facts, done: edl.SegmentReport) -> SegmentReport:
    index = done.index if done.index >= 0 else None
    roles = facts.scene.cast.of_segment(done.index)
    meters, frames = facts.measured.segments.get(index, (None, NOTHING_ASKED))
    return SegmentReport(
        index=index,
        ref=done.ref,
        sync_mode=_mode(facts, done, roles),
        requested=_seconds(done.requested),
        source=_seconds(done.source),
        output=_seconds(done.output),
        audio=_seconds(done.audio),
        face=next((role.track.id for role in roles if role.track is not None), None),
        speaker="; ".join(dict.fromkeys(role.how for role in roles)) or "no frame was asked for",
        frames=frames,
        meters=meters or Meters.of({}, otherwise="the segment has no frames"),
        notes=done.happened,
    )


def _mode(facts: Facts, done: edl.SegmentReport, roles: Sequence[Role]) -> str:
    """The sync mode in force, or what there was instead of one."""
    if done.mode is not None:
        return done.mode.value
    pinned = not facts.scene.edl.still or any(role.drive.options.preserve_timing for role in roles)
    return "preserve_timing" if pinned else "still"


def _second_best(facts: Facts) -> Iterable[str]:
    """A sentence for every speech that was not heard by the recogniser we would have chosen."""
    for ref, track in facts.scene.heard.visemes.items():
        if track.recogniser not in (BEST, NOTHING_HEARD):
            yield (
                f"The mouth shapes of {ref!r} come from {track.recogniser}, which hears less well than {BEST}: "
                "a model file is missing. Run `lipwright models fetch`."
            )


def _left_as_they_were(facts: Facts) -> Iterable[str]:
    """A sentence for every segment whose lips moved on less than half of its frames, though it has a speaker."""
    for index, (_, frames) in facts.measured.segments.items():
        roles = facts.scene.cast.of_segment(-1 if index is None else index)
        told_already = set(frames.reasons) == {PassReason.ENGINE_FAILED} or all(role.track is None for role in roles)
        if told_already or frames.edited * 2 >= frames.asked:
            continue
        where = "the video" if index is None else f"segments[{index}]"
        moved = f"on only {frames.edited} of" if frames.edited else "on none of"
        reasons = ", ".join(f"{reason.replace('_', ' ')} ({number})" for reason, number in frames.reasons.items())
        yield f"The lips were moved {moved} the {frames.asked} frames of {where}: {reasons}."


def _options(facts: Facts) -> dict[str, str | float | bool | None]:
    options = facts.scene.request.options.in_force()
    return {
        "sync_mode": options.sync_mode.value,
        "temperature": float(options.temperature),
        "speaker": type(options.speaker).__name__,
        "occlusion_detection": options.occlusion_detection,
        "preserve_timing": options.preserve_timing,
        "background": float(options.background),
        "full_reencode": facts.scene.request.full_reencode,
        "quality": facts.quality,
    }


def _speech(facts: Facts) -> Iterable[SpeechUsed]:
    for ref, sound in facts.scene.inputs.sounds.items():
        if ref in facts.scene.heard.visemes:
            yield SpeechUsed(
                ref, round(float(sound.seconds), 6), facts.scene.heard.visemes[ref].recogniser, sound.voice
            )


def _models(facts: Facts) -> Iterable[ModelUsed]:
    """The files of the catalogue that took part, as it pins them."""
    names = list(FACE_MODELS)
    for ref, track in facts.scene.heard.visemes.items():
        names += SPEECH_MODELS.get(track.recogniser, ())
        voice = facts.scene.inputs.sounds[ref].voice if ref in facts.scene.inputs.sounds else None
        if voice and _listed(f"kokoro-voices/{voice}.bin"):
            names += [KOKORO, f"kokoro-voices/{voice}.bin"]
    for name in dict.fromkeys(names):
        if _listed(name):
            file = default_registry().get(name)
            yield ModelUsed(file.name, file.sha256, file.licence)


def _listed(name: str) -> bool:
    try:
        default_registry().get(name)
    except ModelFileError:
        return False
    return True


def _seconds(span: edl.Span) -> tuple[float, float]:
    return _second(span.start), _second(span.stop)


def _second(time: Fraction) -> float:
    return round(float(time), 6)
