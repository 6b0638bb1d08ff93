"""The last stage: the pieces in a row, the sound, the report."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from threadpoolctl import threadpool_limits

from lipwright.errors import RenderError
from lipwright.faces.cache import file_digest
from lipwright.generation.mouths import settled
from lipwright.generation.output import Output
from lipwright.generation.pieces.readings import PieceReadings
from lipwright.generation.pieces.restored import Restored, restored
from lipwright.generation.report import Facts, assemble, write_report
from lipwright.generation.settings import Result, Settings
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.targets import keep_inputs, targets
from lipwright.media.coded import look_through
from lipwright.media.encoder import CodedFrame
from lipwright.progress import Progress
from lipwright.quality.account import Account, Measured
from lipwright.quality.readings import FrameReading
from lipwright.quality.report import OutputFacts, Performance, Phase
from lipwright.quality.views import changes_between
from lipwright.timeline.request import GenerationRequest

PHASE = "join"


def join(
    request: GenerationRequest,
    folder: Path,
    pieces: Sequence[Path],
    output: Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    since: Stopwatch | None = None,
) -> Result:
    """Make the output and its report of the encoded `pieces`, in any order, with their readings beside them.

    The report's seconds are those of all stages together; with `since`, which was started with the first of them, those
    that went by, since stages may have run side by side.

    Raises:
        RenderError: a piece is missing, damaged, encoded otherwise or of another preparation; no mouth could be moved.
        MediaError, OutputError and their kinds; Cancelled.
    """
    settings, progress, watch = settings or Settings(), progress or Progress(), Stopwatch()
    made = targets(output, settings.report, settings.debug_overlay)
    with threadpool_limits(limits=1, user_api="blas"):
        job = restored(request, folder, settings, progress)
        inputs = job.scene.inputs
        keep_inputs(made, [inputs.video, *(sound.path for sound in inputs.sounds.values()), *pieces])
        rendered = _in_order([PieceReadings(piece) for piece in pieces], job, progress)
        failures = settled([piece.header.outcome for piece in rendered])
        with watch.phase("measure"):
            measured = _measured(job, rendered, progress)
        output_file, facts = _write(job, rendered, made.output, settings, progress, watch)
        stages = [job.kept.performance, *(piece.header.performance for piece in rendered)]
        report = assemble(
            Facts(
                engine=job.engine.name,
                quality=settings.quality,
                scene=job.scene,
                measured=measured,
                output=facts,
                encoding=output_file.encoding(),
                performance=_together([*stages, watch.performance(0)], facts.frames, since),
                notes=[*output_file.notes, *failures],
            )
        )
        write_report(report, made.report)
    return Result(made.output, report, made.report, None, job.scene.faces_at_once())


def _in_order(pieces: Sequence[PieceReadings], job: Restored, progress: Progress) -> list[PieceReadings]:
    """The pieces by their place; raises `RenderError` if they are not all runs, each once and undamaged."""
    ordered = sorted(pieces, key=lambda piece: (piece.header.first, piece.header.stop))
    runs = deque(job.kept.runs)
    for piece in ordered:
        name, header = piece.piece.name, piece.header
        progress.check()
        if header.job != job.job:
            raise RenderError(f"The piece {name!r} was rendered from another preparation.")
        expected = f"frame {runs[0][0]} is expected" if runs else "no more is expected"
        if not runs or header.first != runs[0][0] or header.stop <= header.first:
            raise RenderError(f"The piece {name!r} begins with frame {header.first}; {expected}.")
        try:
            same = file_digest(piece.piece) == header.coded
        except OSError:
            raise RenderError(f"The piece {name!r} is missing.") from None
        if not same:
            raise RenderError(f"The piece {name!r} is damaged.")
        while runs and runs[0][1] <= header.stop:
            runs.popleft()
    if runs:
        last = ordered[-1].header.stop if ordered else 0
        raise RenderError(f"The pieces end with frame {last}, but frame {runs[0][0]} has to be rendered too.")
    return ordered


def _measured(job: Restored, pieces: Iterable[PieceReadings], progress: Progress) -> Measured:
    """The figures of all pieces, as if one meter had seen all frames."""
    account = Account(job.scene.drives())
    for reading in _readings(pieces):
        if reading.index % 250 == 0:
            progress.check()
        account.add(reading)
    measured = account.finish(job.kept.frames)
    looked_at = measured.equality.untouched_frames + measured.equality.edited_frames
    if looked_at + job.stretches.copied_frames != job.kept.frames:
        raise RenderError("The readings of the pieces are not those of all frames that were rendered.")
    return measured


def _readings(pieces: Iterable[PieceReadings]) -> Iterator[FrameReading]:
    """All readings in order; a piece's first frame is compared with the last of the piece before."""
    before: PieceReadings | None = None
    for piece in pieces:
        for reading in piece.readings():
            if before is not None and before.header.stop == reading.index == piece.header.first:
                try:
                    yield replace(reading, changes=changes_between(before.end(1), piece.end(0)))
                except (KeyError, ValueError):  # a patch that is not there, or of another size
                    raise piece.damaged() from None
            else:
                yield reading
        before = piece


def _write(
    job: Restored, pieces: Sequence[PieceReadings], path: Path, settings: Settings, progress: Progress, watch: Stopwatch
) -> tuple[Output, OutputFacts]:
    """The output file."""
    edl, inputs, stretches = job.scene.edl, job.scene.inputs, job.stretches
    total = edl.frame_count - stretches.copied_frames
    progress.advance(PHASE, 0, total)
    copy_sound = job.kept.whole is None
    with Output(path, edl, inputs, stretches, settings.preset(), copy_sound=copy_sound) as output:
        coded = _coded(job, pieces, output, progress)
        done = 0
        for stretch in stretches.all:
            if stretch.copied:
                output.copy(stretch, progress, watch)
                continue
            with watch.phase(PHASE, stretch.frames):
                for packet in islice(coded, stretch.frames):
                    output.add([packet])
                    done += 1
                    progress.advance(PHASE, done, total)
        with watch.phase("finish"):
            return output, output.close()


def _coded(job: Restored, pieces: Sequence[PieceReadings], output: Output, progress: Progress) -> Iterator[CodedFrame]:
    """The packets of all runs in decoding order; raises `RenderError` for a piece that does not hold its frames."""
    for piece in pieces:
        progress.check()
        runs = job.stretches.between(piece.header.first, piece.header.stop).encoded
        frames = array("q", chain.from_iterable(range(run.first, run.stop) for run in runs))
        coded = look_through(piece.piece)
        coded.check(output.runs.sets, output.times, frames)
        yield from coded.packets(frames)


def _together(stages: Sequence[Performance], frames: int, since: Stopwatch | None) -> Performance:
    """The work of all stages, whichever process did it, and the peak of the largest process."""
    phases: dict[str, Phase] = {}
    for phase in (phase for stage in stages for phase in stage.phases):
        before = phases.get(phase.name, Phase(phase.name, 0, 0.0, phase.unit))
        phases[phase.name] = replace(
            before, done=before.done + phase.done, seconds=round(before.seconds + phase.seconds, 3)
        )
    peaks = [stage.peak_memory for stage in stages if stage.peak_memory is not None]
    seconds = since.performance(0).seconds if since else round(sum(stage.seconds for stage in stages), 3)
    return Performance(seconds, frames, tuple(phases.values()), max(peaks, default=None))
