"""The built-in engine: the subject's own mouth, chosen and moved to new speech. CPU only, no generative weights.

`prepare` plans the whole clip: learn the subject's range, turn visemes into a lip trajectory, choose an exemplar for
every frame. The renderer it returns does one frame at a time. The same job always gives the same frames: nothing here
is random and nothing depends on timing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import EngineJob, MouthRenderer, PassReason
from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.choose import Needs, choose, library
from lipwright.engines.exemplar.gather import pick_rows, usable_rows
from lipwright.engines.exemplar.interior import palette
from lipwright.engines.exemplar.known import KnownFaces
from lipwright.engines.exemplar.plan import ClipPlan, Targets
from lipwright.engines.exemplar.renderer import ExemplarRenderer
from lipwright.engines.exemplar.shape import HeadSpace
from lipwright.engines.exemplar.subject import Subject, learn_subject
from lipwright.engines.exemplar.trajectory import Trajectory, trajectory
from lipwright.errors import RenderError

F64 = NDArray[np.float64]

# Faces narrower than this (pixels between the cheeks) are left alone: under it the mesh cannot place lips.
SMALLEST_FACE = 50.0
_EYES_TO_FACE = 1.62
FURTHEST_YAW, FURTHEST_PITCH = 42.0, 35.0
_EASE = 0.2  # seconds between the source's own mouth and the driven one


class ExemplarEngine:
    """Re-renders the subject with the subject's own mouth frames.

    An engine remembers the faces that it was prepared for last; what it makes of a job does not depend on that.
    """

    name = "exemplar"

    def __init__(self) -> None:
        self._faces = KnownFaces()

    def prepare(self, job: EngineJob) -> MouthRenderer:
        """See `lipwright.engines.base.LipSyncEngine`.

        Raises:
            RenderError: if the track is empty.
        """
        if len(job.track) == 0:
            raise RenderError("The face track holds no frames.")
        known = self._faces.of(job.track)
        space = known.space
        rows = np.array([job.track.row(t.source) for t in job.tasks], np.int64)
        reasons = [_reason(job, space, int(row)) for row in rows]
        if all(reasons):
            return ExemplarRenderer(job.track, space, [], palette([]), ClipPlan(job.tasks, reasons))
        subject = known.subject(lambda: learn_subject(space.shapes, _weights(job, space)))
        targets = Targets(space, rows, subject, _trajectory(job, subject), _ease(job, reasons))
        exemplars = known.exemplars(_exemplar_rows(job, space, rows, reasons), job)
        self._faces.forget()
        if not exemplars:
            raise RenderError("No frame of the source shows the speaker's mouth well enough to work from.")
        store = library(exemplars, space.shapes, job.track.yaw, job.track.pitch)
        at = np.maximum(rows, 0)
        needs = Needs(
            lips=lambda part: targets.shapes(part)[:, P.LIPS],
            gaps=targets.lips.gaps,
            yaw=job.track.yaw[at].astype(np.float64),
            pitch=job.track.pitch[at].astype(np.float64),
            scale=space.scale[at].astype(np.float64),
            source=np.array([t.source for t in job.tasks]),
            ease=targets.ease,
        )
        plan = ClipPlan(job.tasks, reasons, targets, choose(needs, store), store.frame)
        return ExemplarRenderer(job.track, space, exemplars, known.palette(exemplars), plan)


def _reason(job: EngineJob, space: HeadSpace, row: int) -> PassReason | None:
    """Why the face of a track row must be left as it is, if so."""
    track = job.track
    if row < 0:
        return PassReason.NO_FACE
    if float(space.scale[row]) * _EYES_TO_FACE < SMALLEST_FACE:
        return PassReason.FACE_TOO_SMALL
    if abs(float(track.yaw[row])) > FURTHEST_YAW or abs(float(track.pitch[row])) > FURTHEST_PITCH:
        return PassReason.TURNED_AWAY
    if float(track.covered[row]) > (0.5 if job.check_occlusion else 0.75):
        return PassReason.MOUTH_COVERED
    return None


def _weights(job: EngineJob, space: HeadSpace) -> F64:
    """(n,) how much each row says about the subject: sure, unhidden, not too far turned."""
    track = job.track
    good = ~track.interpolated & (track.presence > 0.6) & (track.covered < 0.5) & (np.abs(track.yaw) < 30)
    return good.astype(np.float64)


def _exemplar_rows(
    job: EngineJob, space: HeadSpace, rows: NDArray[np.int64], reasons: list[PassReason | None]
) -> NDArray[np.int64]:
    usable = usable_rows(job, space)
    if not len(usable):
        usable = np.unique([row for row, reason in zip(rows, reasons, strict=True) if not reason])
    return pick_rows(usable, job, space)


def _trajectory(job: EngineJob, subject: Subject) -> Trajectory:
    """The lip trajectory over the tasks' own times."""
    times = np.array([np.nan if t.speech_time is None else float(t.speech_time) for t in job.tasks])
    shown = np.array([float(t.time) for t in job.tasks])
    spacing = np.append(np.diff(shown), 0.04) if len(shown) > 1 else np.array([0.04])
    return trajectory(job.visemes, times, spacing, subject, job.temperature)


def _ease(job: EngineJob, reasons: list[PassReason | None]) -> F64:
    """(t,) 0..1: how far each frame is from the source's own mouth to the driven one.

    Rises over a few frames from every edge where the neighbouring frame shows the source's mouth.
    """
    count = len(reasons)
    free = np.array([reason is None for reason in reasons])
    # Counted in frames of this clip, at least three: fewer would be a jump.
    frames = max(3.0, _EASE / _frame_time(job))
    distance = np.full(count, frames)
    run = 0.0 if job.ease_in else frames
    for order in (range(count), range(count - 1, -1, -1)):
        for k in order:
            run = min(run + 1.0, frames) if free[k] else 0.0
            distance[k] = min(distance[k], run)
        run = 0.0 if job.ease_out else frames
    amount = np.clip(distance / frames, 0.0, 1.0)
    return np.asarray(amount * amount * (3.0 - 2.0 * amount))


def _frame_time(job: EngineJob) -> float:
    """Seconds between two frames of the clip, typically."""
    if len(job.tasks) < 2:
        return 0.04
    return max(float(np.median(np.diff([float(task.time) for task in job.tasks]))), 1e-3)
