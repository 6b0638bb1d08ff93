"""Between FFmpeg's frames and `Picture`: samples copied once, turned to display orientation without touching a value.

A quarter turn or a mirror image only moves samples, so it is done per plane and is lossless. The one exception in shape
is 4:2:2 turned by 90 degrees: its chroma would be 4:4:0, which hardly anything can encode, so it is widened to 4:4:4 by
repetition (every sample still the decoded one).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from lipwright.media.picture import Picture, Plane, as_plane
from lipwright.media.pixels import LAYOUTS, UNPACKERS, Matrix, PixelLayout, Unpack, conversion, matrix_of

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
STILL_SIDE = 2160  # pixels


@dataclass(frozen=True, slots=True)
class Turn:
    """How coded pixels become display pixels: first transposed, then mirrored left-right, then top-bottom."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def rotation(self) -> int:
        """The clockwise quarter turn in degrees (0, 90, 180, 270), mirroring aside."""
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_x and self.mirror_y else 0

    @property
    def identity(self) -> bool:
        return not (self.transpose or self.mirror_x or self.mirror_y)

    def apply(self, plane: Plane) -> Plane:
        """`plane` turned; a view unless contiguous memory is needed."""
        turned = plane.T if self.transpose else plane
        if self.mirror_x:
            turned = turned[:, ::-1]
        return turned[::-1] if self.mirror_y else turned


# Counter-clockwise degrees to turns.
_QUARTERS = {0: Turn(), 90: Turn(True, False, True), 180: Turn(False, True, True), 270: Turn(True, True, False)}


def turn_of(frame: av.VideoFrame) -> tuple[Turn, bool]:
    """The turn asked for by the frame's display matrix, and whether it could be honoured.

    The matrix maps coded (x, y) to display (a x + c y, b x + d y) in 16.16 fixed point (ISO/IEC 14496-12, tkhd). Only
    the eight orientations made of quarter turns and mirrors are honoured.
    """
    try:
        side_data = frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload]  # incomplete stub
    except ValueError:
        # PyAV cannot list the side data of a frame that also carries a kind it does not know (EXIF); it can still tell
        # the rotation, counter-clockwise.
        return _QUARTERS.get(frame.rotation % 360, Turn()), frame.rotation % 90 == 0
    if side_data is None:
        return Turn(), True
    a, b, _, c, d, _, _, _, _ = struct.unpack("<9i", bytes(side_data)[:36])
    if a == d == 0 and b != 0 and c != 0:
        return Turn(True, c < 0, b < 0), True
    if b == c == 0 and a != 0 and d != 0:
        return Turn(False, a < 0, d < 0), True
    return Turn(), False


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How frames of one decoded format become planes: `convert` is the FFmpeg format to convert to first, if any."""

    unpack: Unpack
    convert: str | None

    @property
    def layout(self) -> PixelLayout:
        return LAYOUTS[self.unpack.layout]

    @property
    def note(self) -> str:
        """What to tell the user about this format, or an empty string."""
        if self.convert is not None:
            return f"pixels are converted to {self.convert}"
        return self.unpack.note


@lru_cache(maxsize=64)
def unpacking_of(name: str) -> Unpacking:
    """How to get from FFmpeg format `name` to planes."""
    known = UNPACKERS.get(name)
    if known is not None:
        return Unpacking(known, None)
    pixel_format = av.VideoFormat(name, 16, 16)
    bits = max(component.bits for component in pixel_format.components)
    # Grey has one component, grey with transparency two; PyAV's own is_chroma is False for 4:4:4.
    chroma = pixel_format.components[1:3] if len(pixel_format.components) > 2 else ()
    sub = (16 // chroma[0].width, 16 // chroma[0].height) if chroma else (1, 1)
    rgb = pixel_format.is_rgb or pixel_format.has_palette
    target = conversion(name, bits, sub, rgb) if rgb or chroma else ("yuv420p10le" if bits > 8 else "yuv420p")
    return Unpacking(UNPACKERS[target], target)


def display_layout(name: str, turn: Turn, full_range: bool) -> PixelLayout:
    """The layout pictures of a stream will have: decoded format `name`, turned by `turn`."""
    unpacking = unpacking_of(name)
    layout = unpacking.layout
    if turn.transpose and layout.sub_x != layout.sub_y:
        layout = LAYOUTS[layout.name.replace("422", "444")]
    return layout.ranged(full_range or unpacking.unpack.full_range)


def matrix_for(frame: av.VideoFrame, height: int) -> Matrix:
    """The matrix of the picture made of `frame`, which is `height` lines high on display.

    RGB has no matrix of its own: it is converted to BT.709, limited range, which players assume of an untagged picture.
    """
    if frame.format.is_rgb or frame.format.has_palette:
        return "bt709"
    return matrix_of(frame.colorspace, height)


def picture_of(frame: av.VideoFrame, turn: Turn | None = None) -> Picture:
    """The picture of a decoded frame in display orientation.

    Args:
        frame: any software frame.
        turn: how to turn it; by default what the frame's own display matrix asks for.
    """
    turn = turn_of(frame)[0] if turn is None else turn
    unpacking = unpacking_of(frame.format.name)
    matrix = matrix_for(frame, frame.width if turn.transpose else frame.height)
    full_range = frame.color_range == _FULL_RANGE and not frame.format.is_rgb
    if unpacking.convert is not None:
        if frame.format.is_rgb or frame.format.has_palette:
            frame = frame.reformat(format=unpacking.convert, dst_colorspace=1, dst_color_range=1)
        else:
            frame = frame.reformat(format=unpacking.convert)
    planes = _planes(frame, unpacking.unpack, unpacking.layout)
    layout = unpacking.layout
    if turn.transpose and layout.sub_x != layout.sub_y:
        width = planes[0].shape[1]
        u, v = (as_plane(np.repeat(chroma, 2, axis=1)[:, :width]) for chroma in planes[1:])
        planes = (planes[0], u, v)
        layout = LAYOUTS[layout.name.replace("422", "444")]
    if not turn.identity:
        planes = (turn.apply(planes[0]), turn.apply(planes[1]), turn.apply(planes[2]))
    owned = tuple(_owned(plane) for plane in planes)
    return Picture((owned[0], owned[1], owned[2]), layout.ranged(full_range or unpacking.unpack.full_range), matrix)


def still_frame(frame: av.VideoFrame) -> av.VideoFrame:
    """A decoded still image as a frame of video: 8-bit 4:2:0 in BT.709 limited range, no side longer than `STILL_SIDE`.

    A photograph is full-range BT.601, RGB or paletted and may have far more pixels than H.264 levels allow; as video it
    is made what every player expects.
    """
    shrink = min(1.0, STILL_SIDE / max(frame.width, frame.height))
    rgb = frame.format.is_rgb or frame.format.has_palette
    return frame.reformat(
        width=max(16, round(frame.width * shrink)),
        height=max(16, round(frame.height * shrink)),
        format="yuv420p",
        src_colorspace=None if rgb else 5,
        dst_colorspace=1,
        src_color_range=None if rgb else (frame.color_range or _FULL_RANGE),
        dst_color_range=1,
        interpolation="AREA" if shrink < 1.0 else "BILINEAR",
    )


def frame_of(picture: Picture) -> av.VideoFrame:
    """An FFmpeg frame with a copy of the picture's samples, in the layout's format; timing and colour are not set."""
    frame = av.VideoFrame(picture.width, picture.height, picture.layout.name)
    for samples, plane in zip(picture.planes, frame.planes, strict=True):
        target = _view(plane, samples.dtype.itemsize)
        target[: samples.shape[0], : samples.shape[1]] = samples
    return frame


def _view(plane: VideoPlane, bytes_per_sample: int) -> Plane:
    """The memory of a frame's plane as 2-D samples, padding included."""
    memory = memoryview(plane)
    columns = plane.line_size // bytes_per_sample
    if bytes_per_sample == 2:
        return np.frombuffer(memory, np.uint16).reshape(-1, columns)
    return np.frombuffer(memory, np.uint8).reshape(-1, columns)


def _planes(frame: av.VideoFrame, unpack: Unpack, layout: PixelLayout) -> tuple[Plane, Plane, Plane]:
    """Y, U, V of `frame` in coded orientation; may be views of its memory."""
    item = 2 if layout.depth > 8 else 1
    width, height = frame.width, frame.height
    chroma_width, chroma_height = layout.chroma_size(width, height)
    luma = _view(frame.planes[0], item)[:height, :width]
    if unpack.grey:
        neutral = np.full((chroma_height, chroma_width), 1 << (layout.depth - 1), luma.dtype)
        return luma, neutral, neutral.copy()
    if unpack.interleaved:
        pairs = _view(frame.planes[1], item)[:chroma_height, : 2 * chroma_width]
        u, v = pairs[:, 0::2], pairs[:, 1::2]
    else:
        u, v = (_view(plane, item) for plane in frame.planes[1:3])
        rows, cols = -(-chroma_height // unpack.repeat_y), -(-chroma_width // unpack.repeat_x)
        u, v = u[:rows, :cols], v[:rows, :cols]
        if unpack.repeat_x > 1 or unpack.repeat_y > 1:
            wide = [np.repeat(np.repeat(c, unpack.repeat_y, 0), unpack.repeat_x, 1) for c in (u, v)]
            u, v = (as_plane(c[:chroma_height, :chroma_width]) for c in wide)
    if unpack.swapped:
        u, v = v, u
    if unpack.shift > 0:
        luma, u, v = (as_plane(c >> np.uint16(unpack.shift)) for c in (luma, u, v))
    elif unpack.shift < 0:
        luma, u, v = (as_plane(c << np.uint16(-unpack.shift)) for c in (luma, u, v))
    return luma, u, v


def _owned(plane: Plane) -> Plane:
    """A C-contiguous copy that does not keep the decoder's frame alive."""
    return as_plane(np.array(plane, order="C", copy=True))
