"""One frame of video in display orientation, held in its own planes at its own bit depth.

Everything that changes a frame goes through `Picture.blend`, which changes only samples under a non-zero alpha: a pixel
that nobody asked to change keeps the exact bits the decoder gave. An engine sees a box of the picture as float Y, U, V
at luma resolution (`region`) and answers in the same terms. Chroma is brought to luma resolution by bilinear
interpolation corrected so that the mean over each chroma cell is the original sample; `blend` goes back by that same
mean, so a region that is blended in unchanged leaves the picture unchanged, and no chroma of the old mouth shines
through the new one. Cells are taken as centred: the half-pixel siting of MPEG-2 chroma is the same both ways and so
cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.media.pixels import Matrix, PixelLayout, rgb_weights

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Plane = NDArray[np.uint8] | NDArray[np.uint16]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame, in display orientation.

    Attributes:
        planes: Y, U, V; 2-D C-contiguous uint8 (8 bits) or uint16 (10 bits). Treat them as read-only.
        layout: bit depth, chroma subsampling and range of the planes.
        matrix: how Y, U, V relate to RGB.
    """

    planes: tuple[Plane, Plane, Plane]
    layout: PixelLayout
    matrix: Matrix = "bt709"

    def __post_init__(self) -> None:
        width, height = self.layout.chroma_size(self.width, self.height)
        for plane in self.planes[1:]:
            if plane.shape != (height, width):
                raise ValueError(f"A {self.layout.name} chroma plane is {plane.shape}, not {(height, width)}")

    @property
    def width(self) -> int:
        """Luma columns."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.planes[0].shape[0])

    @property
    def nbytes(self) -> int:
        """What its samples weigh."""
        return sum(plane.nbytes for plane in self.planes)

    def clip(self, box: Sequence[float]) -> Box:
        """`box` (x0, y0, x1, y1) rounded outwards and clipped to the picture; may be empty (x1 <= x0)."""
        return clipped(box, (self.width, self.height))

    def cut(self, box: Box) -> tuple[Picture, tuple[int, int]]:
        """A picture of its own with the samples of `box`, grown to whole chroma cells; and its corner x, y in this one.

        Raises:
            ValueError: if the box is empty or reaches outside the picture.
        """
        x0, y0, x1, y1 = self._checked(box)
        sx, sy = self.layout.sub_x, self.layout.sub_y
        left, top = x0 - x0 % sx, y0 - y0 % sy
        right, bottom = min(self.width, x1 + -x1 % sx), min(self.height, y1 + -y1 % sy)
        luma = self.planes[0][top:bottom, left:right]
        chroma = (plane[top // sy : -(-bottom // sy), left // sx : -(-right // sx)] for plane in self.planes[1:])
        y, u, v = (as_plane(plane.copy()) for plane in (luma, *chroma))
        return replace(self, planes=(y, u, v)), (left, top)

    def region(self, box: Box) -> F32:
        """The pixels of `box` as (h, w, 3) float32 Y, U, V on an 8-bit scale (10-bit samples / 4).

        It is held plane by plane: each `[..., channel]` is contiguous, which is how it is fastest to work on.

        Raises:
            ValueError: if the box is empty or reaches outside the picture.
        """
        x0, y0, x1, y1 = self._checked(box)
        out = np.empty((3, y1 - y0, x1 - x0), np.float32)
        for channel in range(3):
            out[channel] = self.component(channel, box)
        return out.transpose(1, 2, 0)

    def component(self, channel: int, box: Box) -> F32:
        """(h, w) float32: one `channel` of `region`, for work that goes component by component in a third of the room.

        Raises:
            ValueError: if the box is empty or reaches outside the picture.
        """
        x0, y0, x1, y1 = self._checked(box)
        if channel == 0:
            values = self.planes[0][y0:y1, x0:x1].astype(np.float32)
        else:
            values = self._wide_chroma(channel, (x0, y0, x1, y1))
        if self.layout.depth > 8:
            values *= np.float32(1.0 / self.layout.scale)
        return values

    def blend(self, box: Box, yuv: F32, alpha: F32) -> Picture:
        """A new picture in which `box` is moved towards `yuv` by `alpha`.

        Luma becomes old + alpha * (yuv - region(old)); a chroma sample gets the mean of alpha * (yuv - region(old))
        over the luma pixels of its cell. Where alpha is exactly 0 (for chroma: in the whole cell) every sample keeps
        its bits. All arithmetic is done inside the box; of the rest there is one plain copy, and a plane that does not
        change at all is shared.

        Args:
            box: x0, y0, x1, y1 in luma pixels inside the picture; any alignment.
            yuv: (h, w, 3) float32 on an 8-bit scale, as `region` gives. Values at alpha 0 are not looked at.
            alpha: (h, w) float32 0..1.

        Raises:
            ValueError: if a shape does not fit the box or the box reaches outside the picture.
        """
        x0, y0, x1, y1 = self._checked(box)
        if yuv.shape != (y1 - y0, x1 - x0, 3) or alpha.shape != (y1 - y0, x1 - x0):
            raise ValueError(f"A {x1 - x0}x{y1 - y0} box was given yuv {yuv.shape} and alpha {alpha.shape}")
        if not (alpha > 0).any():
            return self
        weight = alpha * np.float32(self.layout.scale)
        sx, sy = self.layout.sub_x, self.layout.sub_y
        cells = slice(y0 // sy, -(-y1 // sy)), slice(x0 // sx, -(-x1 // sx))
        planes = []
        for channel in range(3):
            change = yuv[..., channel] - self.component(channel, (x0, y0, x1, y1))
            change *= weight
            if not np.isfinite(change.sum(dtype=np.float64)):
                # Zero, not 0 x anything, where alpha is 0: an engine may leave nonsense there.
                change[~(alpha > 0)] = 0.0
                np.nan_to_num(change, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            area = (slice(y0, y1), slice(x0, x1))
            if channel:
                area, change = cells, self._cell_mean(change, (x0, y0, x1, y1))
            planes.append(_added(self.planes[channel], area, change, self.layout.peak))
        y, u, v = planes
        return replace(self, planes=(y, u, v))

    def to_rgb(self, box: Sequence[float] | None = None, scale: float = 1.0) -> U8:
        """The picture, or `box` of it clipped to the frame, as (h, w, 3) uint8 RGB for face models and display.

        `scale` shrinks (or enlarges) the planes before conversion, which is much cheaper than after. Not for output.
        """
        x0, y0, x1, y1 = self.clip(box) if box is not None else (0, 0, self.width, self.height)
        if x1 <= x0 or y1 <= y0:
            raise ValueError(f"The box {box} does not touch the {self.width}x{self.height} picture")
        size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
        sx, sy = self.layout.sub_x, self.layout.sub_y
        luma = self._eight_bits(self.planes[0][y0:y1, x0:x1])
        # Chroma is cut to whole cells around the box and resized with the box's own offset inside those cells.
        cx0, cy0, cx1, cy1 = x0 // sx, y0 // sy, -(-x1 // sx), -(-y1 // sy)
        aligned = (x0 == cx0 * sx and y0 == cy0 * sy and x1 == cx1 * sx and y1 == cy1 * sy) or (sx == 1 and sy == 1)
        shrink = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        planes = [luma if luma.shape == (size[1], size[0]) else cv2.resize(luma, size, interpolation=shrink)]
        for channel in (1, 2):
            chroma = self._eight_bits(self.planes[channel][cy0:cy1, cx0:cx1])
            if aligned:
                target, cut = size, (slice(None), slice(None))
            else:
                whole = (round((cx1 - cx0) * sx * scale), round((cy1 - cy0) * sy * scale))
                left, top = round((x0 - cx0 * sx) * scale), round((y0 - cy0 * sy) * scale)
                target = (max(whole[0], left + size[0]), max(whole[1], top + size[1]))
                cut = (slice(top, top + size[1]), slice(left, left + size[0]))
            planes.append(cv2.resize(chroma, target, interpolation=cv2.INTER_LINEAR)[cut])
        merged = cv2.merge(planes)
        return cv2.transform(merged, _weights(self.matrix, self.layout.full_range)).astype(np.uint8, copy=False)

    def to_grey(self, size: tuple[int, int]) -> U8:
        """The whole picture as `size` (width, height) of grey, (h, w) uint8 with black at 0 and white at 255.

        Only luma is looked at, and shrunk before anything else: for thumbnails.
        """
        shrinks = size[0] <= self.width and size[1] <= self.height
        small = cv2.resize(self.planes[0], size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        grey = self._eight_bits(as_plane(small))
        if self.layout.full_range:
            return grey
        level = (np.clip(grey, 16, 235).astype(np.float32) - 16.0) * np.float32(255 / 219)
        return np.asarray(np.rint(level), np.uint8)

    def same(self, other: Picture, outside: tuple[Box, NDArray[np.bool_]] | None = None) -> bool:
        """Whether both hold the same samples; with `outside` (a box and a (h, w) mask), apart from under the mask.

        A chroma sample counts as under the mask if any luma pixel of its cell is.
        """
        if self.layout != other.layout or self.planes[0].shape != other.planes[0].shape:
            return False
        if outside is None:
            return all(a is b or np.array_equal(a, b) for a, b in zip(self.planes, other.planes, strict=True))
        return self.changed_outside(other, *outside) == 0

    def changed_outside(self, other: Picture, box: Box, mask: NDArray[np.bool_]) -> int:
        """How many samples (of all planes) differ between the pictures outside `mask`, which lies at `box`."""
        x0, y0, x1, y1 = self._checked(box)
        sx, sy = self.layout.sub_x, self.layout.sub_y
        cells = slice(y0 // sy, -(-y1 // sy)), slice(x0 // sx, -(-x1 // sx))
        chroma_mask = self._cell_mean(mask.astype(np.float32), (x0, y0, x1, y1)) > 0
        wrong = 0
        for channel, (ours, theirs) in enumerate(zip(self.planes, other.planes, strict=True)):
            if ours is theirs:
                continue
            area = (slice(y0, y1), slice(x0, x1)) if channel == 0 else cells
            differs = ours != theirs
            wrong += int(differs.sum()) - int((differs[area] & (mask if channel == 0 else chroma_mask)).sum())
        return wrong

    def _checked(self, box: Box) -> Box:
        x0, y0, x1, y1 = (int(v) for v in box)
        if not (0 <= x0 < x1 <= self.width and 0 <= y0 < y1 <= self.height):
            raise ValueError(f"The box {box} is not inside the {self.width}x{self.height} picture")
        return x0, y0, x1, y1

    def _eight_bits(self, plane: Plane) -> U8:
        if plane.dtype == np.uint8:
            return np.asarray(plane, np.uint8)
        shift = self.layout.depth - 8
        return _rounded_shift(plane, shift)

    def _wide_chroma(self, channel: int, box: Box) -> F32:
        """Chroma of `box` at luma resolution in native units; its mean over any whole cell is the cell's sample."""
        x0, y0, x1, y1 = box
        sx, sy = self.layout.sub_x, self.layout.sub_y
        plane = self.planes[channel]
        if sx == 1 and sy == 1:
            return plane[y0:y1, x0:x1].astype(np.float32)
        # One cell more on each side than the box touches, so that the result does not depend on where the box ends.
        margin = 2
        rows, cols = plane.shape
        cx0, cy0 = max(0, x0 // sx - margin), max(0, y0 // sy - margin)
        cx1, cy1 = min(cols, -(-x1 // sx) + margin), min(rows, -(-y1 // sy) + margin)
        cells = plane[cy0:cy1, cx0:cx1].astype(np.float32)
        size = ((cx1 - cx0) * sx, (cy1 - cy0) * sy)
        wide = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), np.float32)
        cells -= _means(wide, sx, sy)
        wide += cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
        return wide[y0 - cy0 * sy : y1 - cy0 * sy, x0 - cx0 * sx : x1 - cx0 * sx]

    def _cell_mean(self, values: F32, box: Box) -> F32:
        """The mean of (h, w) luma-resolution `values` of `box` over each chroma cell it touches; 0 outside the box."""
        x0, y0, x1, y1 = box
        sx, sy = self.layout.sub_x, self.layout.sub_y
        if sx == 1 and sy == 1:
            return values
        left, top = x0 % sx, y0 % sy
        right, bottom = -x1 % sx, -y1 % sy
        if not (left or top or right or bottom):
            return _means(values, sx, sy)
        # In the last column or row of an odd-sized picture a cell has fewer pixels than usual: repeat its edge, so that
        # the mean is over the pixels that exist.
        edge_x, edge_y = right if x1 == self.width else 0, bottom if y1 == self.height else 0
        padded = np.pad(values, ((top, 0), (left, 0)))
        padded = np.pad(padded, ((0, edge_y), (0, edge_x)), mode="edge") if edge_x or edge_y else padded
        padded = np.pad(padded, ((0, bottom - edge_y), (0, right - edge_x)))
        return _means(padded, sx, sy)


def clipped(box: Sequence[float], size: tuple[int, int]) -> Box:
    """`box` rounded outwards and clipped to a picture of `size` (width, height); may be empty."""
    x0, y0 = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
    return x0, y0, min(size[0], int(np.ceil(box[2]))), min(size[1], int(np.ceil(box[3])))


def as_plane(samples: NDArray[Any]) -> Plane:
    """`samples` as a plane: unchanged at run time; it must be uint8 or uint16."""
    if samples.dtype == np.uint8:
        return cast("NDArray[np.uint8]", samples)
    if samples.dtype == np.uint16:
        return cast("NDArray[np.uint16]", samples)
    raise TypeError(f"A plane holds uint8 or uint16, not {samples.dtype}")


def _rounded_shift(plane: Plane, shift: int) -> U8:
    """Samples divided by 2^shift, rounded, at most 255."""
    rounded: U8 = np.minimum((plane.astype(np.uint32) + (1 << (shift - 1))) >> shift, 255).astype(np.uint8)
    return rounded


def _means(values: F32, sx: int, sy: int) -> F32:
    """The mean of each sy x sx block of `values`."""
    rows, columns = values.shape
    return np.asarray(cv2.resize(values, (columns // sx, rows // sy), interpolation=cv2.INTER_AREA), np.float32)


def _added(plane: Plane, area: tuple[slice, slice], change: F32, peak: int) -> Plane:
    """`plane` with `change` added in `area`, rounded, within 0..peak; a change of 0 leaves the bits, none the plane."""
    part = plane[area]
    # OpenCV rounds halves to even, as NumPy does, and stops at the ends of the type; uint16 has room above 10 bits.
    summed = cv2.add(part, change, dtype=cv2.CV_8U if plane.dtype == np.uint8 else cv2.CV_16U)
    if plane.dtype != np.uint8:
        np.minimum(summed, peak, out=summed)
    if np.array_equal(part, summed):
        return plane
    new = as_plane(plane.copy())
    new[area] = summed
    return new


@lru_cache(maxsize=16)
def _weights(matrix: Matrix, full_range: bool) -> NDArray[np.float32]:
    return np.array(rgb_weights(matrix, full_range), np.float32)
