"""The second stage: some of the output's frames, rendered, measured and encoded.

A piece begins with a picture that needs no other (the encoder begins anew) and its times begin at zero. Engines are
prepared for the whole of every role that the piece shows, so that a role moves in each piece as it would in one go.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from threadpoolctl import threadpool_limits

from lipwright.errors import RenderError
from lipwright.faces.cache import file_digest
from lipwright.generation.mouths import Material, Mouths
from lipwright.generation.pieces.readings import Header, ReadingsWriter, end_view, readings_beside
from lipwright.generation.pieces.restored import Restored, restored
from lipwright.generation.render import Rendered, render
from lipwright.generation.settings import Settings
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.targets import writable
from lipwright.media.reader import open_reader
from lipwright.media.writer import OutputWriter
from lipwright.progress import Progress
from lipwright.quality.measure import FrameMeter
from lipwright.quality.readings import Box
from lipwright.quality.views import KeptView, PictureView
from lipwright.timeline.edl import OutputFrame
from lipwright.timeline.request import GenerationRequest


def render_piece(
    request: GenerationRequest,
    folder: Path,
    first: int,
    stop: int,
    output: Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> None:
    """Render output frames first..stop-1 of what was prepared in `folder` into an MP4 without sound at `output`.

    What was measured goes into the file `readings_beside(output)`; `join` needs both.

    Raises:
        RenderError: the folder is not prepared or damaged, or there are no such frames.
        MediaError, ModelFileError, OutputError and their kinds; Cancelled.
    """
    settings, progress, watch = settings or Settings(), progress or Progress(), Stopwatch()
    writable(output)
    with threadpool_limits(limits=1, user_api="blas"), ExitStack() as stack:
        job = restored(request, folder, settings, progress)
        scene, edl = job.scene, job.scene.edl
        if not 0 <= first < stop <= edl.frame_count:
            raise RenderError(f"There are no frames {first} to {stop} in an output of {edl.frame_count} frames.")
        start = _frame(job, first).time
        reader = stack.enter_context(open_reader(scene.inputs.video, scene.inputs.info, scene.inputs.limits))
        look = stack.enter_context(open_reader(scene.inputs.video, scene.inputs.info, scene.inputs.limits))
        mouths = Mouths(job.engine, scene.cast, Material.of(scene, look), progress)
        record = stack.enter_context(ReadingsWriter(readings_beside(output)))
        writer = stack.enter_context(OutputWriter(output, job.target, quality=settings.preset()))

        def take(rendered: Rendered) -> None:
            writer.add_picture(rendered.picture, rendered.frame.time - start, rendered.frame.duration)

        meter = FrameMeter(scene.drives(), record.add)
        render(edl, (first, stop), reader, mouths, meter, take, progress, watch)
        ends = _ends(job, meter, first, stop)
        with watch.phase("finish"):
            writer.close()
            header = Header(
                job=job.job,
                first=first,
                stop=stop,
                coded=file_digest(output),
                outcome=mouths.outcome(),
                performance=watch.performance(stop - first),
                ends=(end_view(ends[0]), end_view(ends[1])),
            )
            record.finish(header, ends)


def _frame(job: Restored, index: int) -> OutputFrame:
    return next(islice(job.scene.edl.output_frames(), index, None))


def _ends(job: Restored, meter: FrameMeter, first: int, stop: int) -> tuple[KeptView, KeptView]:
    """What the neighbours of the piece will want to see of its first and last frame."""
    assert meter.first is not None
    assert meter.last is not None

    def boxes_on(index: int, view: PictureView) -> list[Box]:
        """Where the mouths of frame `index` of the output are."""
        if not 0 <= index < job.kept.frames:
            return []
        frame = _frame(job, index)
        found = [meter.mouth_box(role.channel, frame.source, view.composed) for role in job.scene.cast.roles_on(frame)]
        return [box for box in found if box is not None]

    return (
        KeptView.of(meter.first, boxes_on(first - 1, meter.first)),
        KeptView.of(meter.last, boxes_on(stop, meter.last)),
    )
