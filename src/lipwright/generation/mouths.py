"""The mouths of an output frame: engines prepared when their role comes on, asked frame by frame, never fatal.

A role is prepared when the output reaches its first frame and let go after its last, so that the memory of one engine
is not held for the length of the film. Whatever an engine does on one frame, the job goes on: the frame passes through
and the report says so. Only if no role at all could be prepared is the job given up, with the engine's own reason.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import Edit, EngineJob, FrameTask, LipSyncEngine, MouthRenderer, PassReason
from lipwright.errors import Cancelled, RenderError
from lipwright.generation.cast import Cast, Role
from lipwright.generation.memory import give_back
from lipwright.generation.scene import Scene
from lipwright.media.picture import Picture
from lipwright.media.reader import Frame, FrameReader
from lipwright.progress import Progress
from lipwright.speech.visemes import VisemeTrack
from lipwright.timeline.edl import OutputFrame

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mouth:
    """What became of one role on one frame: an edit, or the reason why there is none."""

    role: Role
    task: FrameTask
    edit: Edit | None
    reason: PassReason | None


@dataclass(frozen=True, slots=True)
class Material:
    """What engines are given besides the role: see `lipwright.engines.base.EngineJob`.

    `look` is a reader of its own, since it jumps about while the render loop reads on.
    """

    look: FrameReader
    source_times: NDArray[np.float64]
    visemes: Mapping[str, VisemeTrack]
    source_visemes: VisemeTrack | None
    keep: Path | None = None

    @classmethod
    def of(cls, scene: Scene, look: FrameReader) -> Material:
        """That of a scene."""
        return cls(look, scene.times, scene.heard.visemes, scene.heard.original, scene.analysis.keep)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the engines of an output, or of a run of its frames, fared.

    Attributes:
        prepared: how many roles could be prepared.
        failures: warnings about what they failed at, each once.
        refusal: why the first role that could not be prepared could not.
    """

    prepared: int
    failures: tuple[str, ...] = ()
    refusal: str | None = None


class Mouths:
    """The engines of an output; frames have to be asked for in output order, from one thread."""

    def __init__(self, engine: LipSyncEngine, cast: Cast, material: Material, progress: Progress) -> None:
        self._engine = engine
        self._cast = cast
        self._material = material
        self._progress = progress
        self._ready: dict[int, MouthRenderer | None] = {}
        self._failures: list[str] = []
        self._prepared = 0
        self._refusal: str | None = None

    def on(self, frame: OutputFrame, source: Frame) -> list[Mouth]:
        """What becomes of every role on `frame`, shown from `source`."""
        return [self._mouth(role, task, source) for role, task in self._cast.on(frame)]

    def outcome(self) -> Outcome:
        """How the engines fared so far."""
        return Outcome(self._prepared, tuple(dict.fromkeys(self._failures)), self._refusal)

    def _mouth(self, role: Role, task: FrameTask, source: Frame) -> Mouth:
        if not role.seen(task.source):
            return Mouth(role, task, None, PassReason.NO_FACE)
        if role.number not in self._ready:
            self._ready[role.number] = self._prepare(role)
        renderer = self._ready[role.number]
        if task.output >= role.tasks[-1].output:
            self._ready[role.number] = None
        if renderer is None:
            return Mouth(role, task, None, PassReason.ENGINE_FAILED)
        if source.damaged:
            return Mouth(role, task, None, PassReason.DAMAGED_FRAME)
        try:
            answer = renderer.render(task, source.picture)
            if isinstance(answer, Edit):
                _check(answer, source.picture)
        except (Cancelled, MemoryError):
            raise
        except Exception as error:
            _log.warning("frame %d: the engine failed", task.output, exc_info=True)
            self._failures.append(f"The engine failed on some frames ({_brief(error)}); they were left as they were.")
            return Mouth(role, task, None, PassReason.ENGINE_FAILED)
        return Mouth(role, task, None, answer) if isinstance(answer, PassReason) else Mouth(role, task, answer, None)

    def _prepare(self, role: Role) -> MouthRenderer | None:
        assert role.track is not None
        options = role.drive.options
        material = self._material
        job = EngineJob(
            track=role.track,
            visemes=material.visemes.get(role.drive.ref) if role.drive.audio.duration > 0 else None,
            tasks=role.tasks,
            look=self._look,
            exemplar_frames=role.track.frames.tolist(),
            source_times=material.source_times,
            source_visemes=material.source_visemes,
            temperature=options.temperature,
            check_occlusion=options.occlusion_detection,
            ease_in=role.ease_in,
            ease_out=role.ease_out,
            progress=self._progress,
            keep=material.keep,
        )
        try:
            renderer = self._engine.prepare(job)
        except (Cancelled, MemoryError):
            raise
        except Exception as error:
            refusal = error if isinstance(error, RenderError) else RenderError(f"The engine failed ({_brief(error)}).")
            _log.warning("role %d: the engine could not be prepared", role.number, exc_info=refusal is not error)
            self._refusal = self._refusal or refusal.message
            where = f"segments[{role.drive.segment}]" if role.drive.segment >= 0 else "the video"
            self._failures.append(f"No mouth could be moved in {where}: {refusal.message}")
            return None
        finally:
            material.look.close()  # a decoder that waits holds a dozen frames; it is opened again if it is needed
            give_back()
        self._prepared += 1
        return renderer

    def _look(self, indices: Sequence[int]) -> list[Picture]:
        return [frame.picture for frame in self._material.look.at_many(indices)]


def settled(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The warnings of all runs of frames of an output, in order.

    Raises:
        RenderError: no role could be prepared at all.
    """
    refusal = next((outcome.refusal for outcome in outcomes if outcome.refusal is not None), None)
    if refusal is not None and not any(outcome.prepared for outcome in outcomes):
        raise RenderError(refusal)
    return tuple(dict.fromkeys(failure for outcome in outcomes for failure in outcome.failures))


def composed(picture: Picture, mouths: Sequence[Mouth]) -> Picture:
    """`picture` with the edits of `mouths` laid in; the very same object if there are none."""
    for mouth in mouths:
        if mouth.edit is not None:
            picture = picture.blend(mouth.edit.box, mouth.edit.yuv, mouth.edit.alpha)
    return picture


def _check(edit: Edit, picture: Picture) -> None:
    """Raise if an edit does not fit the picture; engines may be anybody's."""
    x0, y0, x1, y1 = edit.box
    inside = 0 <= x0 < x1 <= picture.width and 0 <= y0 < y1 <= picture.height
    shape = (y1 - y0, x1 - x0)
    if not inside or edit.alpha.shape != shape or edit.yuv.shape != (*shape, 3):
        raise RenderError(
            f"The edit at {edit.box} with yuv {edit.yuv.shape} and alpha {edit.alpha.shape} does not fit the picture."
        )


def _brief(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:120]}" if said else type(error).__name__
