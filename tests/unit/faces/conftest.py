"""Made-up faces and pictures for the tests of lipwright.faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.faces.rows import ROW, Rows
from lipwright.faces.track import FaceTrack

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class ArrayPixels:
    """An RGB array as a picture."""

    rgb: U8

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    def to_rgb(self, box: Sequence[int] | None = None, scale: float = 1.0) -> U8:
        x0, y0, x1, y1 = box or (0, 0, self.width, self.height)
        part = self.rgb[y0:y1, x0:x1]
        if scale != 1.0:
            size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(part)

    def to_grey(self, size: tuple[int, int]) -> U8:
        grey = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class ArrayFrame:
    index: int
    time: Fraction
    picture: ArrayPixels


@dataclass(frozen=True)
class ArraySource:
    """Pictures in memory at 25 frames/s as a frame source."""

    pictures: Sequence[U8]

    def frames(self, start: int, stop: int) -> Iterator[ArrayFrame]:
        for index in range(start, min(stop, len(self.pictures))):
            yield ArrayFrame(index, Fraction(index, 25), ArrayPixels(self.pictures[index]))


@pytest.fixture(scope="session")
def pixels() -> Callable[[U8], ArrayPixels]:
    return ArrayPixels


@pytest.fixture(scope="session")
def source() -> Callable[[Sequence[U8]], ArraySource]:
    return ArraySource


def _face(gap: float = 0.0) -> NDArray[np.float32]:
    """(478, 3) points of a plain face, 100 px wide about the origin, its lips `gap` px apart."""
    rng = np.random.default_rng(7)
    points = rng.uniform(-1.0, 1.0, (478, 3)) * np.array([50, 60, 20])
    points[33], points[263] = (-30, -20, 0), (30, -20, 0)
    points[61], points[291] = (-20, 35, 0), (20, 35, 0)
    for i, (upper, lower) in enumerate(zip((81, 82, 13, 312, 311), (178, 87, 14, 317, 402), strict=True)):
        points[upper], points[lower] = (-8 + 4 * i, 35 - gap / 2, 0), (-8 + 4 * i, 35 + gap / 2, 0)
    return points.astype(np.float32)


@pytest.fixture(scope="session")
def face() -> Callable[..., NDArray[np.float32]]:
    return _face


@pytest.fixture(scope="session")
def make_track() -> Callable[..., FaceTrack]:
    """Build a track: `make_track(id, frames, centre=(x, y), side=..., gaps=...)`."""
    from lipwright.faces.track import quantise

    def make(
        identity: int,
        frames: Sequence[int],
        *,
        centre: tuple[float, float] = (300.0, 200.0),
        side: float = 180.0,
        gaps: Sequence[float] | None = None,
        presence: float = 1.0,
    ) -> FaceTrack:
        n = len(frames)
        crops = np.tile(np.array([*centre, side, 0.0], np.float32), (n, 1))
        shapes = np.stack([_face(g) for g in (gaps if gaps is not None else np.zeros(n))]) * np.float32(side / 180)
        shapes[..., :2] += np.array(centre, np.float32)
        return FaceTrack(
            id=identity,
            frames=np.array(frames, np.int32),
            quantised=quantise(shapes, crops),
            crops=crops,
            presence=np.full(n, presence, np.float32),
            blendshapes=np.zeros((n, 52), np.float32),
            rotations=np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
            yaw=np.zeros(n, np.float32),
            pitch=np.zeros(n, np.float32),
            roll=np.zeros(n, np.float32),
            interpolated=np.zeros(n, np.bool_),
            covered=np.zeros(n, np.float32),
        )

    return make


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., Rows]:
    """Build tracklet rows: `make_rows(frames, centre=(x, y), side=..., look=seed)`."""

    def make(
        frames: Sequence[int], centre: tuple[float, float] = (300.0, 200.0), side: float = 150.0, look: int = 0
    ) -> Rows:
        rows = np.zeros(len(frames), ROW)
        rows["frame"] = frames
        rows["crop"] = (*centre, side, 0.0)
        rows["presence"] = 1.0
        rows["rotation"] = np.eye(3)
        rows["look"] = np.random.default_rng(look).integers(0, 256, rows["look"].shape[1:])
        return rows

    return make
