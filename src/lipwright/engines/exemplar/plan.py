"""The plan of a clip: for every task the shape to make, the exemplars to make it from, and how strongly.

What is long is kept as a few numbers per frame (gap, width, ease, exemplar); whole shapes are made from them when a
frame is drawn, so that a clip of an hour plans in little memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import FrameTask, PassReason
from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.shape import HeadSpace
from lipwright.engines.exemplar.subject import Subject
from lipwright.engines.exemplar.trajectory import Trajectory

F64 = NDArray[np.float64]

_AT_ONCE = 32
# How far the lower lip rolls up under the upper teeth for f and v, in eye distances.
_TUCK = 0.025
# How much of each lip rolls in when they are pressed together for p, b, m.
_ROLL = 0.009


@dataclass(frozen=True, slots=True)
class Step:
    """What to do for one task: the track row, the head-space target, exemplars with weights, and how strongly."""

    row: int
    shape: F64
    mouths: tuple[tuple[int, float], ...]
    strength: float
    teeth: float


@dataclass(frozen=True, slots=True)
class Targets:
    """The head-space shapes of a clip, made on demand; entry k belongs to task k.

    Attributes:
        rows: (t,) track row of each task, -1 where the face is not seen.
        ease: (t,) 0..1 from the source's own mouth to the driven one.
    """

    space: HeadSpace
    rows: NDArray[np.int64]
    subject: Subject
    lips: Trajectory
    ease: F64

    def shapes(self, part: slice) -> F64:
        """(k, m, 3) shapes of the tasks in `part`."""
        lips = self.lips
        shapes = self.subject.shapes(lips.gaps[part], lips.widths[part])
        tuck = (lips.tucked[part] * _TUCK)[:, None]
        shapes[:, P.INNER_LOWER, 1] -= 0.3 * tuck
        shapes[:, P.OUTER_LOWER, 1] -= tuck
        roll = (lips.closed[part] * _ROLL)[:, None]
        shapes[:, P.OUTER_UPPER, 1] += roll
        shapes[:, P.OUTER_LOWER, 1] -= roll
        own = self.space.shapes[np.maximum(self.rows[part], 0)].astype(np.float64)
        return np.asarray(own + self.ease[part, None, None] * (shapes - own))


class ClipPlan:
    """The steps of a clip by output frame."""

    def __init__(
        self,
        tasks: Sequence[FrameTask],
        reasons: Sequence[PassReason | None],
        targets: Targets | None = None,
        path: NDArray[np.int64] | None = None,
        frames: NDArray[np.int64] | None = None,
    ) -> None:
        """`path` names an exemplar per task, `frames` the source frame of each exemplar; both None if none is drawn."""
        self._at = {task.output: k for k, task in enumerate(tasks)}
        self._reasons = reasons
        self._targets = targets
        self._path = path
        self._frames = frames
        self._near: tuple[int, F64] | None = None

    def step(self, output: int) -> Step | PassReason:
        """What to do for output frame `output`, or why nothing is done."""
        k = self._at.get(output)
        if k is None:
            return PassReason.NO_FACE
        reason, targets = self._reasons[k], self._targets
        if reason is not None or targets is None:
            return reason or PassReason.NO_FACE
        return Step(
            row=int(targets.rows[k]),
            shape=self._shape(targets, k),
            mouths=self._mouths(k),
            strength=float(np.clip(targets.ease[k] * 2.0, 0.0, 1.0)),
            teeth=0.0 if targets.subject.talks else 1.0,
        )

    def _shape(self, targets: Targets, k: int) -> F64:
        """The shape of task `k`; made for a run of tasks at once, since frames are asked for in order."""
        first = k - k % _AT_ONCE
        if self._near is None or self._near[0] != first:
            self._near = first, targets.shapes(slice(first, first + _AT_ONCE))
        return np.asarray(self._near[1][k - first])

    def _mouths(self, k: int) -> tuple[tuple[int, float], ...]:
        """The exemplars of task `k` with their weights: two across a jump from one stretch of source to another."""
        assert self._path is not None
        assert self._frames is not None
        here = int(self._path[k])
        for other in (k - 1, k + 1):
            if 0 <= other < len(self._path):
                there = int(self._path[other])
                if abs(int(self._frames[there]) - int(self._frames[here])) > 3:
                    return (here, 0.7), (there, 0.3)
        return ((here, 1.0),)
