"""Rendering a frame: move the frame's own jaw, then lay the chosen mouth over it.

The frame is not replaced below the nose by another one; its own skin, beard, chin and neck are moved by a smooth warp
that ends in stillness at the nose, the ears and well below the jaw, so that there is no second chin line and no seam to
hide. Only the lips and the skin right around them come from an exemplar, in the frame's own light, under a feathered
mask. Everything happens in the frame's Y, U, V at its own resolution.

It is first found out where anything will move, and only that much of the frame is read, warped and given back; what is
blurred or painted for the mouth is made in windows of its own size. Pictures are held plane by plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import Edit, FrameTask, PassReason
from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.gather import Exemplar
from lipwright.engines.exemplar.interior import Palette, paint, softness
from lipwright.engines.exemplar.mouth import ANCHORS, bring, lower_side
from lipwright.engines.exemplar.plan import ClipPlan, Step
from lipwright.engines.exemplar.shape import HeadSpace
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Picture
from lipwright.render.colour import fit_light
from lipwright.render.mask import Window, above, around, feather, grow, grown, hull, of, polygon, reach, smoothstep
from lipwright.render.warp import ThinPlate, resample

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Box = tuple[int, int, int, int]

# Pixels of travel below which nothing has moved, and from which everything is the moved picture.
_STILL_BELOW, _MOVED_FROM = 0.06, 0.4
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
        size = box[2] - box[0], box[3] - box[1]
        corner = np.array(box[:2], np.float64)
        field = _field(own - corner, target - corner, scale, size, _open_sides(box, picture))
        # Not cv2.magnitude: its last bit depends on where in memory the field lies.
        travel = np.sqrt(field[..., 0] ** 2 + field[..., 1] ** 2)
        core, small = _mouth_mask(target - corner, scale, size)
        part = _whole_cells(_union(above(travel, _STILL_BELOW), core), box[:2], size)
        out = _moved(picture, box[:2], part, field)
        alpha = smoothstep(travel[of(part)], _STILL_BELOW, _MOVED_FROM)
        if small.size:
            inside = of((core[0] - part[0], core[1] - part[1], core[2] - part[0], core[3] - part[1]))
            self._lay_mouth(step, target - corner - core[:2], scale, out[inside], small)
            np.maximum(alpha[inside], small, out=alpha[inside])
        alpha *= np.float32(step.strength)
        landmarks = self._track.landmarks([row])[0]
        landmarks[P.MOUTH, :2] = target
        x0, y0, x1, y1 = part
        return Edit((box[0] + x0, box[1] + y0, box[0] + x1, box[1] + y1), out, alpha, landmarks)

    def _lay_mouth(self, step: Step, target: F64, scale: float, base: F32, mask: F32) -> None:
        """Draw the mouth into `base` (h, w, 3) under `mask`, in place; `target` is in pixels of `base`."""
        height, width = mask.shape
        size = (width, height)
        plate = ThinPlate(target[ANCHORS], (0, 0, width, height), smoothing=1e-4)
        hole, opening = _hole(target, scale, size)
        ring = mask * (1.0 - mask) * (1.0 - feather(polygon(target[P.OUTER], mask.shape), 0.02 * scale))
        below = lower_side(target, mask.shape, scale)
        painted = None
        if hole is not None:
            shape = (hole[3] - hole[1], hole[2] - hole[0])
            painted = paint(self._colours, target - hole[:2], scale, shape, step.teeth)
        mouth: F32 | None = None
        for index, weight in step.mouths:
            laid = bring(self._exemplars[index], plate, target, scale, below, hole)
            light = fit_light(base, laid.lips, ring)
            light.add_to(laid.lips)
            if hole is not None and painted is not None and laid.inside is not None and laid.shown is not None:
                light.add_to(laid.inside, hole[:2])
                inside = _towards(painted.copy(), laid.inside, laid.shown)
                _towards(laid.lips[of(hole)], inside, opening)
            if weight != 1.0:
                np.multiply(laid.lips, np.float32(weight), out=laid.lips)
            mouth = laid.lips if mouth is None else np.add(mouth, laid.lips, out=mouth)
        assert mouth is not None
        _towards(base, mouth, mask)


def _towards(base: F32, other: F32, amount: F32) -> F32:
    """Move the (h, w, 3) `base`, in place, to `other` by (h, w) `amount`; returns it."""
    for channel in range(base.shape[2]):
        base[..., channel] += amount * (other[..., channel] - base[..., channel])
    return base


def _mouth_mask(target: F64, scale: float, size: tuple[int, int]) -> tuple[Window, F32]:
    """Where in a box of `size` the mouth is drawn, and its mask there; empty if hardly any of it is in the box."""
    outline = grow(hull(target[P.OUTER]), 0.12 * scale, 0.10 * scale, 0.13 * scale)
    # Nostrils belong to the frame.
    outline[:, 1] = np.maximum(outline[:, 1], target[P.NOSE_BASE, 1] + 0.05 * scale)
    sigma = 0.045 * scale
    near = around(outline, reach(sigma), size)
    nothing = (0, 0, 0, 0), np.zeros((0, 0), np.float32)
    if near[2] - near[0] < 4 or near[3] - near[1] < 4:
        return nothing
    core = feather(polygon(outline - near[:2], (near[3] - near[1], near[2] - near[0])), sigma)
    x0, y0, x1, y1 = above(core, 0.004)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return nothing
    return (near[0] + x0, near[1] + y0, near[0] + x1, near[1] + y1), core[y0:y1, x0:x1]


def _hole(target: F64, scale: float, size: tuple[int, int]) -> tuple[Window | None, F32]:
    """Where between the lips the inside of the mouth may be seen, and how much of it; None if the lips are closed."""
    # An outline is drawn even when nothing is inside it; closed lips must leave no line.
    apart = float(np.linalg.norm(target[P.UPPER_MID] - target[P.LOWER_MID]))
    parted = float(smoothstep(np.array(apart), 0.4, 1.8))
    sigma = max(0.45, 0.006 * scale)
    near = around(target[P.INNER], reach(sigma) + reach(softness(scale)), size)
    if parted <= 0.0 or near[2] <= near[0] or near[3] <= near[1]:
        return None, np.zeros((0, 0), np.float32)
    mask = polygon(target[P.INNER] - near[:2], (near[3] - near[1], near[2] - near[0]))
    return near, np.asarray(parted * feather(mask, sigma), np.float32)


def _union(one: Window, other: Window) -> Window:
    """The smallest window that holds both; either may be empty."""
    windows = [w for w in (one, other) if w[2] > w[0] and w[3] > w[1]] or [(0, 0, 1, 1)]
    low, high = np.array(windows)[:, :2].min(axis=0), np.array(windows)[:, 2:].max(axis=0)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _whole_cells(part: Window, corner: tuple[int, int], size: tuple[int, int]) -> Window:
    """`part` of a box with an untouched rim, grown to even columns and rows of the picture where the box allows it."""
    x0, y0, x1, y1 = grown(part, 2, size)
    x0, y0 = max(0, x0 - (corner[0] + x0) % 2), max(0, y0 - (corner[1] + y0) % 2)
    return x0, y0, min(size[0], x1 + (corner[0] + x1) % 2), min(size[1], y1 + (corner[1] + y1) % 2)


def _moved(picture: Picture, corner: tuple[int, int], part: Window, field: F32) -> F32:
    """(h, w, 3) float32: `part` of the box at `corner` with every pixel taken from where `field`, the box's, says."""
    height, width = field.shape[:2]
    x0, y0, x1, y1 = part
    here = field[of(part)]
    far = int(np.ceil(max(float(here.max()), -float(here.min())))) + 3  # cubic: two pixels more, and one for rounding
    left, top, right, bottom = grown(part, far, (width, height))
    wider = (corner[0] + left, corner[1] + top, corner[0] + right, corner[1] + bottom)
    xs = np.arange(x0 - left, x1 - left, dtype=np.float32)
    ys = np.arange(y0 - top, y1 - top, dtype=np.float32)[:, None]
    components = (picture.component(channel, wider) for channel in range(3))
    return resample(components, here[..., 0] + xs, here[..., 1] + ys)


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


def _field(own: F64, target: F64, scale: float, size: tuple[int, int], border: tuple[bool, bool, bool, bool]) -> F32:
    """(h, w, 2) for a box of `size`: how far away each pixel is to be taken from, when `own` moves to `target`."""
    width, height = size
    edge = _frame_of_points(width, height, border)
    neck = target[P.JAW[4:13]] + [0.0, 0.42 * scale]
    points = np.concatenate([target[_MOVING], own[_STILL], edge, neck])
    pull = np.zeros((len(points), 2))
    pull[: len(_MOVING)] = own[_MOVING] - target[_MOVING]
    plate = ThinPlate(points, (0, 0, width, height), smoothing=2e-4)
    field = plate.dense(plate.coarse(pull))
    window = _window(width, height, 0.10 * scale, border)
    for axis in (0, 1):
        field[..., axis] *= window
    return field


@lru_cache(maxsize=32)
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
