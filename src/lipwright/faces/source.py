"""What face analysis needs to know of a video: pictures by frame index, as RGB, whole or in part, or small and grey.

`lipwright.media` readers satisfy these protocols; tests use pictures in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]


class Pixels(Protocol):
    """One picture in display orientation."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def to_rgb(self, box: Box | None = None, scale: float = 1.0) -> U8:
        """(h, w, 3) uint8 RGB of `box` (x0, y0, x1, y1, inside the picture), resized by `scale`."""
        ...

    def to_grey(self, size: tuple[int, int]) -> U8:
        """(h, w) uint8 grey of the whole picture, shrunk to `size` (width, height)."""
        ...


class SourceFrame(Protocol):
    """A frame of the source: its index on the decoded frame grid, its time in seconds, its picture."""

    @property
    def index(self) -> int: ...

    @property
    def time(self) -> Fraction: ...

    @property
    def picture(self) -> Pixels: ...


class FrameSource(Protocol):
    """Something that yields frames [start, stop) in order."""

    def frames(self, start: int, stop: int) -> Iterator[SourceFrame]: ...
