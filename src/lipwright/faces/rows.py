"""Rows of face tracks on disk: one fixed-size record per face and frame.

An hour of one face is about 300 MB of landmarks, which must not sit in memory. While analysing, each tracklet's rows
are appended to its own file in blocks; afterwards the file is memory-mapped and the track's large arrays are views of
it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import POINTS

MOUTH_FEATURES = 27
"""Numbers kept per row to judge whether the mouth is covered (see `occlusion`)."""

LOOK = 12

ROW = np.dtype(
    [
        ("frame", "<i4"),
        ("interpolated", "?"),
        ("crop", "<f4", 4),
        ("presence", "<f4"),
        ("rotation", "<f4", (3, 3)),
        ("angles", "<f4", 3),
        ("mouth", "<f4", MOUTH_FEATURES),
        ("look", "u1", (LOOK, LOOK, 3)),
        ("blendshapes", "<f4", 52),
        ("landmarks", "<i2", (POINTS, 3)),
    ]
)
"""`angles` are yaw, pitch, roll in degrees, `look` is a tiny RGB picture of the upright crop; the other fields
are as in `FaceTrack`."""

Rows = NDArray[np.void]

_BLOCK = 64


class RowFile:
    """Rows of one tracklet being written, in frame order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._block: list[Rows] = []

    def add(self, row: Rows) -> None:
        """Append one record of dtype `ROW`."""
        self._block.append(row)
        self.count += 1
        if len(self._block) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if self._block:
            with self.path.open("ab") as file:
                file.write(np.stack(self._block).tobytes())
            self._block.clear()


def map_rows(path: Path) -> Rows:
    """The (n,) records of a row file, memory-mapped read-only; an absent or empty file has none."""
    if not path.exists() or path.stat().st_size < ROW.itemsize:
        return np.empty(0, ROW)
    count = path.stat().st_size // ROW.itemsize
    return np.memmap(path, ROW, mode="r", shape=(count,))
