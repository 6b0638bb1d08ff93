"""What an edit leaves to see at its borders: in space, the step across the mask's edge; in time, the jump at its ends.

The step is taken across the contour where the mask is half as strong as at its strongest, between thin rings inside and
outside, in twenty-four directions round the mouth, so that a patch too light on the left and too dark on the right does
not cancel. A jaw or a collar makes a step of its own there; what counts is how much the edit added to the same ring of
the source frame. A wide feather gives a small step even for a patch of the wrong colour: that is what it is for, and
what the eye sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Plane = NDArray[np.uint8] | NDArray[np.uint16]

SECTORS: Final = 24
_FEWEST: Final = 6  # pixels a ring needs in a sector
_STRONG: Final = 0.1  # a mask that is weaker throughout (a fade's first frame) has no edge to see


def edge_step(before: Sequence[Plane], after: Sequence[Plane], alpha: F32, ring: int, scale: float = 1.0) -> float:
    """The colour step that the edit added across the edge of its mask, in 8-bit levels.

    Args:
        before: the planes Y, U, V of the source frame under the edit's box; chroma may be smaller than luma.
        after: the same of the composed frame.
        alpha: (h, w) of the edit, luma size.
        ring: width of each ring in luma pixels, at least 1.
        scale: 8-bit levels per level of the planes (1/4 for 10 bits).

    Returns:
        Root mean square over directions of the length of the added (Y, U, V) step; NaN if the mask has no edge inside
        the box or is too faint to be seen.
    """
    strongest = float(alpha.max(initial=0.0))
    if strongest < _STRONG:
        return float("nan")
    inside = (alpha > strongest / 2).astype(np.uint8)
    inner, outer = _rings(inside, ring)
    centre = _centre(inside)
    places: dict[tuple[int, int], list[_Ring]] = {}
    added = np.zeros((3, SECTORS))
    known = np.ones(SECTORS, dtype=np.bool_)
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        rows, columns = old.shape
        step = -(-alpha.shape[0] // rows), -(-alpha.shape[1] // columns)
        if step not in places:  # both chroma planes share theirs
            places[step] = [_ring(mask, step, (rows, columns), centre) for mask in (inner, outer)]
        means = []
        for samples, sector, count in places[step]:
            known &= count >= _FEWEST if place == 0 else count > 0
            change = (new[samples].astype(np.float64) - old[samples].astype(np.float64)) * scale
            means.append(np.bincount(sector, change, SECTORS) / np.maximum(count, 1))
        added[place] = means[0] - means[1]
    if not known.any():
        return float("nan")
    return float(np.sqrt(np.square(added[:, known]).sum(axis=0).mean()))


_Ring = tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.intp], NDArray[np.intp]]


def _rings(inside: NDArray[np.uint8], ring: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The thin rings on both sides of the edge of `inside`."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1, 2 * ring + 1))
    inner = inside != cv2.erode(inside, kernel, borderValue=1)
    outer = inside != cv2.dilate(inside, kernel, borderValue=0)
    return np.asarray(inner, np.bool_), np.asarray(outer, np.bool_)


def _centre(inside: NDArray[np.uint8]) -> tuple[float, float]:
    """The mean x and y of the pixels of `inside`."""
    columns, rows = (cv2.reduce(inside, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() for axis in (0, 1))
    total = int(columns.sum())
    return float(columns @ np.arange(len(columns))) / total, float(rows @ np.arange(len(rows))) / total


def _ring(mask: NDArray[np.bool_], step: tuple[int, int], shape: tuple[int, int], centre: tuple[float, float]) -> _Ring:
    """Rows and columns of a plane's samples in a ring, in which direction each lies, and how many lie in each."""
    ring = np.ascontiguousarray(mask[:: step[0], :: step[1]][: shape[0], : shape[1]])
    rows, columns = np.divmod(np.flatnonzero(ring), ring.shape[1])
    sector = _sectors(rows * step[0], columns * step[1], centre)
    return (rows, columns), sector, np.bincount(sector, minlength=SECTORS)


def change_between(one: Plane, other: Plane) -> float:
    """Mean absolute difference of two equally sized luma patches, in their levels."""
    if one.size == 0:
        return float("nan")
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


def boundary_jump(at_edges: Sequence[tuple[float, float]], within: Sequence[float]) -> float:
    """How much more the mouth jumps where editing starts or stops than it changes from frame to frame.

    Args:
        at_edges: per edge, the change of the output's mouth over it and the change of the source's over the same edge.
        within: changes of the output's mouth between edited neighbours.

    Returns:
        Mean over edges of the change over the larger of the source's own and the typical one; NaN without edges.
    """
    usual = [w for w in within if np.isfinite(w)]
    typical = max(float(np.median(usual)) if usual else 0.0, 0.25)  # a still source: a quarter level is invisible
    jumps = [mine / max(own, typical) for mine, own in at_edges if np.isfinite(mine) and np.isfinite(own)]
    return float(np.mean(jumps)) if jumps else float("nan")


def _sectors(ys: NDArray[np.intp], xs: NDArray[np.intp], centre: tuple[float, float]) -> NDArray[np.intp]:
    """In which direction from `centre` (x, y) each pixel lies."""
    turn = np.arctan2(ys - centre[1], xs - centre[0]) / (2 * np.pi) + 0.5
    return np.asarray(np.minimum(turn * SECTORS, SECTORS - 1), dtype=np.intp)
