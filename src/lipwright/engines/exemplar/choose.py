"""Choosing which exemplar lends its mouth to which frame.

Dynamic programming over all frames of a clip: an exemplar costs what its shape, pose, size, light and sharpness differ
from what the frame needs, and a change of exemplar costs what an eye would notice of it; going on to the next frame of
the source, as the subject really moved, costs nothing. After Bregler, Covell and Slaney, "Video Rewrite", 1997, with
single frames in place of triphones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.gather import Exemplar

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_SHAPE = 0.014  # eye distances of rms lip difference that cost 1
_ANGLE = 9.0  # degrees of head turn that cost 1
_JUMP, _HOLD, _BACK = 0.8, 0.12, 0.06
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Needs:
    """What each of t frames needs.

    Attributes:
        lips: gives the (k, 40, 3) lip shapes of a stretch of frames.
        gaps, yaw, pitch, scale, source, ease: (t,) opening, pose, pixels per eye distance, source frame, and how far
            from the source's own mouth to the driven one.
    """

    lips: Callable[[slice], F64]
    gaps: F64
    yaw: F64
    pitch: F64
    scale: F64
    source: NDArray[np.int64]
    ease: F64


@dataclass(frozen=True, slots=True)
class Library:
    """The exemplars in the form the choice is made on, one row each."""

    lips: F64
    gaps: F64
    yaw: F64
    pitch: F64
    scale: F64
    frame: NDArray[np.int64]
    thumbs: F32
    detail: F64


def library(exemplars: list[Exemplar], shapes: F32, yaw: F32, pitch: F32) -> Library:
    """Line the exemplars up; `shapes`, `yaw` and `pitch` are the track's, by row."""
    rows = np.array([e.row for e in exemplars])
    lips = shapes[rows][:, P.LIPS].astype(np.float64)
    gaps = np.linalg.norm(shapes[rows, P.UPPER_MID] - shapes[rows, P.LOWER_MID], axis=-1).astype(np.float64)
    return Library(
        lips=lips,
        gaps=gaps,
        yaw=yaw[rows].astype(np.float64),
        pitch=pitch[rows].astype(np.float64),
        scale=np.array([e.scale for e in exemplars]),
        frame=np.array([e.frame for e in exemplars]),
        thumbs=np.stack([e.thumb for e in exemplars]),
        detail=np.array([e.detail for e in exemplars]),
    )


def choose(needs: Needs, store: Library) -> NDArray[np.int64]:
    """(t,) index into the library for each frame, the cheapest path (Viterbi)."""
    count, size = len(needs.gaps), len(store.gaps)
    if size == 1:
        return np.zeros(count, np.int64)
    move = _moves(store)
    back = np.empty((count, size), np.uint16)
    best = np.zeros(size, np.float32)
    for start in range(0, count, _CHUNK):
        stop = min(count, start + _CHUNK)
        fit = _fit(needs, store, slice(start, stop))
        for t in range(start, stop):
            if t == 0:
                best = fit[0]
                continue
            total = best[:, None] + move
            origin = total.argmin(axis=0)
            back[t] = origin
            best = total[origin, np.arange(size)] + fit[t - start]
            best = best - best.min()
    path = np.empty(count, np.int64)
    path[-1] = int(best.argmin())
    for t in range(count - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


def _weighted(lips: F64) -> F64:
    """(n, k) lip coordinates scaled so that a squared distance is a cost; inner lips count more, depth hardly."""
    weight = np.ones((len(P.LIPS), 3))
    weight[len(P.OUTER) :] *= 1.5
    weight[:, 2] *= 0.3
    flat = (lips * weight).reshape(len(lips), -1)
    return np.asarray(flat / (_SHAPE * np.sqrt(len(P.LIPS))), np.float64)


def _squared(a: F64, b: F64) -> F64:
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0.0), np.float64)


def _fit(needs: Needs, store: Library, part: slice) -> F32:
    """(t, n) cost of every exemplar for the frames of `part`."""
    cost = _squared(_weighted(needs.lips(part)), _weighted(store.lips))
    turn = (needs.yaw[part, None] - store.yaw) ** 2 + (needs.pitch[part, None] - store.pitch) ** 2
    cost += np.minimum(turn / _ANGLE**2, 9.0)
    # A smaller face would have to be enlarged, which blurs.
    enlarge = np.log2(np.maximum(needs.scale[part, None] / store.scale, 1e-3))
    cost += 6.0 * np.clip(enlarge, 0.0, 2.0) ** 2 + 0.5 * np.clip(-enlarge, 0.0, 2.0) ** 2
    # Teeth and tongue cannot be taken from a mouth that hides them, nor closed lips from an open one.
    wanted = needs.gaps[part, None]
    missing = np.clip(0.75 * wanted - store.gaps, 0.0, None) / 0.03
    parted = np.where(wanted < 0.012, np.clip(store.gaps - 0.02, 0.0, None) / 0.02, 0.0)
    cost += missing**2 + parted**2
    soft = np.clip(1.0 - store.detail / max(float(np.median(store.detail)), 1e-6), 0.0, 1.0)
    cost += 6.0 * soft**2
    # The frame's own mouth needs no matching at all.
    near = np.abs(needs.source[part, None] - store.frame)
    cost += np.minimum(near * 0.01, 0.5)
    own = near == 0
    cost -= own * 0.3
    cost += np.where(own, 0.0, 40.0 * (1.0 - needs.ease[part, None]))
    return np.asarray(cost, np.float32)


def _moves(store: Library) -> F32:
    """(n, n) cost of going from one exemplar to another between two frames."""
    size = len(store.gaps)
    looks = _squared(store.thumbs.astype(np.float64), store.thumbs.astype(np.float64)) / store.thumbs.shape[1]
    shape = _squared(_weighted(store.lips), _weighted(store.lips))
    cost = _JUMP + np.minimum(looks / 60.0, 4.0) + 0.15 * np.minimum(shape, 12.0)
    step = store.frame[None] - store.frame[:, None]
    cost[step == 1] = 0.0
    cost[step == -1] = _BACK
    cost[step == 2] = np.minimum(cost[step == 2], 0.25)
    cost[np.arange(size), np.arange(size)] = _HOLD
    return np.asarray(cost, np.float32)
