"""How the samples of a frame are laid out, and the one table that turns any decoded format into such a layout.

Lipwright edits frames in their own planar YUV samples, because any trip through RGB would change pixels that nobody
asked to change. Only a handful of planar layouts are worked on (`LAYOUTS`). Formats that hold exactly the same samples
in another arrangement (semi-planar NV12/P010, the full-range "yuvj" names, a dropped alpha plane, repeated chroma of
rarely used subsamplings) are rearranged without loss; everything else (RGB, palettes, more than 10 bits) is converted
once, deliberately, by `CONVERSIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Matrix = Literal["bt601", "bt709", "bt2020", "fcc", "smpte240m"]


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """The arrangement of a picture's samples.

    Attributes:
        name: FFmpeg's name of the layout, such as "yuv420p" or "yuv422p10le".
        depth: bits per sample, 8 or 10 (10 is held in uint16).
        sub_x: luma columns per chroma sample (1 or 2).
        sub_y: luma rows per chroma sample (1 or 2).
        full_range: True if black..white is 0..2^depth-1, False if it is 16..235 (scaled to the depth).
    """

    name: str
    depth: int
    sub_x: int
    sub_y: int
    full_range: bool = False

    @property
    def peak(self) -> int:
        """The largest sample value."""
        return (1 << self.depth) - 1

    @property
    def scale(self) -> float:
        """Native sample values per unit of the 8-bit scale (1 for 8 bits, 4 for 10)."""
        return float(1 << (self.depth - 8))

    def ranged(self, full_range: bool) -> PixelLayout:
        """The same layout with the given range."""
        return replace(self, full_range=full_range)

    def chroma_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the chroma planes of a width x height picture (rounded up, as FFmpeg does)."""
        return -(-width // self.sub_x), -(-height // self.sub_y)


LAYOUTS: dict[str, PixelLayout] = {
    layout.name: layout
    for layout in (
        PixelLayout("yuv420p", 8, 2, 2),
        PixelLayout("yuv422p", 8, 2, 1),
        PixelLayout("yuv444p", 8, 1, 1),
        PixelLayout("yuv420p10le", 10, 2, 2),
        PixelLayout("yuv422p10le", 10, 2, 1),
        PixelLayout("yuv444p10le", 10, 1, 1),
    )
}


@dataclass(frozen=True, slots=True)
class Unpack:
    """A lossless way from a decoded format to a layout.

    Attributes:
        layout: name of the resulting layout.
        interleaved: the format has one plane of U,V pairs instead of two planes.
        swapped: the pairs are V,U.
        shift: right shift that brings a sample to `depth` (P010 keeps its 10 bits at the top); negative shifts left.
        repeat_x, repeat_y: each chroma sample is repeated this often, for subsamplings that are not worked on.
        grey: the format has no chroma; neutral chroma is added.
        full_range: the name itself says full range.
        note: what to tell the user, if anything changed.
    """

    layout: str
    interleaved: bool = False
    swapped: bool = False
    shift: int = 0
    repeat_x: int = 1
    repeat_y: int = 1
    grey: bool = False
    full_range: bool = False
    note: str = ""


_NO_ALPHA = "transparency is dropped"
_REPEATED = "unusual chroma subsampling is widened by repeating samples"

UNPACKERS: dict[str, Unpack] = {
    **{name: Unpack(name) for name in LAYOUTS},
    "yuvj420p": Unpack("yuv420p", full_range=True),
    "yuvj422p": Unpack("yuv422p", full_range=True),
    "yuvj444p": Unpack("yuv444p", full_range=True),
    "nv12": Unpack("yuv420p", interleaved=True),
    "nv21": Unpack("yuv420p", interleaved=True, swapped=True),
    "nv16": Unpack("yuv422p", interleaved=True),
    "nv24": Unpack("yuv444p", interleaved=True),
    "p010le": Unpack("yuv420p10le", interleaved=True, shift=6),
    "p210le": Unpack("yuv422p10le", interleaved=True, shift=6),
    "p410le": Unpack("yuv444p10le", interleaved=True, shift=6),
    "yuv420p9le": Unpack("yuv420p10le", shift=-1, note="9-bit samples are held as 10-bit"),
    "yuv422p9le": Unpack("yuv422p10le", shift=-1, note="9-bit samples are held as 10-bit"),
    "yuv444p9le": Unpack("yuv444p10le", shift=-1, note="9-bit samples are held as 10-bit"),
    "yuva420p": Unpack("yuv420p", note=_NO_ALPHA),
    "yuva422p": Unpack("yuv422p", note=_NO_ALPHA),
    "yuva444p": Unpack("yuv444p", note=_NO_ALPHA),
    "yuva420p10le": Unpack("yuv420p10le", note=_NO_ALPHA),
    "yuva422p10le": Unpack("yuv422p10le", note=_NO_ALPHA),
    "yuva444p10le": Unpack("yuv444p10le", note=_NO_ALPHA),
    "yuv440p": Unpack("yuv444p", repeat_y=2, note=_REPEATED),
    "yuvj440p": Unpack("yuv444p", repeat_y=2, full_range=True, note=_REPEATED),
    "yuv440p10le": Unpack("yuv444p10le", repeat_y=2, note=_REPEATED),
    "yuv411p": Unpack("yuv422p", repeat_x=2, note=_REPEATED),
    "yuvj411p": Unpack("yuv422p", repeat_x=2, full_range=True, note=_REPEATED),
    "yuv410p": Unpack("yuv420p", repeat_x=2, repeat_y=2, note=_REPEATED),
    "gray": Unpack("yuv420p", grey=True),
    "gray10le": Unpack("yuv420p10le", grey=True),
}

# Formats that need arithmetic: (layout to convert to, what to tell the user). Whatever is not listed either goes by
# `conversion`, which looks at the number of bits, the subsampling and whether the format is RGB.
CONVERSIONS: dict[str, str] = {
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "uyyvyy411": "yuv422p",
    "y210le": "yuv422p10le",
    "xv30le": "yuv444p10le",
    "v30xle": "yuv444p10le",
    "pal8": "yuv444p",
    "monow": "yuv420p",
    "monob": "yuv420p",
    "ya8": "yuv420p",
}


def conversion(name: str, bits: int, chroma: tuple[int, int], rgb: bool) -> str:
    """The layout a format outside the tables is converted to.

    Args:
        name: FFmpeg's format name.
        bits: bits of the widest component.
        chroma: (sub_x, sub_y) of the format.
        rgb: whether the format holds red, green and blue.
    """
    if name in CONVERSIONS:
        return CONVERSIONS[name]
    deep = "10le" if bits > 8 else ""
    if rgb or chroma == (1, 1):
        return f"yuv444p{deep}"
    return f"yuv422p{deep}" if chroma[1] == 1 else f"yuv420p{deep}"


# What the colour-space tag of a stream (AVColorSpace) means for conversion to RGB.
_TAGGED: dict[int, Matrix] = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}

# Kr, Kb of each matrix: ITU-R BT.601/709/2020, FCC 73.682, SMPTE 240M.
_LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}


def matrix_of(tag: int, height: int) -> Matrix:
    """The matrix of a stream tagged `tag`; untagged pictures of 720 lines or more count as BT.709, others as BT.601."""
    return _TAGGED.get(tag, "bt709" if height >= 720 else "bt601")


def rgb_weights(matrix: Matrix, full_range: bool) -> tuple[tuple[float, float, float, float], ...]:
    """The 3x4 affine map from 8-bit (Y, U, V, 1) to 8-bit R, G, B (ITU-R BT.601 section 2.5 and kin)."""
    red, blue = _LUMA_WEIGHTS[matrix]
    green = 1.0 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255.0 / 219.0, 255.0 / 224.0, 16.0)
    rv = 2.0 * (1.0 - red) * chroma
    bu = 2.0 * (1.0 - blue) * chroma
    gu = -bu * blue / green
    gv = -rv * red / green
    base = -black * luma
    return (
        (luma, 0.0, rv, base - 128.0 * rv),
        (luma, gu, gv, base - 128.0 * (gu + gv)),
        (luma, bu, 0.0, base - 128.0 * bu),
    )
