"""A generation: one request from its inputs to the output file and the report beside it.

The stages follow each other: look at the inputs and speak texts, plan, find the faces and listen to the speech (side by
side), cast, render. Each is a module of its own; this one only hands on. Nothing is fetched from a network on the way,
save speech from a cloud service where one is configured. Whatever ends it early, an error, a cancelled token or Ctrl-C,
leaves no file and no thread behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast as typing_cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lipwright.engines.base import LipSyncEngine
from lipwright.errors import NoUsableFace, RequestError
from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.cache import FaceCache
from lipwright.generation.analyse import faces_on
from lipwright.generation.both import both
from lipwright.generation.cast import Cast, Role
from lipwright.generation.engine import BUILT_IN, engine_named
from lipwright.generation.inputs import Inputs, open_inputs
from lipwright.generation.listen import heard_original, heard_speech, resting
from lipwright.generation.memory import give_back
from lipwright.generation.mouths import Material, Mouths
from lipwright.generation.output import Output
from lipwright.generation.overlay import Overlay
from lipwright.generation.ranges import Range, count, merged, to_analyse
from lipwright.generation.render import Rendered, render
from lipwright.generation.report import Facts, assemble, write_report
from lipwright.generation.speakers import SpeakerChooser, boxes_at, by_ear, frames_to_choose, pointed_on_still
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.targets import Targets, keep_inputs, targets
from lipwright.generation.workspace import workspace
from lipwright.media.encoding import PRESETS, Quality
from lipwright.media.guard import Limits
from lipwright.media.reader import open_reader
from lipwright.progress import Progress
from lipwright.quality.channel import Drive
from lipwright.quality.measure import FrameMeter
from lipwright.quality.report import OutputFacts, QualityReport
from lipwright.quality.speech import SpeechReference
from lipwright.speech.recognise import release_models
from lipwright.speech.tts import TextToSpeech
from lipwright.speech.visemes import VisemeTrack
from lipwright.timeline.boxes import with_boxes
from lipwright.timeline.edl import EditDecisionList
from lipwright.timeline.plan import plan
from lipwright.timeline.request import GenerationRequest
from lipwright.timeline.validate import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run a generation, apart from what is asked for.

    Attributes:
        engine: an engine, or the name of one.
        quality: encoding preset, a name in `lipwright.media.encoding.PRESETS`.
        report: where the quality report goes; beside the output by default.
        debug_overlay: also write an MP4 with ids, boxes, lips and mask drawn in.
        limits: what media may measure.
        speech: speaks texts; made from the environment by default.
        cache: where face analyses are kept; None keeps none.
    """

    engine: str | LipSyncEngine = BUILT_IN
    quality: str = "visually-lossless"
    report: Path | None = None
    debug_overlay: Path | None = None
    limits: Limits = field(default_factory=Limits)
    speech: TextToSpeech | None = None
    cache: FaceCache | None = field(default_factory=FaceCache)


@dataclass(frozen=True, slots=True)
class Result:
    """What a generation made.

    `faces_at_once` is how many faces there are on that driven source frame which has the most of them.
    """

    output: Path
    report: QualityReport
    report_path: Path
    debug_overlay: Path | None = None
    faces_at_once: int = 1


def generate(
    request: GenerationRequest, output: Path, settings: Settings | None = None, progress: Progress | None = None
) -> Result:
    """Do everything `request` asks for and write `output`.

    Raises:
        RequestError, MediaError, SpeechServiceError, ModelFileError, OutputError, RenderError and their kinds;
        Cancelled when the token of `progress` was.
    """
    settings, progress, watch = settings or Settings(), progress or Progress(), Stopwatch()
    made = targets(output, settings.report, settings.debug_overlay)
    engine = engine_named(settings.engine) if isinstance(settings.engine, str) else settings.engine
    if settings.quality not in PRESETS:
        raise RequestError(
            f"quality is {settings.quality!r}; it has to be one of {', '.join(PRESETS)}.", field="quality"
        )
    check(request)
    # The links of the render loop are what runs in parallel; linear algebra of this size on several threads of its own
    # would spend its time waiting for them (measured: 20 times slower with both cores busy).
    with threadpool_limits(limits=1, user_api="blas"), workspace() as folder:
        with watch.phase("inputs"):
            request, inputs = open_inputs(request, folder, progress, limits=settings.limits, speech=settings.speech)
        keep_inputs(made, [inputs.video, *(sound.path for sound in inputs.sounds.values())])
        return _Generation(request, inputs, made, engine, settings, progress, watch).run()


@dataclass(slots=True)
class _Generation:
    """One generation whose inputs are open."""

    request: GenerationRequest
    inputs: Inputs
    made: Targets
    engine: LipSyncEngine
    settings: Settings
    progress: Progress
    watch: Stopwatch

    def run(self) -> Result:
        check(self.request)  # again: only now is it known whether the picture is a still
        edl = self._plan()
        analysis, visemes, original = self._look_and_listen(edl)
        times = self._times()
        roles = Cast(edl, analysis.cuts, SpeakerChooser(analysis, times, original), resting(visemes))
        if roles.roles and all(role.track is None for role in roles.roles):
            raise NoUsableFace(_no_face(self.inputs, analysis, roles.warnings), field="video")
        meter = FrameMeter([_driven(role, visemes.get(role.drive.ref)) for role in roles.channels])
        facts, notes = self._render(edl, roles, analysis, (times, visemes, original), meter)
        report = assemble(
            Facts(
                engine=self.engine.name,
                quality=self.settings.quality,
                options=self.request.options.in_force(),
                plan=edl,
                inputs=self.inputs,
                cast=roles,
                visemes=visemes,
                measured=meter.finish(),
                output=facts,
                performance=self.watch.performance(facts.frames),
                warnings=(*edl.warnings, *self.inputs.warnings, *roles.warnings, *notes),
            )
        )
        write_report(report, self.made.report)
        crowd = roles.most_faces([track.frames for track in analysis.tracks])
        return Result(self.made.output, report, self.made.report, self.made.overlay, crowd)

    def _render(
        self,
        edl: EditDecisionList,
        roles: Cast,
        analysis: FaceAnalysis,
        known: tuple[NDArray[np.float64], dict[str, VisemeTrack], VisemeTrack | None],
        meter: FrameMeter,
    ) -> tuple[OutputFacts, list[str]]:
        """Write the output (and the overlay): what was written, and what the user should know about it."""
        inputs, quality = self.inputs, typing_cast(Quality, self.settings.quality)
        with ExitStack() as stack:
            reader = stack.enter_context(open_reader(inputs.video, inputs.info, inputs.limits))
            look = stack.enter_context(open_reader(inputs.video, inputs.info, inputs.limits))
            mouths = Mouths(self.engine, roles, Material(look, *known), self.progress)
            output = stack.enter_context(Output(self.made.output, edl, self.inputs, quality))
            overlay = None
            if self.made.overlay is not None:
                overlay = stack.enter_context(Overlay(self.made.overlay, edl, self.inputs, analysis))

            def take(rendered: Rendered) -> None:
                output.take(rendered)
                if overlay is not None:
                    overlay.take(rendered)

            render(edl, reader, mouths, meter, take, self.progress, self.watch)
            failures = mouths.finish()
            with self.watch.phase("finish"):
                facts = output.close()
                if overlay is not None:
                    overlay.close()
        return facts, [*output.notes, *failures]

    def _plan(self) -> EditDecisionList:
        """The edit decision list; boxes that the request refers to are read first."""
        video = self.inputs.info.video
        assert video is not None
        frames = 1 if self.inputs.info.still else video.frames
        whole_video = cache(lambda: self._faces([(0, frames)], self.progress))
        request = with_boxes(self.request, boxes_at(frames, whole_video))
        if self.inputs.info.still:
            request = pointed_on_still(request)
        self.request = request
        return plan(video.grid, self.inputs.lengths, request)

    def _look_and_listen(
        self, edl: EditDecisionList
    ) -> tuple[FaceAnalysis, dict[str, VisemeTrack], VisemeTrack | None]:
        """The faces, and what is said in the speech and in the original; both are looked for at the same time."""
        ranges = merged((*to_analyse(edl), *frames_to_choose(edl)))
        inputs = self.inputs
        paths = {ref: sound.path for ref, sound in inputs.sounds.items()}

        def look(progress: Progress) -> FaceAnalysis:
            return self._faces(ranges, progress)

        def listen(progress: Progress) -> tuple[dict[str, VisemeTrack], VisemeTrack | None]:
            with self.watch.phase("listen"):
                original = None
                if by_ear(edl):
                    original = heard_original(inputs.video, inputs.info, ranges, progress, inputs.limits)
                return heard_speech(edl, paths, progress, inputs.limits), original

        analysis, (visemes, original) = both(look, listen, self.progress)
        release_models()
        give_back()
        return analysis, visemes, original

    def _faces(self, ranges: Sequence[Range], progress: Progress) -> FaceAnalysis:
        with self.watch.phase("faces", count(ranges)):
            inputs = self.inputs
            return faces_on(inputs.video, inputs.info, ranges, progress, self.settings.cache, inputs.limits)

    def _times(self) -> NDArray[np.float64]:
        """(n,) presentation time in seconds of every source frame."""
        video = self.inputs.info.video
        assert video is not None
        return np.asarray(video.grid.pts, np.float64) * float(video.grid.time_base)


def _driven(role: Role, visemes: VisemeTrack | None) -> Drive:
    """What the meter holds a role against."""
    audio, segment = role.drive.audio, role.drive.segment
    heard = (float(audio.start), float(audio.stop))
    speech = SpeechReference.from_visemes(visemes) if visemes is not None and audio.duration > 0 else None
    return Drive(segment if segment >= 0 else None, role.track, speech, heard)


def _no_face(inputs: Inputs, analysis: FaceAnalysis, reasons: Sequence[str]) -> str:
    """Why nobody can speak, in one sentence."""
    if analysis.tracks:
        return " ".join(reasons) or f"No face of {inputs.video.name!r} can be chosen to speak."
    return f"No face was found in {inputs.video.name!r} where lips should move."
