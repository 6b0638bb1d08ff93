"""From stored rows to `FaceTrack`s: clip to the ranges asked for, link, number by prominence, map."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import numpy as np

from lipwright.faces.linking import Tracklet, link, prominence
from lipwright.faces.occlusion import covered
from lipwright.faces.rows import ROW, Rows, map_rows
from lipwright.faces.store import Piece
from lipwright.faces.track import FaceTrack

_MIN_ROWS = 3
_IN_MEMORY_ROWS = 4096


def build_tracks(pieces: Sequence[Piece], ranges: Sequence[tuple[int, int]]) -> tuple[FaceTrack, ...]:
    """The tracks that the stored `pieces` hold of the frame `ranges`, ids by prominence from 1.

    Only rows inside `ranges` count, also for linking and numbering, so that the answer does not depend on what else was
    analysed before. Runs of fewer than three frames are noise and left out, unless the ranges themselves are as short.
    """
    tracklets: list[Tracklet] = []
    least = min([_MIN_ROWS, *(b - a for a, b in ranges)])
    for piece in pieces:
        for path in piece.row_files():
            rows = map_rows(path)
            frames = np.ascontiguousarray(rows["frame"])
            for start, stop in ranges:
                a, b = np.searchsorted(frames, [start, stop])
                if b - a >= least:
                    tracklets.append(Tracklet(rows[a:b]))
    cuts = sorted({c for p in pieces for c in p.cuts})
    groups = sorted(link(tracklets, cuts), key=lambda g: (-prominence(g), g[0].first))
    return tuple(_track(i + 1, group) for i, group in enumerate(groups))


def _track(identity: int, group: Sequence[Tracklet]) -> FaceTrack:
    """One track; small columns are copied into memory, landmarks and blendshapes stay on disk."""
    rows = _join([t.rows for t in group])
    angles = np.array(rows["angles"], np.float32)
    return FaceTrack(
        id=identity,
        frames=np.array(rows["frame"], np.int32),
        quantised=rows["landmarks"],
        crops=np.array(rows["crop"], np.float32),
        presence=np.array(rows["presence"], np.float32),
        blendshapes=rows["blendshapes"],
        rotations=np.array(rows["rotation"], np.float32),
        yaw=np.ascontiguousarray(angles[:, 0]),
        pitch=np.ascontiguousarray(angles[:, 1]),
        roll=np.ascontiguousarray(angles[:, 2]),
        interpolated=np.array(rows["interpolated"], np.bool_),
        covered=covered(rows),
    )


def _join(parts: Sequence[Rows]) -> Rows:
    """One array of all parts in order; a long one is laid in an unnamed file."""
    if len(parts) == 1:
        return parts[0]
    total = sum(len(p) for p in parts)
    if total <= _IN_MEMORY_ROWS:
        return np.concatenate(parts)
    with tempfile.TemporaryFile() as file:
        joined = np.memmap(file, ROW, mode="w+", shape=(total,))
    at = 0
    for part in parts:
        joined[at : at + len(part)] = part
        at += len(part)
    return joined
