"""A prepared generation set up again in another process, without looking, listening or speaking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from lipwright.engines.base import LipSyncEngine
from lipwright.errors import RenderError, RequestError
from lipwright.faces.analysis import analysed
from lipwright.faces.store import Store
from lipwright.generation.inputs import Inputs, SoundFile, audio_path, video_path
from lipwright.generation.pieces.kept import FACES, Kept, damaged, fraction, job_of, read_heard, with_kept_boxes
from lipwright.generation.scene import Scene, planned, set_up, watched
from lipwright.generation.settings import Settings
from lipwright.generation.stretches import Stretches, stretches_of
from lipwright.media.encoding import VideoTarget
from lipwright.media.guard import Limits
from lipwright.media.probe import probe
from lipwright.progress import Progress
from lipwright.timeline.request import AudioInput, GenerationRequest, VisualKind


@dataclass(frozen=True, slots=True)
class Restored:
    """A prepared generation.

    Attributes:
        scene: as it was when it was prepared.
        stretches: what is copied and what is encoded.
        kept: what the preparation left.
        job: tells this preparation from any other.
    """

    scene: Scene
    stretches: Stretches
    kept: Kept
    engine: LipSyncEngine
    job: str

    @property
    def target(self) -> VideoTarget:
        """The pictures of the output."""
        video = self.scene.inputs.info.video
        assert video is not None
        return VideoTarget.like(video, self.scene.edl.time_base)


def restored(request: GenerationRequest, folder: Path, settings: Settings, progress: Progress) -> Restored:
    """The generation that was prepared in `folder` for this request.

    Raises:
        RenderError: the folder is not prepared, something in it is damaged, or it was prepared for something else.
        MediaError: an input cannot be read.
    """
    refuse_overlay(settings)
    engine = settings.chosen_engine()
    kept, job = Kept.read(folder), job_of(folder)
    kept.verify(folder)
    progress.check()
    inputs = _inputs(request, kept, folder, settings.limits)
    progress.check()
    kept.check_same(request, inputs.info, settings)
    kind = VisualKind.IMAGE if inputs.info.still else VisualKind.VIDEO
    request = replace(request, video=replace(request.video, kind=kind))
    request, edl = planned(with_kept_boxes(folder, request), inputs, _no_boxes)
    analysis = analysed(Store(folder / FACES), watched(edl))
    if analysis is None or edl.frame_count != kept.frames:
        raise damaged(FACES)
    scene = set_up(request, inputs, edl, analysis, read_heard(folder, kept))
    stretches = stretches_of(edl, inputs, kept.whole)
    if tuple((run.first, run.stop) for run in stretches.encoded) != kept.runs:
        raise RenderError("The video is not the one that the generation was prepared with.")
    return Restored(scene, stretches, kept, engine, job)


def refuse_overlay(settings: Settings) -> None:
    """Raise `RequestError` if a debug overlay is wanted, which is drawn only by a generation in one go."""
    if settings.debug_overlay is not None:
        raise RequestError("A debug overlay is not made of a generation in pieces.", field="debug overlay")


def _inputs(request: GenerationRequest, kept: Kept, folder: Path, limits: Limits) -> Inputs:
    """The inputs where they lie now; how long the sounds are is known already."""
    if [one.ref for one in request.audio] != [one.ref for one in kept.sounds]:
        raise RenderError("The request is not the one that the generation was prepared with.")
    sounds: dict[str, SoundFile] = {}
    for given, sound in zip(request.audio, kept.sounds, strict=True):
        if isinstance(given, AudioInput):
            path = audio_path(given)
        elif sound.file is not None and sound.file in kept.files:
            path = folder / sound.file
        else:
            raise damaged(sound.file or "speech")
        sounds[sound.ref] = SoundFile(path, fraction(sound.seconds), sound.voice)
    video = video_path(request.video)
    info = probe(video, limits)
    if info.video is None:
        raise RenderError("The video is not the one that the generation was prepared with.")
    return Inputs(video, info, sounds, kept.input_warnings, limits)


def _no_boxes(url: str) -> NoReturn:
    raise damaged("boxes.json")
