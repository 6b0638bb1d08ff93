"""A generation: one request from its inputs to the output file and the report beside it.

The stages follow each other: look at the inputs and speak texts, plan, find the faces and listen to the speech (side by
side), cast, render. Each is a module of its own; this one only hands on. Nothing is fetched from a network on the way,
save speech from a cloud service where one is configured. Whatever ends it early, an error, a cancelled token or Ctrl-C,
leaves no file and no thread behind. `lipwright.generation.pieces` does the same in several processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from threadpoolctl import threadpool_limits

from lipwright.engines.base import LipSyncEngine
from lipwright.faces.analysis import FaceAnalysis
from lipwright.generation.analyse import faces_on
from lipwright.generation.inputs import Inputs, open_inputs
from lipwright.generation.mouths import Material, Mouths, settled
from lipwright.generation.output import Output
from lipwright.generation.overlay import Overlay
from lipwright.generation.parts import PartRenderer
from lipwright.generation.pieces.processes import generate_in_processes, most_processes
from lipwright.generation.ranges import Range, count
from lipwright.generation.render import Rendered
from lipwright.generation.report import Facts, assemble, write_report
from lipwright.generation.scene import Scene, look_and_listen, planned, set_up
from lipwright.generation.settings import Result, Settings
from lipwright.generation.speakers import boxes_at
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.stretches import stretches_of
from lipwright.generation.targets import Targets, keep_inputs, targets
from lipwright.generation.workspace import workspace
from lipwright.media.reader import open_reader
from lipwright.progress import Progress
from lipwright.quality.account import Account
from lipwright.quality.measure import FrameMeter
from lipwright.quality.report import Encoding, OutputFacts
from lipwright.timeline.request import GenerationRequest
from lipwright.timeline.validate import check

__all__ = ["Result", "Settings", "generate"]


def generate(
    request: GenerationRequest, output: Path, settings: Settings | None = None, progress: Progress | None = None
) -> Result:
    """Do everything `request` asks for and write `output`.

    Raises:
        RequestError, MediaError, SpeechServiceError, ModelFileError, OutputError, RenderError and their kinds;
        Cancelled when the token of `progress` was.
    """
    settings, progress = settings or Settings(), progress or Progress()
    most = most_processes(settings)
    if most > 1:
        return generate_in_processes(request, output, settings, progress, most)
    watch = Stopwatch()
    made = targets(output, settings.report, settings.debug_overlay)
    engine, _ = settings.chosen_engine(), settings.preset()  # a mistake in them is told before anything is done
    check(request)
    # The links of the render loop are what runs in parallel; linear algebra of this size on several threads of its own
    # would spend its time waiting for them (measured: 20 times slower with both cores busy).
    with threadpool_limits(limits=1, user_api="blas"), workspace() as folder:
        with watch.phase("inputs"):
            request, inputs = open_inputs(request, folder, progress, limits=settings.limits, speech=settings.speech)
        keep_inputs(made, [inputs.video, *(sound.path for sound in inputs.sounds.values())])
        scene = _understood(request, inputs, settings, progress, watch)
        account = Account(scene.drives())
        facts, encoding, notes = _render(scene, engine, made, account, settings, progress, watch)
        report = assemble(
            Facts(
                engine=engine.name,
                quality=settings.quality,
                scene=scene,
                measured=account.finish(facts.frames),
                output=facts,
                encoding=encoding,
                performance=watch.performance(facts.frames),
                notes=notes,
            )
        )
        write_report(report, made.report)
        return Result(made.output, report, made.report, made.overlay, scene.faces_at_once())


def _understood(
    request: GenerationRequest, inputs: Inputs, settings: Settings, progress: Progress, watch: Stopwatch
) -> Scene:
    """Plan, look, listen and cast."""
    check(request)  # again: only now is it known whether the picture is a still

    def look(ranges: Sequence[Range], progress: Progress) -> FaceAnalysis:
        with watch.phase("faces", count(ranges)):
            return faces_on(inputs.video, inputs.info, ranges, progress, settings.cache, inputs.limits)

    frames = inputs.frames
    whole_video = cache(lambda: look([(0, frames)], progress))
    request, edl = planned(request, inputs, boxes_at(frames, whole_video))
    return set_up(request, inputs, edl, *look_and_listen(edl, inputs, look, progress, watch))


def _render(
    scene: Scene,
    engine: LipSyncEngine,
    made: Targets,
    account: Account,
    settings: Settings,
    progress: Progress,
    watch: Stopwatch,
) -> tuple[OutputFacts, Encoding, list[str]]:
    """Write the output (and the overlay): what was written, and what the user should know about it."""
    inputs, edl = scene.inputs, scene.edl
    with watch.phase("inputs"):
        stretches = stretches_of(edl, inputs, settings.whole(scene.request))
    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(inputs.video, inputs.info, inputs.limits))
        look = stack.enter_context(open_reader(inputs.video, inputs.info, inputs.limits))
        mouths = Mouths(engine, scene.cast, Material.of(scene, look), progress)
        output = stack.enter_context(
            Output(
                made.output, edl, inputs, stretches, settings.preset(), copy_sound=settings.whole(scene.request) is None
            )
        )
        overlay = None
        if made.overlay is not None:
            overlay = stack.enter_context(Overlay(made.overlay, edl, inputs, stretches, scene.analysis))

        def take(rendered: Rendered) -> None:
            output.take(rendered)
            if overlay is not None:
                overlay.take(rendered)

        total = edl.frame_count - stretches.copied_frames
        meter = FrameMeter(scene.drives(), account.add)
        renderer = PartRenderer(edl, reader, mouths, meter, account.add, take, progress, watch, total, inputs.large)
        for part in stretches.parts():
            if part[0].copied:
                output.copy(part[0], progress, watch)
            else:
                renderer.render(part, stretches)
        failures = settled([mouths.outcome()])
        with watch.phase("finish"):
            facts = output.close()
            if overlay is not None:
                overlay.close()
    return facts, output.encoding(), [*output.notes, *failures]
