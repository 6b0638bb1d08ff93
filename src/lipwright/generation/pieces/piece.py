"""The second stage: some of the output's runs, rendered, measured and encoded.

A piece goes through a range of output frames that begins and ends with runs of the encoder, and leaves out what is
copied; its times begin at zero. Engines are prepared for the whole of every role that the piece shows, so that a role
moves in each piece as it would in one go.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Self

from threadpoolctl import threadpool_limits

from lipwright.faces.cache import file_digest
from lipwright.generation.mouths import Material, Mouths
from lipwright.generation.parts import PartRenderer
from lipwright.generation.pieces.readings import Header, ReadingsWriter, end_view, readings_beside
from lipwright.generation.pieces.restored import Restored, restored
from lipwright.generation.render import Rendered
from lipwright.generation.runs import Runs
from lipwright.generation.settings import Settings
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.stretches import Stretches
from lipwright.generation.targets import writable
from lipwright.media.encoding import scales_of
from lipwright.media.mp4 import Mp4File
from lipwright.media.reader import open_reader
from lipwright.media.track import FrameTimes, VideoTrack
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
    """Render those of the output frames first..stop-1 of what was prepared in `folder` that are encoded.

    They become an MP4 without sound at `output`. What was measured goes into the file `readings_beside(output)`; `join`
    needs both.

    Raises:
        RenderError: the folder is not prepared or damaged, or no runs begin and end there.
        MediaError, ModelFileError, OutputError and their kinds; Cancelled.
    """
    settings, progress, watch = settings or Settings(), progress or Progress(), Stopwatch()
    writable(output)
    with threadpool_limits(limits=1, user_api="blas"), ExitStack() as stack:
        job = restored(request, folder, settings, progress)
        scene, edl = job.scene, job.scene.edl
        stretches = job.stretches.between(first, stop)
        reader = stack.enter_context(open_reader(scene.inputs.video, scene.inputs.info, scene.inputs.limits))
        look = stack.enter_context(open_reader(scene.inputs.video, scene.inputs.info, scene.inputs.limits))
        mouths = Mouths(job.engine, scene.cast, Material.of(scene, look), progress)
        record = stack.enter_context(ReadingsWriter(readings_beside(output)))
        writer = stack.enter_context(_PieceWriter(output, job, stretches, settings))
        meter = FrameMeter(scene.drives(), record.add, remember_first=True)
        total = sum(run.frames for run in stretches.encoded)
        renderer = PartRenderer(
            edl, reader, mouths, meter, record.add, writer.take, progress, watch, total, scene.inputs.large
        )
        for part in stretches.parts():
            if not part[0].copied:
                renderer.render(part, job.stretches)
        ends = _ends(job, meter, first, stop)
        with watch.phase("finish"):
            writer.close()
            header = Header(
                job=job.job,
                first=first,
                stop=stop,
                readings=record.count,
                coded=file_digest(output),
                outcome=mouths.outcome(),
                performance=watch.performance(total),
                ends=(end_view(ends[0]), end_view(ends[1])),
            )
            record.finish(header, ends)


class _PieceWriter:
    """The encoded piece: a video track and nothing else; a context manager, and nothing is left without `close`."""

    def __init__(self, path: Path, job: Restored, stretches: Stretches, settings: Settings) -> None:
        scales = scales_of(job.target.time_base, None)
        self._times = FrameTimes(scales)
        self._start: Fraction | None = None
        self._places: dict[int, int] = {}
        self._runs = Runs(job.target, stretches, scales, settings.preset())
        self._file = Mp4File(path, scales)
        layout = stretches.layout(job.target.layout)
        self._track = VideoTrack(self._file, job.target, layout, self._runs.sets, self._times, self._runs.delay)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.abort()

    def take(self, rendered: Rendered) -> None:
        """Encode one frame."""
        frame = rendered.frame
        self._start = frame.time if self._start is None else self._start
        self._places[frame.index] = len(self._times.pts)
        self._times.add(frame.time - self._start, frame.duration)
        with self._file.guarded():
            for coded in self._runs.add(rendered.picture, frame):
                self._track.add(replace(coded, frame=self._places.pop(coded.frame)))

    def close(self) -> None:
        """Publish the file."""
        self._file.close()


def _frame(job: Restored, index: int) -> OutputFrame:
    return next(job.scene.edl.output_frames(index, index + 1))


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
