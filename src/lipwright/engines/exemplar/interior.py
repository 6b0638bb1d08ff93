"""The inside of a mouth: the subject's own where the footage shows it, a plausible one where it does not.

A mouth that never opens in the source has no inside to copy, and a smile in a photograph has teeth but no depth. What
is missing is painted in the mouth's own coordinates: dark and warm at the back, a row of upper teeth that hangs from
the upper lip and fades towards the corners, a hint of tongue low in a wide mouth. Colours come from the subject where
there is anything to take them from, else from the lips and skin of the same frame, so that the light fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.gather import Exemplar
from lipwright.render.mask import around, feather, polygon, reach, smoothstep

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Palette:
    """A subject's mouth colours.

    Attributes:
        dark, teeth, tongue: (3,) float32 Y, U, V on an 8-bit scale.
        black: luma of black.
    """

    dark: F32
    teeth: F32
    tongue: F32
    black: float


@dataclass(frozen=True, slots=True)
class MouthColours:
    """What one exemplar shows: (3,) mean or median colours, None of what it does not."""

    lips: F32 | None
    skin: F32 | None
    dark: F32 | None
    bright: F32 | None


def colours_of(exemplar: Exemplar) -> MouthColours:
    """The colours of one exemplar."""
    yuv, at = exemplar.yuv(), exemplar.points
    size = yuv.shape[:2]
    inner = polygon(at[P.INNER], size) > 0.9
    mouth = polygon(at[P.OUTER], size) > 0.9
    around = (polygon(at[P.AROUND[:12]], size) > 0.9) & ~mouth
    lips = skin = dark = bright = None
    if (mouth & ~inner).sum() > 8:
        lips = np.median(yuv[mouth & ~inner], axis=0)
    if around.sum() > 8:
        skin = np.median(yuv[around], axis=0)
    height = np.abs(at[P.LOWER_MID, 1] - at[P.UPPER_MID, 1])
    if inner.sum() > 40 and height > 0.06 * exemplar.scale:
        inside = yuv[inner]
        order = np.argsort(inside[:, 0])
        dark = inside[order[: len(order) // 6 + 1]].mean(axis=0)
        bright = inside[order[-(len(order) // 8 + 1) :]].mean(axis=0)
    return MouthColours(lips, skin, dark, bright)


def palette(exemplars: list[Exemplar], colours: Callable[[Exemplar], MouthColours] = colours_of) -> Palette:
    """The subject's colours, from the open mouths among `exemplars` and the lips and skin of the rest.

    `colours` is `colours_of`, or remembers what that said.
    """
    seen = [colours(exemplar) for exemplar in exemplars[:: max(1, len(exemplars) // 60)]]
    lips = [one.lips for one in seen if one.lips is not None]
    skin = [one.skin for one in seen if one.skin is not None]
    darks = [one.dark for one in seen if one.dark is not None]
    brights = [one.bright for one in seen if one.bright is not None]
    floor = 0.0 if exemplars and exemplars[0].picture.layout.full_range else 16.0
    lip = np.median(lips, axis=0) if lips else np.array([110.0, 118.0, 150.0])
    cheek = np.median(skin, axis=0) if skin else np.array([140.0, 115.0, 145.0])
    dark = _shade(lip, floor, 0.30, 0.4)
    if len(darks) >= 3:
        dark = np.percentile(np.array(darks), 40, axis=0)
    teeth = _shade(cheek, floor, 1.12, 0.45)
    teeth[0] = min(teeth[0], 215.0)
    if len(brights) >= 6:
        shown = np.percentile(np.array(brights, np.float64), 75, axis=0)
        teeth = shown if shown[0] > teeth[0] * 0.8 else teeth
    tongue = _shade(lip, floor, 0.62, 0.85)
    return Palette(
        np.asarray(dark, np.float32), np.asarray(teeth, np.float32), np.asarray(tongue, np.float32), float(floor)
    )


def _shade(colour: NDArray[np.floating], black: float, light: float, tint: float) -> F64:
    """`colour` (3,) with its luma over black times `light` and its chroma times `tint`."""
    return np.array(
        [black + light * (colour[0] - black), 128 + tint * (colour[1] - 128), 128 + tint * (colour[2] - 128)]
    )


def paint(colours: Palette, target: F64, scale: float, shape: tuple[int, int], teeth: float) -> F32:
    """A (h, w, 3) float32 mouth interior for `target` (m, 2) points in pixels of the patch.

    `teeth` 0..1 is how much of an upper row to show.
    """
    height, width = shape
    floor = np.float32(colours.black)
    left, right = target[P.INNER[0]], target[P.INNER[10]]
    axis = right - left
    length = float(np.hypot(*axis)) + 1e-6
    across, down = axis / length, np.array([-axis[1], axis[0]]) / length
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    u = ((xs - left[0]) * across[0] + (ys - left[1]) * across[1]) / length  # 0..1 corner to corner
    v = (xs - left[0]) * down[0] + (ys - left[1]) * down[1]  # pixels below the corner line
    top = _edge(u, target[P.INNER_UPPER], left, across, down, length)
    bottom = _edge(u, target[P.INNER_LOWER], left, across, down, length)
    depth, rise = v - top, bottom - v
    opening = float(np.clip((bottom - top).max(), 1e-3, None))
    side = np.clip(1.0 - (2.0 * np.clip(u, 0, 1) - 1.0) ** 2, 0.0, 1.0)

    # Plane by plane: see `Picture.region`.
    out = np.empty((3, height, width), np.float32).transpose(1, 2, 0)
    out[:] = colours.dark
    # Light falls in from the front: the middle is a little brighter than the corners.
    out[..., 0] = floor + (out[..., 0] - floor) * (0.8 + 0.45 * side)
    wide = np.clip((opening / scale - 0.10) / 0.12, 0.0, 1.0)
    blob = wide * smoothstep(side, 0.35, 0.9) * (1.0 - smoothstep(rise, 0.25 * opening, 0.5 * opening))
    _mix(out, [colours.tongue[channel] for channel in range(3)], 0.75 * blob)
    if teeth > 0:
        # Speech shows the tips of the upper teeth; they hang from the skull, so a wide mouth shows no more of them.
        row = min(0.048 * scale, 0.55 * opening)
        edge = row * (0.5 + 0.5 * np.sqrt(side)) * (1.0 - 0.05 * np.cos(2 * np.pi * u * 8.0))
        cover = (1.0 - smoothstep(depth, edge * 0.72, edge * 1.12)) * smoothstep(side, 0.10, 0.75)
        # The upper lip's shadow, and less light towards the cheeks.
        shade = (0.72 + 0.28 * side) * (0.80 + 0.20 * np.clip(depth / max(row, 1e-3), 0.0, 1.0))
        # Gaps between teeth: eight across the mouth, faint, and fainter still on small faces.
        gaps = 1.0 - 0.07 * np.exp(-((0.5 - np.abs(((u * 8.0) % 1.0) - 0.5)) ** 2) / 0.006) * np.clip(scale / 120, 0, 1)
        luma = floor + (colours.teeth[0] - floor) * shade * gaps
        _mix(out, [luma, colours.teeth[1], colours.teeth[2]], 0.92 * cover * teeth)
    for channel in range(3):
        out[..., channel] = cv2.GaussianBlur(out[..., channel], (0, 0), softness(scale))
    return out


def softness(scale: float) -> float:
    """By how many pixels `paint` blurs what it painted."""
    return max(0.6, 0.008 * scale)


def _mix(out: F32, colour: Sequence[F32 | np.float32], amount: F32) -> None:
    """Move the (h, w, 3) `out` towards `colour`, given per channel, by `amount`."""
    for channel in range(3):
        out[..., channel] += amount * (colour[channel] - out[..., channel])


def _edge(u: F32, lip: F64, left: F64, across: F64, down: F64, length: float) -> F32:
    """How far below the corner line the lip's edge is at each `u`, in pixels."""
    at_u = np.concatenate([[0.0], (lip - left) @ across / length, [1.0]])
    at_v = np.concatenate([[0.0], (lip - left) @ down, [0.0]])
    order = np.argsort(at_u, kind="stable")
    return np.asarray(np.interp(u.ravel(), at_u[order], at_v[order]).reshape(u.shape), np.float32)


def inside_mask(exemplar: Exemplar) -> tuple[F32, tuple[int, int]]:
    """(h, w) float32 0..1: where `exemplar` truly shows the inside of the mouth, a little in from the lips.

    Only the part round the mouth is made; outside it is 0. Also returns where in the exemplar it begins, x and y.
    """
    sigma = 0.008 * exemplar.scale
    inset = max(1, round(0.010 * exemplar.scale))
    x0, y0, x1, y1 = around(exemplar.points[P.INNER], inset + reach(sigma), exemplar.size)
    mask = polygon(exemplar.points[P.INNER] - [x0, y0], (max(1, y1 - y0), max(1, x1 - x0)))
    inner = cv2.erode(mask, np.ones((2 * inset + 1, 2 * inset + 1), np.uint8))
    return feather(np.asarray(inner, np.float32), sigma), (x0, y0)
