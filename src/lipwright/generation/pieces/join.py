"""The last stage: the pieces in a row, the sound, the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from lipwright.errors import RenderError
from lipwright.faces.cache import file_digest
from lipwright.generation.mouths import settled
from lipwright.generation.output import SOUND_AHEAD, output_facts, output_notes, provenance, sound_mix
from lipwright.generation.pieces.readings import PieceReadings
from lipwright.generation.pieces.restored import Restored, restored
from lipwright.generation.report import Facts, assemble, write_report
from lipwright.generation.settings import Result, Settings
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.targets import keep_inputs, targets
from lipwright.media.joined import CodedPiece, FrameTimes, JoinedWriter, look_through
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
) -> Result:
    """Make the output and its report of the encoded `pieces`, in any order, with their readings beside them.

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
        facts = _write(job, rendered, made.output, progress, watch)
        stages = [job.kept.performance, *(piece.header.performance for piece in rendered)]
        report = assemble(
            Facts(
                engine=job.engine.name,
                quality=settings.quality,
                scene=job.scene,
                measured=measured,
                output=facts,
                performance=_together([*stages, watch.performance(0)], facts.frames),
                notes=[*output_notes(job.target, inputs), *failures],
            )
        )
        write_report(report, made.report)
    return Result(made.output, report, made.report, None, job.scene.faces_at_once())


def _in_order(pieces: Sequence[PieceReadings], job: Restored, progress: Progress) -> list[PieceReadings]:
    """The pieces by their place; raises `RenderError` if they are not all of the output, each once and undamaged."""
    ordered = sorted(pieces, key=lambda piece: (piece.header.first, piece.header.stop))
    at = 0
    for piece in ordered:
        name, header = piece.piece.name, piece.header
        progress.check()
        if header.job != job.job:
            raise RenderError(f"The piece {name!r} was rendered from another preparation.")
        if header.first != at or header.stop <= header.first:
            raise RenderError(f"The piece {name!r} begins with frame {header.first}; frame {at} is expected.")
        try:
            same = file_digest(piece.piece) == header.coded
        except OSError:
            raise RenderError(f"The piece {name!r} is missing.") from None
        if not same:
            raise RenderError(f"The piece {name!r} is damaged.")
        at = header.stop
    if at != job.kept.frames:
        raise RenderError(f"The pieces end with frame {at}, but the output has {job.kept.frames} frames.")
    return ordered


def _measured(job: Restored, pieces: Iterable[PieceReadings], progress: Progress) -> Measured:
    """The figures of all pieces, as if one meter had seen all frames."""
    account = Account(job.scene.drives())
    for reading in _readings(pieces):
        if reading.index % 250 == 0:
            progress.check()
        account.add(reading)
    return account.finish()


def _readings(pieces: Iterable[PieceReadings]) -> Iterator[FrameReading]:
    """All readings in order; a piece's first frame is compared with the last of the piece before."""
    before: PieceReadings | None = None
    for piece in pieces:
        for reading in piece.readings():
            if before is not None and reading.index == piece.header.first:
                try:
                    yield replace(reading, changes=changes_between(before.end(1), piece.end(0)))
                except (KeyError, ValueError):  # a patch that is not there, or of another size
                    raise piece.damaged() from None
            else:
                yield reading
        before = piece


def _write(
    job: Restored, pieces: Sequence[PieceReadings], path: Path, progress: Progress, watch: Stopwatch
) -> OutputFacts:
    """The output file."""
    edl, inputs, target = job.scene.edl, job.scene.inputs, job.target
    coded = [_coded(piece, progress) for piece in pieces]
    times = FrameTimes(target.time_base)
    for frame in edl.output_frames():
        times.add(frame.time, frame.duration)
    total = job.kept.frames
    progress.advance(PHASE, 0, total)
    with ExitStack() as stack, watch.phase(PHASE, total):
        mix = sound_mix(edl, inputs)
        stack.callback(mix.close)
        writer = stack.enter_context(JoinedWriter(path, coded, times, mix.target, comment=provenance(edl)))
        # Packets come in decoding order; the sound goes along frame by frame, as it does beside an encoder.
        for frame, packet in zip(edl.output_frames(), writer.packets(), strict=True):
            writer.add_packet(packet)
            writer.add_audio(mix.up_to(frame.time + frame.duration + SOUND_AHEAD))
            progress.advance(PHASE, frame.index + 1, total)
        for block in mix.blocks():
            writer.add_audio(block)
        writer.close()
    return output_facts(path, target, edl, total, mix)


def _coded(piece: PieceReadings, progress: Progress) -> CodedPiece:
    """The encoded piece, looked through; it holds as many frames as it should."""
    progress.check()
    coded = look_through(piece.piece)
    if len(coded.shown) != piece.header.stop - piece.header.first:
        raise RenderError(f"The piece {piece.piece.name!r} does not hold the frames that belong there.")
    return coded


def _together(stages: Sequence[Performance], frames: int) -> Performance:
    """The work of all stages, whichever process did it: seconds added up, the peak of the largest process."""
    phases: dict[str, Phase] = {}
    for phase in (phase for stage in stages for phase in stage.phases):
        before = phases.get(phase.name, Phase(phase.name, 0, 0.0, phase.unit))
        phases[phase.name] = replace(
            before, done=before.done + phase.done, seconds=round(before.seconds + phase.seconds, 3)
        )
    peaks = [stage.peak_memory for stage in stages if stage.peak_memory is not None]
    seconds = round(sum(stage.seconds for stage in stages), 3)
    return Performance(seconds, frames, tuple(phases.values()), max(peaks, default=None))
