"""Rendering a frame: move the frame's own jaw, then lay the chosen mouth over it.

The frame is not replaced below the nose by another one; its own skin, beard, chin and neck are moved by a smooth warp
that ends in stillness at the nose, the ears and well below the jaw, so that there is no second chin line and no seam to
hide. Only the lips and the skin right around them come from an exemplar, in the frame's own light, under a feathered
mask. Everything happens in the frame's Y, U, V at its own resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import Edit, FrameTask, PassReason
from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.gather import Exemplar
from lipwright.engines.exemplar.interior import Palette, paint
from lipwright.engines.exemplar.mouth import ANCHORS, bring, lower_side
from lipwright.engines.exemplar.plan import ClipPlan, Step
from lipwright.engines.exemplar.shape import HeadSpace
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Picture
from lipwright.render.colour import light_difference
from lipwright.render.mask import feather, grow, hull, polygon, smoothstep
from lipwright.render.warp import ThinPlate, resample

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Box = tuple[int, int, int, int]

_SKIN = np.concatenate([P.AROUND, P.CHIN, P.JAW[2:15], P.CHEEK])
_DRIVEN = np.concatenate([P.LIPS, _SKIN])
_MOVING = np.concatenate([P.OUTER, _SKIN])
_STILL = np.concatenate([P.FIXED, P.JAW[[0, 1, 15, 16]]])


class ExemplarRenderer:
    """Renders the frames of one prepared clip; it holds the exemplars and the plan, not frames."""

    def __init__(
        self,
        track: FaceTrack,
        space: HeadSpace,
        exemplars: Sequence[Exemplar],
        colours: Palette,
        plan: ClipPlan,
    ) -> None:
        self._track = track
        self._space = space
        self._exemplars = exemplars
        self._colours = colours
        self._plan = plan

    def render(self, task: FrameTask, picture: Picture) -> Edit | PassReason:
        """The edit for `task`; see `lipwright.engines.base.MouthRenderer`."""
        step = self._plan.step(task.output)
        if isinstance(step, PassReason):
            return step
        row, scale = step.row, float(self._space.scale[step.row])
        own = self._space.to_pixels(row, self._space.shapes[row])
        target = own.copy()
        target[_DRIVEN] = self._space.to_pixels(row, step.shape)[_DRIVEN]
        box = _lower_face(own, target, scale, (picture.width, picture.height))
        if box is None:
            return PassReason.NO_FACE
        base = picture.region(box)
        corner = np.array(box[:2], np.float64)
        moved_base, travel = _move_base(base, own - corner, target - corner, scale, _open_sides(box, picture))
        patch, mask = self._mouth(step, target - corner, scale, moved_base)
        out = moved_base + mask[..., None] * (patch - moved_base)
        alpha = np.maximum(smoothstep(travel, 0.06, 0.4), mask) * np.float32(step.strength)
        landmarks = self._track.landmarks([row])[0]
        landmarks[P.MOUTH, :2] = target
        return Edit(box, out, alpha, landmarks)

    def _mouth(self, step: Step, target: F64, scale: float, base: F32) -> tuple[F32, F32]:
        """The mouth patch over the whole of `base` and its mask."""
        height, width = base.shape[:2]
        outline = grow(hull(target[P.OUTER]), 0.12 * scale, 0.10 * scale, 0.13 * scale)
        # Nostrils belong to the frame.
        outline[:, 1] = np.maximum(outline[:, 1], target[P.NOSE_BASE, 1] + 0.05 * scale)
        core = feather(polygon(outline, (height, width)), 0.045 * scale)
        rows, columns = np.flatnonzero(core.max(axis=1) > 0.004), np.flatnonzero(core.max(axis=0) > 0.004)
        patch, mask = base.copy(), np.zeros((height, width), np.float32)
        if len(rows) < 4 or len(columns) < 4:
            return patch, mask
        y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        inside_box = (slice(y0, y1), slice(x0, x1))
        local = target - [x0, y0]
        small = core[inside_box]
        plate = ThinPlate(local[ANCHORS], (0, 0, x1 - x0, y1 - y0), smoothing=1e-4)
        # An outline is drawn even when nothing is inside it; closed lips must leave no line.
        apart = float(np.linalg.norm(local[P.UPPER_MID] - local[P.LOWER_MID]))
        parted = float(smoothstep(np.array(apart), 0.4, 1.8))
        size = (small.shape[0], small.shape[1])
        opening = parted * feather(polygon(local[P.INNER], size), max(0.45, 0.006 * scale))
        painted = paint(self._colours, local, scale, size, step.teeth)
        ring = small * (1.0 - small) * (1.0 - feather(polygon(local[P.OUTER], size), 0.02 * scale))
        below = lower_side(local, size, scale)
        mouth = np.zeros((*small.shape, 3), np.float32)
        for index, weight in step.mouths:
            laid = bring(self._exemplars[index], plate, local, scale, below)
            light, _ = light_difference(base[inside_box], laid.lips, ring)
            lips = laid.lips + light
            inside = painted + laid.shown[..., None] * (laid.inside + light - painted)
            mouth += np.float32(weight) * (lips + opening[..., None] * (inside - lips))
        patch[inside_box] = mouth
        mask[inside_box] = small
        return patch, mask


def _lower_face(own: F64, target: F64, scale: float, size: tuple[int, int]) -> Box | None:
    """The part of the frame that may change: nose to below the chin, cheek to cheek; None if hardly any is visible."""
    both = np.concatenate([own, target])
    low, high = both.min(axis=0), both.max(axis=0)
    chin = both[:, 1].max()
    x0 = int(np.floor(max(low[0] - 0.12 * scale, 0)))
    x1 = int(np.ceil(min(high[0] + 0.12 * scale, size[0])))
    y0 = int(np.floor(max(min(own[P.NOSE_BASE, 1], own[P.FIXED, 1].mean()) - 0.35 * scale, 0)))
    y1 = int(np.ceil(min(chin + 0.55 * scale, size[1])))
    return (x0, y0, x1, y1) if x1 - x0 >= 24 and y1 - y0 >= 24 else None


def _open_sides(box: Box, picture: Picture) -> tuple[bool, bool, bool, bool]:
    """Which sides of `box` (left, top, right, bottom) are the frame's own border."""
    return box[0] <= 0, box[1] <= 0, box[2] >= picture.width, box[3] >= picture.height


def _move_base(
    base: F32, own: F64, target: F64, scale: float, border: tuple[bool, bool, bool, bool]
) -> tuple[F32, F32]:
    """The frame with its own lower face moved from `own` to `target`, and (h, w) how far each pixel came, in pixels."""
    height, width = base.shape[:2]
    edge = _frame_of_points(width, height, border)
    neck = target[P.JAW[4:13]] + [0.0, 0.42 * scale]
    points = np.concatenate([target[_MOVING], own[_STILL], edge, neck])
    pull = np.concatenate([own[_MOVING] - target[_MOVING], np.zeros((len(points) - len(_MOVING), 2))])
    plate = ThinPlate(points, (0, 0, width, height), smoothing=2e-4)
    field = plate.dense(plate.coarse(pull)) * _window(width, height, 0.10 * scale, border)[..., None]
    travel = np.hypot(field[..., 0], field[..., 1])
    xs = np.arange(width, dtype=np.float32)
    ys = np.arange(height, dtype=np.float32)[:, None]
    return resample(base, field[..., 0] + xs, field[..., 1] + ys), travel


def _frame_of_points(width: int, height: int, border: tuple[bool, bool, bool, bool]) -> F64:
    """Still points along the box's sides, apart from those that are the frame's own border."""
    left, _, right, bottom = border
    across, along = np.linspace(0, width - 1, 7), np.linspace(0, height - 1, 7)
    sides = [np.stack([across, np.zeros(7)], 1)]
    if not left:
        sides.append(np.stack([np.zeros(7), along], 1))
    if not right:
        sides.append(np.stack([np.full(7, width - 1.0), along], 1))
    if not bottom:
        sides.append(np.stack([across, np.full(7, height - 1.0)], 1))
    return np.unique(np.concatenate(sides), axis=0)


def _window(width: int, height: int, margin: float, border: tuple[bool, bool, bool, bool]) -> F32:
    """(h, w) 1 inside, falling to 0 at every side of the box that is not the frame's border."""
    left, _, right, bottom = border
    xs, ys = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    x, y = np.ones(width, np.float32), smoothstep(ys, 0.0, margin)
    if not left:
        x *= smoothstep(xs, 0.0, margin)
    if not right:
        x *= smoothstep(width - 1 - xs, 0.0, margin)
    if not bottom:
        y *= smoothstep(height - 1 - ys, 0.0, margin)
    return y[:, None] * x[None]
