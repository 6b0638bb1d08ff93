"""What is encoded how: quality presets, and the table from picture layouts and sound formats to H.264 and AAC.

Pictures that were not edited reach the encoder with the samples the decoder gave. Depth is kept: 10-bit sources become
High 10. Chroma finer than 4:2:0 is averaged down to it by default, because hardly any player shows H.264 in 4:2:2 or
4:4:4; both choices can be changed, and every conversion is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lipwright.media.info import AudioInfo, ColourTags, VideoInfo
from lipwright.media.picture import Picture, Plane, as_plane
from lipwright.media.pixels import LAYOUTS, PixelLayout

Quality = Literal["draft", "balanced", "visually-lossless", "archive"]


@dataclass(frozen=True, slots=True)
class Preset:
    """x264 settings: constant rate factor and speed preset."""

    crf: int
    speed: str


# CRF 17 is where x264's loss is no longer seen on faces at full size. Frames are rendered faster than slow presets
# encode them, so speed is chosen for where it is needed: "superfast" (with the look-ahead that `encoders` adds) takes
# half the time of "veryfast" for 5 to 20 % more bits, at a luma PSNR of 47 to 50 dB on faces in 720p. Who wants small
# files takes "balanced", which is slower and hardly worse to the eye.
PRESETS: dict[Quality, Preset] = {
    "draft": Preset(26, "ultrafast"),
    "balanced": Preset(21, "veryfast"),
    "visually-lossless": Preset(17, "superfast"),
    "archive": Preset(12, "medium"),
}

_LARGEST_SCALE = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class VideoTarget:
    """The picture stream to write.

    Attributes:
        width, height: of the pictures that will come, in display orientation.
        layout: of those pictures.
        time_base: in which every output time is a whole number of ticks.
        rate: average frames per second (a hint for rate control only).
        sample_aspect_ratio: of a pixel.
        colour: tags to keep.
    """

    width: int
    height: int
    layout: PixelLayout
    time_base: Fraction
    rate: Fraction
    sample_aspect_ratio: Fraction = Fraction(1)
    colour: ColourTags = field(default_factory=ColourTags)

    @classmethod
    def like(cls, video: VideoInfo, time_base: Fraction | None = None) -> VideoTarget:
        """The target that keeps everything about `video`; `time_base` if the output's times need another."""
        return cls(
            video.width,
            video.height,
            video.layout,
            time_base or video.grid.time_base,
            video.average_rate,
            video.sample_aspect_ratio,
            replace(video.colour, full_range=True) if video.layout.full_range else video.colour,
        )


@dataclass(frozen=True, slots=True)
class AudioTarget:
    """The sound stream to write: samples per second and channel layout."""

    rate: int
    layout: str
    channels: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures of a layout are encoded: the layout given to x264, and what to tell the user."""

    layout: PixelLayout
    notes: tuple[str, ...] = ()


def encoding_of(layout: PixelLayout, *, compatible: bool = False, keep_chroma: bool = False) -> Encoding:
    """The layout in which pictures of `layout` are encoded.

    | picture          | default                  | keep_chroma     | compatible       |
    |------------------|--------------------------|-----------------|------------------|
    | 4:2:0, 8 bits    | as it is (High)          | as it is        | as it is         |
    | 4:2:0, 10 bits   | as it is (High 10)       | as it is        | rounded to 8     |
    | 4:2:2, 4:4:4     | chroma averaged to 4:2:0 | as it is        | 4:2:0, 8 bits    |
    """
    depth = 8 if compatible else layout.depth
    sub_x, sub_y = (layout.sub_x, layout.sub_y) if keep_chroma and not compatible else (2, 2)
    target = next(
        known for known in LAYOUTS.values() if (known.depth, known.sub_x, known.sub_y) == (depth, sub_x, sub_y)
    ).ranged(layout.full_range)
    notes = []
    if target.depth != layout.depth:
        notes.append(f"{layout.depth}-bit pictures are rounded to {target.depth} bits")
    if (target.sub_x, target.sub_y) != (layout.sub_x, layout.sub_y):
        notes.append(f"{layout.name} chroma is averaged to 4:2:0")
    return Encoding(target, tuple(notes))


def converted(picture: Picture, layout: PixelLayout) -> Picture:
    """`picture` in an encoder layout of the same or less depth and chroma; padded to even sizes by repeating the edge.

    A picture that already fits is returned as it is.
    """
    width, height = even(picture.width, layout.sub_x), even(picture.height, layout.sub_y)
    if picture.layout == layout and (width, height) == (picture.width, picture.height):
        return picture
    block_x, block_y = layout.sub_x // picture.layout.sub_x, layout.sub_y // picture.layout.sub_y
    y, u, v = picture.planes
    y = _padded(y, width, height)
    chroma = [_padded(c, width // picture.layout.sub_x, height // picture.layout.sub_y) for c in (u, v)]
    u, v = (_block_mean(c, block_x, block_y) for c in chroma)
    if layout.depth < picture.layout.depth:
        y, u, v = (_rounded(c, picture.layout.depth - layout.depth) for c in (y, u, v))
    return Picture((y, u, v), layout, picture.matrix)


def even(size: int, step: int = 2) -> int:
    """`size` rounded up to a multiple of `step`."""
    return -(-size // step) * step


def _padded(plane: Plane, width: int, height: int) -> Plane:
    down, right = height - plane.shape[0], width - plane.shape[1]
    if down <= 0 and right <= 0:
        return plane
    return as_plane(np.pad(plane, ((0, max(0, down)), (0, max(0, right))), mode="edge"))


def _block_mean(plane: Plane, block_x: int, block_y: int) -> Plane:
    if block_x == block_y == 1:
        return plane
    rows, cols = plane.shape
    total: NDArray[np.uint32] = plane.reshape(rows // block_y, block_y, cols // block_x, block_x).sum(
        axis=(1, 3), dtype=np.uint32
    )
    count = block_x * block_y
    mean = (total + count // 2) // count
    return mean.astype(np.uint8) if plane.dtype == np.uint8 else mean.astype(np.uint16)


def _rounded(plane: Plane, bits: int) -> NDArray[np.uint8]:
    samples: NDArray[np.uint8] = np.minimum((plane.astype(np.uint32) + (1 << (bits - 1))) >> bits, 255).astype(np.uint8)
    return samples


@dataclass(frozen=True, slots=True)
class Scales:
    """Ticks per second of the file: of the pictures, and of the movie header in which edit lists are written."""

    video: int
    movie: int
    exact: bool

    def ticks(self, time: Fraction, duration: Fraction) -> tuple[int, int]:
        """When a frame is shown and for how long, in ticks of the pictures; at least one."""
        pts = round(time * self.video)
        return pts, max(1, round((time + duration) * self.video) - pts)


def scales_of(time_base: Fraction, audio_rate: int | None) -> Scales:
    """The tick rates that make all times exact in MP4, whose fields hold 31 bits, or fine enough where that fails.

    The movie scale matters because edit lists (the start of the pictures, the priming of the sound) are written in it:
    at FFmpeg's default of 1000 a start at 1/30 s would move to 0.033.
    """
    video = time_base.denominator
    exact = video <= _LARGEST_SCALE
    video = video if exact else 14_112_000  # a multiple of 24000, 30000, 44100, 48000 and 90000-ish rates
    movie = lcm(video, audio_rate or 1)
    return Scales(video, movie if movie <= _LARGEST_SCALE else video, exact)


def writing_notes(video: VideoTarget, *, compatible: bool = False, keep_chroma: bool = False) -> tuple[str, ...]:
    """Plain sentences about what is deliberately changed when pictures like `video` are written."""
    encoding = encoding_of(video.layout, compatible=compatible, keep_chroma=keep_chroma)
    notes = list(encoding.notes)
    scales = scales_of(video.time_base, None)
    if not scales.exact:
        notes.append(f"output times are rounded to 1/{scales.video} s")
    padded = even(video.width, encoding.layout.sub_x), even(video.height, encoding.layout.sub_y)
    if padded != (video.width, video.height):
        notes.append(
            f"{video.width}x{video.height} pictures are padded to {padded[0]}x{padded[1]} by repeating the edge, "
            "because H.264 in 4:2:0 needs even sizes"
        )
    return tuple(notes)


# Sample rates of AAC up to 48 kHz (ISO/IEC 14496-3, table 1.18).
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# Layouts that FFmpeg's AAC encoder writes and every decoder reads back under the same name.
_AAC_LAYOUTS = {"mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "quad": 4, "4.0": 4, "5.0": 5, "5.1": 6}
_RENAMED = {"5.1(side)": "5.1", "5.0(side)": "5.0", "downmix": "stereo"}


def audio_target(source: AudioInfo | None, speech: AudioInfo | None = None) -> tuple[AudioTarget, tuple[str, ...]]:
    """The rate and layout of the output's sound, and what to tell the user.

    The source's own rate and layout are kept wherever AAC has them. A video without sound gets the speech's: its
    layout, and its rate if that is 32 kHz or more, else 48 kHz (players and editors handle low rates badly).
    """
    if source is None:
        rate = speech.rate if speech is not None and speech.rate >= 32000 else 48000
        layout = speech.layout if speech is not None and speech.channels <= 2 else "mono"
        source_rate = rate
    else:
        rate = source_rate = source.rate
        layout = source.layout
    notes = []
    if rate not in AAC_RATES:
        divisors = [known for known in (48000, 44100) if rate % known == 0]
        rate = divisors[0] if divisors else next((known for known in AAC_RATES if known >= rate), 48000)
        notes.append(f"the sound is converted from {source_rate} Hz to {rate} Hz, the nearest that AAC has")
    wanted = _RENAMED.get(layout, layout)
    if wanted not in _AAC_LAYOUTS:
        count = source.channels if source is not None else 1
        wanted = {1: "mono", 2: "stereo"}.get(count, "5.1" if count > 4 else "stereo")
        notes.append(f"the channel layout {layout} is mixed to {wanted}, which AAC players know")
    return AudioTarget(rate, wanted, _AAC_LAYOUTS[wanted]), tuple(notes)


def bit_rate(target: AudioTarget) -> int:
    """AAC bits per second at which FFmpeg's encoder is transparent on speech and music, within what the rate allows."""
    per_channel = 128_000 if target.channels <= 2 else 96_000
    return min(per_channel, target.rate * 5) * target.channels


AAC_OPTIONS = {"aac_coder": "fast"}
"""How FFmpeg's AAC encoder searches: in half the time, nearer to the sound as a rule (by 1 to 6 dB on two clips, 2 dB
further off on a third), and without spoiling the packet after an attack now and then, as its default does."""
