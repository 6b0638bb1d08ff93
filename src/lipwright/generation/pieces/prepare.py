"""The first stage: everything that is done once for the whole output, kept in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from threadpoolctl import threadpool_limits

from lipwright.errors import OutputError
from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.store import Store
from lipwright.generation.analyse import faces_kept, faces_on
from lipwright.generation.inputs import Inputs, open_inputs
from lipwright.generation.pieces.borders import suggest_pieces
from lipwright.generation.pieces.kept import (
    FACES,
    STATE,
    Kept,
    KeptSound,
    fraction,
    mark_of_request,
    mark_of_video,
    save_boxes,
    save_heard,
)
from lipwright.generation.pieces.restored import refuse_overlay
from lipwright.generation.ranges import Range, count
from lipwright.generation.scene import Scene, look_and_listen, planned, set_up
from lipwright.generation.settings import Settings
from lipwright.generation.speakers import boxes_at
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.stretches import stretches_of
from lipwright.progress import Progress
from lipwright.timeline.request import GenerationRequest
from lipwright.timeline.validate import check


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to know of a prepared generation.

    Attributes:
        frames: of the output.
        frame_duration: the nominal one, in seconds.
        runs: the output frames, half-open, of every run of the encoder; what lies between them is copied.
        warnings: whole sentences for the user; they are in the report too.
        spoken: the sound file in the folder of every text, by its ref.
        files: everything that later stages need, by name relative to the folder.
    """

    frames: int
    frame_duration: Fraction
    runs: tuple[Range, ...]
    warnings: tuple[str, ...]
    spoken: Mapping[str, str]
    files: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Prepared:
        """That of a folder that was prepared.

        Raises:
            RenderError: it was not, or what is in it is damaged.
        """
        kept = Kept.read(folder)
        spoken = {sound.ref: sound.file for sound in kept.sounds if sound.file is not None}
        duration = fraction(kept.frame_duration)
        return cls(kept.frames, duration, kept.runs, kept.warnings, spoken, (STATE, *kept.files))

    def pieces(self, seconds: Fraction) -> tuple[Range, ...]:
        """The output cut into pieces of about `seconds`; see `suggest_pieces`."""
        return suggest_pieces(self.runs, self.frame_duration, seconds)

    @property
    def encoded(self) -> int:
        """How many frames are encoded."""
        return sum(stop - first for first, stop in self.runs)


def prepare(
    request: GenerationRequest, folder: Path, settings: Settings | None = None, progress: Progress | None = None
) -> Prepared:
    """Do what `request` asks for up to the rendering, and keep in `folder` all that is needed for that.

    The folder is made if it is not there; what an earlier preparation left in it is removed.

    Raises:
        RequestError, MediaError, SpeechServiceError, ModelFileError, OutputError and their kinds; Cancelled.
    """
    settings, progress, watch = settings or Settings(), progress or Progress(), Stopwatch()
    refuse_overlay(settings)
    engine, quality = settings.chosen_engine(), settings.preset()
    check(request)
    with _writing(folder):
        _empty(folder)
    with threadpool_limits(limits=1, user_api="blas"):
        with watch.phase("inputs"):
            opened, inputs = open_inputs(request, folder, progress, limits=settings.limits, speech=settings.speech)
        scene = _understood(opened, inputs, folder, settings, progress, watch)
        with watch.phase("inputs"):
            stretches = stretches_of(scene.edl, inputs, settings.whole(request))
    with _writing(folder):
        save_boxes(folder, opened, scene.request)
        kept = Kept(
            engine=engine.name,
            quality=quality,
            request=mark_of_request(request),
            video=mark_of_video(inputs.info),
            frames=scene.edl.frame_count,
            frame_duration=str(scene.edl.frame_duration),
            whole=settings.whole(request),
            runs=tuple((run.first, run.stop) for run in stretches.encoded),
            sounds=tuple(_sounds(inputs, folder)),
            heard=save_heard(folder, scene.heard),
            input_warnings=inputs.warnings,
            warnings=tuple(dict.fromkeys(scene.warnings)),
            performance=watch.performance(0),
        )
        kept.save(folder)
    return Prepared.read(folder)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turns what the system refuses into an `OutputError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"The folder {folder.name!r} cannot be written to: {reason}.") from None


def _empty(folder: Path) -> None:
    """Make the folder if need be, and forget an earlier preparation."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATE).unlink(missing_ok=True)
    shutil.rmtree(folder / FACES, ignore_errors=True)
    for left in (*folder.glob("speech-*.wav"), *folder.glob("boxes.json")):
        left.unlink()


def _understood(
    request: GenerationRequest,
    inputs: Inputs,
    folder: Path,
    settings: Settings,
    progress: Progress,
    watch: Stopwatch,
) -> Scene:
    """Plan, look, listen and cast, as a generation in one go does; the faces are kept."""
    check(request)  # again: only now is it known whether the picture is a still
    video, info, limits = inputs.video, inputs.info, inputs.limits
    store = Store(folder / FACES)

    def all_faces() -> FaceAnalysis:
        with watch.phase("faces", inputs.frames):
            return faces_on(video, info, [(0, inputs.frames)], progress, settings.cache, limits)

    def look(ranges: Sequence[Range], progress: Progress) -> FaceAnalysis:
        with watch.phase("faces", count(ranges)):
            return faces_kept(video, info, ranges, progress, store, settings.cache, limits)

    request, edl = planned(request, inputs, boxes_at(inputs.frames, cache(all_faces)))
    return set_up(request, inputs, edl, *look_and_listen(edl, inputs, look, progress, watch))


def _sounds(inputs: Inputs, folder: Path) -> Iterator[KeptSound]:
    for ref, sound in inputs.sounds.items():
        spoken = sound.path.parent == folder and sound.voice is not None
        yield KeptSound(ref, str(sound.seconds), sound.voice, sound.path.name if spoken else None)
