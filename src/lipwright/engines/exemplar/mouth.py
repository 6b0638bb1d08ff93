"""Bringing one exemplar's mouth to one frame: each lip by a warp of its own, the inside by a third.

A single smooth warp cannot close a mouth that is open in the exemplar: whatever is between the lips is squeezed, not
hidden. So the upper lip and all above it come by one field, the lower lip and all below it by another, and they meet
along the mouth's own line. The inside is not stretched either, for teeth do not stretch: it hangs from the upper lip at
nearly its own size, the lower lip slides over it when the target is more closed than the exemplar, and where the target
is more open than anything the exemplar shows, the painted interior is left to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.gather import Exemplar
from lipwright.engines.exemplar.interior import inside_mask
from lipwright.render.mask import Window, above, feather, grown, of, polygon, reach, smoothstep
from lipwright.render.warp import ThinPlate, resample

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# The inside may be stretched or squeezed by no more than this before it is revealed or covered instead.
_STRETCH = (0.84, 1.18)
ANCHORS = np.concatenate([P.LIPS, P.AROUND, P.CHIN, P.JAW[4:13], P.CHEEK, P.FIXED[:6]])


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth laid over a target.

    `lips` is (h, w, 3) float32. `inside` is the same for the hole that was asked for, or None if none was; `shown`, of
    the hole's size, says where it is to be believed, fading out a little beyond what the exemplar really shows.
    """

    lips: F32
    inside: F32 | None = None
    shown: F32 | None = None


def lower_side(target: F64, shape: tuple[int, int], scale: float) -> F32:
    """(h, w) float32 1 below the line on which the lips of (m, 2) `target` meet, 0 above it; pixels of the patch."""
    height, width = shape
    line = (target[P.INNER_UPPER] + target[P.INNER_LOWER]) / 2
    corners = target[[P.LEFT_CORNER, P.RIGHT_CORNER]]
    line = np.concatenate([corners[:1], target[P.INNER[:1]], line, target[P.INNER[10:11]], corners[1:]])
    outward = corners[1] - corners[0]
    ends = np.array([corners[0] - 3 * outward, corners[1] + 3 * outward])
    floor = max(height, float(line[:, 1].max())) + 4.0 * width
    outline = np.concatenate([ends[:1], line, ends[1:], [[ends[1, 0], floor], [ends[0, 0], floor]]])
    return feather(polygon(outline, shape), max(0.4, 0.004 * scale))


def bring(
    exemplar: Exemplar, plate: ThinPlate, target: F64, scale: float, below: F32, hole: Window | None = None
) -> Mouth:
    """Warp `exemplar` to `target` (m, 2) pixels of the plate's box; the plate's points are `target[ANCHORS]`.

    `scale` is the frame's pixels per eye distance, `below` the box's `lower_side`; `hole` is where the inside of the
    mouth may be seen.
    """
    offset = target[ANCHORS]
    hung, raised, inset = _partings(exemplar, target, scale)
    upper, lower = hung.copy(), raised.copy()
    upper[P.INNER_UPPER] -= inset
    lower[P.INNER_LOWER] += inset
    coarse = plate.coarse(np.hstack([at[ANCHORS] - offset for at in (upper, lower, hung)]))
    height, width = below.shape
    fields = plate.dense(coarse[..., :4])
    # One resampling serves both lips: they are never both seen, so the fields can be joined along the line instead.
    under = below > 0.5
    x, y = (np.where(under, fields[..., 2 + axis], fields[..., axis]) for axis in (0, 1))
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    # Floats are resampled twice as fast as bytes; what came from bytes is rounded to them again.
    source, levels = exemplar.yuv().transpose(2, 0, 1), exemplar.picture.layout.depth == 8
    lips = _rounded(resample(source, x, y), levels)
    if hole is None:
        return Mouth(lips)
    # What is carried on from the edge of what is shown comes from around the hole.
    sigma = 0.035 * scale
    wider = grown(hole, reach(sigma), (width, height))
    field = plate.dense(coarse[..., 4:], wider)
    x = np.add(field[..., 0], np.arange(wider[0], wider[2]), dtype=np.float32)
    y = np.add(field[..., 1], np.arange(wider[1], wider[3])[:, None], dtype=np.float32)
    mask, (left, top) = inside_mask(exemplar)
    shown = cv2.remap(mask, x - left, y - top, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    # Where nothing of the inside is shown, it is not looked up.
    seen = of(above(np.asarray(shown, np.float32), 0.0))
    inside = np.zeros((3, *x.shape), np.float32).transpose(1, 2, 0)
    if shown[seen].size:
        inside[seen] = _rounded(resample(source, x[seen], y[seen]), levels)
    filled, believed = _spread(inside, np.asarray(shown, np.float32), sigma)
    part = of((hole[0] - wider[0], hole[1] - wider[1], hole[2] - wider[0], hole[3] - wider[1]))
    return Mouth(lips, filled[part], believed[part])


def _rounded(yuv: F32, levels: bool) -> F32:
    """`yuv`, in place, rounded to whole levels of 8 bits if asked for."""
    if levels:
        np.rint(yuv, out=yuv)
        np.clip(yuv, 0.0, 255.0, out=yuv)
    return yuv


def _spread(inside: F32, shown: F32, sigma: float) -> tuple[F32, F32]:
    """Carry the colours at the edge of what is shown a little further, so that a wider mouth goes on as it began.

    Normalised convolution (Knutsson and Westin, 1993): blurred colours over blurred certainty. `inside` is changed.
    """
    certainty = np.asarray(cv2.GaussianBlur(shown, (0, 0), sigma), np.float32)
    floor = np.maximum(certainty, 1e-3)
    for channel in range(inside.shape[2]):
        plane = inside[..., channel]
        colour = cv2.GaussianBlur(plane * shown, (0, 0), sigma) / floor
        plane -= colour
        plane *= shown
        plane += colour
    return inside, np.maximum(shown, smoothstep(certainty, 0.02, 0.25))


def _partings(exemplar: Exemplar, target: F64, scale: float) -> tuple[F64, F64, F64]:
    """The exemplar's points with the lips parted as in the target: seen from the upper lip, and from the lower.

    Also (9, 2) how far to set the lips' edges into the lip where the target's opening differs from the exemplar's, so
    that neither the dark line between closed lips nor the rims of teeth are taken for lip.
    """
    at = exemplar.points
    axis = at[P.RIGHT_CORNER] - at[P.LEFT_CORNER]
    down = np.array([-axis[1], axis[0]]) / (np.hypot(*axis) + 1e-6)
    wanted = np.linalg.norm(target[P.INNER_LOWER] - target[P.INNER_UPPER], axis=1) * (exemplar.scale / scale)
    seen = np.maximum((at[P.INNER_LOWER] - at[P.INNER_UPPER]) @ down, 1e-3)
    shift = (wanted / np.clip(wanted / seen, *_STRETCH) - seen)[:, None] * down
    hung, raised = at.copy(), at.copy()
    hung[P.INNER_LOWER] += shift
    hung[P.OUTER_LOWER] += shift
    raised[P.INNER_UPPER] -= shift
    raised[P.OUTER_UPPER] -= shift
    differs = np.clip((np.abs(wanted - seen) / exemplar.scale - 0.01) / 0.03, 0.0, 1.0)
    return hung, raised, (0.020 * exemplar.scale * differs)[:, None] * down
