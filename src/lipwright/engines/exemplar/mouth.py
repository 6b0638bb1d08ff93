"""Bringing one exemplar's mouth to one frame: lips and skin by one warp, the inside by another.

Lips are warped so that they lie exactly on the target. The inside of the mouth is not: teeth do not stretch. It hangs
from the upper lip at nearly its own size, the lower lip slides over it when the target is more closed than the
exemplar, and where the target is more open than anything the exemplar shows, the painted interior is left to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.gather import Exemplar
from lipwright.engines.exemplar.interior import inside_mask
from lipwright.render.mask import smoothstep
from lipwright.render.warp import ThinPlate, resample

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# The inside may be stretched or squeezed by no more than this before it is revealed or covered instead.
_STRETCH = (0.84, 1.18)
ANCHORS = np.concatenate([P.LIPS, P.AROUND, P.CHIN, P.JAW[4:13], P.CHEEK, P.FIXED[:6]])


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth laid over a target.

    `lips` and `inside` are (h, w, 3) float32; `shown` (h, w) says where `inside` is to be believed, fading out a little
    beyond what the exemplar really shows.
    """

    lips: F32
    inside: F32
    shown: F32


def bring(exemplar: Exemplar, plate: ThinPlate, target: F64, scale: float, origin: tuple[int, int]) -> Mouth:
    """Warp `exemplar` to `target` (m, 2) display pixels through `plate`, whose points are `target[ANCHORS]`.

    `scale` is the frame's pixels per eye distance, `origin` the plate's box corner.
    """
    lips_from = _without_seam(exemplar, target, scale)[ANCHORS]
    inside_from = _hung(exemplar, target, scale)[ANCHORS]
    offset = target[ANCHORS]
    field = plate.dense(plate.coarse(np.hstack([lips_from - offset, inside_from - offset])))
    height, width = field.shape[:2]
    xs = np.arange(width, dtype=np.float32) + origin[0]
    ys = (np.arange(height, dtype=np.float32) + origin[1])[:, None]
    lips = resample(exemplar.yuv, field[..., 0] + xs, field[..., 1] + ys)
    inside_x, inside_y = field[..., 2] + xs, field[..., 3] + ys
    inside = resample(exemplar.yuv, inside_x, inside_y)
    shown = cv2.remap(inside_mask(exemplar), inside_x, inside_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return Mouth(lips, *_spread(inside, np.asarray(shown, np.float32), 0.035 * scale))


def _spread(inside: F32, shown: F32, sigma: float) -> tuple[F32, F32]:
    """Carry the colours at the edge of what is shown a little further, so that a wider mouth goes on as it began.

    Normalised convolution (Knutsson and Westin, 1993): blurred colours over blurred certainty.
    """
    certainty = cv2.GaussianBlur(shown, (0, 0), sigma)
    colour = cv2.GaussianBlur(inside * shown[..., None], (0, 0), sigma) / np.maximum(certainty, 1e-3)[..., None]
    filled = colour + shown[..., None] * (inside - colour)
    return np.asarray(filled, np.float32), np.maximum(shown, smoothstep(certainty, 0.02, 0.25))


def _without_seam(exemplar: Exemplar, target: F64, scale: float) -> F64:
    """The exemplar's points with the dark line between closed lips left out where the target parts them."""
    at = exemplar.points.copy()
    parted = np.linalg.norm(target[P.INNER_LOWER] - target[P.INNER_UPPER], axis=1) / scale
    seen = np.linalg.norm(at[P.INNER_LOWER] - at[P.INNER_UPPER], axis=1) / exemplar.scale
    inset = (0.014 * exemplar.scale * np.clip((parted - seen - 0.01) / 0.03, 0.0, 1.0))[:, None] * _down(at)
    at[P.INNER_UPPER] -= inset
    at[P.INNER_LOWER] += inset
    return at


def _down(at: F64) -> F64:
    """(2,) unit vector from the nose towards the chin, square to the line between the mouth corners."""
    axis = at[P.RIGHT_CORNER] - at[P.LEFT_CORNER]
    return np.array([-axis[1], axis[0]]) / (np.hypot(*axis) + 1e-6)


def _hung(exemplar: Exemplar, target: F64, scale: float) -> F64:
    """The exemplar's points with the lower inner lip moved to where the inside should be looked up for it."""
    at = exemplar.points.copy()
    down = _down(at)
    wanted = np.linalg.norm(target[P.INNER_LOWER] - target[P.INNER_UPPER], axis=1) * (exemplar.scale / scale)
    seen = np.maximum((at[P.INNER_LOWER] - at[P.INNER_UPPER]) @ down, 1e-3)
    ratio = np.clip(wanted / seen, *_STRETCH)
    shift = (wanted / ratio - seen)[:, None] * down
    at[P.INNER_LOWER] += shift
    at[P.OUTER_LOWER] += shift
    return at
