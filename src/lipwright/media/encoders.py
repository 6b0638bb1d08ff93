"""The two video encoders, x264 and x265, and how they are set up.

Both are run so that what they give depends on their pictures and settings alone: x264 with a fixed number of threads
(its output depends on that number, not on their timing), x265 without any. On some processors x264's slower presets
still choose differently for the same pictures now and then (seen at small sizes), so equal bytes are not promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from lipwright.errors import OutputError
from lipwright.media.encoding import PRESETS, Quality, Scales, VideoTarget, even
from lipwright.media.frames import Turn
from lipwright.media.h264 import ParameterSets
from lipwright.media.hevc import HevcNumbers, HevcSets, renumbered
from lipwright.media.info import LARGE
from lipwright.media.pixels import PixelLayout
from lipwright.media.stream_sets import StreamSets

# Fixed, so that the bytes do not depend on the machine. Two keep up with the rest of a job on two cores (on more it was
# not tried); four take up to a fifth more processor time, memory for the pictures that each holds, and 1 % more bits.
_X264_THREADS = 2

# What is changed about x264's presets. "superfast" gets back the look-ahead by which bits go where later pictures need
# them: half the bits for a tenth of the time; and blocks of 4x4 are not tried, which cost a fourteenth of the time and
# save nothing on faces. At "veryfast", predicting parts of a macroblock from different places would take a quarter of
# the time and save 4 % of the bits.
_TUNED: dict[str, dict[str, int | str]] = {
    "superfast": {"mbtree": 1, "rc-lookahead": 10, "partitions": "i8x8"},
    "veryfast": {"partitions": "i8x8,i4x4"},
}

# In large pictures x264 looks hardly ahead: by default it holds 600 MB of 4K, so 250. In 4K that
# takes a tenth more bits at 0.4 dB less, and two thirds of the time.
_LEAN = {"sync-lookahead": 0, "rc-lookahead": 1, "bframes": 0}

# In those between Full HD and these it looks half as far ahead, and does so in turn with the rest.
_FULL_HD = 1920 * 1088
_SHORT = {"sync-lookahead": 0, "rc-lookahead": 5}

# x265's rate factors and speeds that go with the qualities. At the same factor as x264's, "superfast" comes as near to
# the picture (luma PSNR within 1 dB on faces, in fewer bits) for three times the processor time of x264's "veryfast".
_X265: dict[Quality, tuple[int, str]] = {
    "draft": (26, "ultrafast"),
    "balanced": (21, "superfast"),
    "visually-lossless": (17, "superfast"),
    "archive": (12, "fast"),
}

SMALLEST = 32
"""Pixels that either side of a picture needs for x265."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a run keeps to so that its packets can stand between those of a source.

    Attributes:
        profile: x264's name of it; None for HEVC, where it follows from the pictures.
        level: level_idc, such as 31 for level 3.1, or 93 in HEVC. Left to themselves, encoders take the one that goes
            with the most bits they are allowed, which are not the same for every run.
        numbers: of the parameter sets, none of which the source uses; for H.264 one is enough.
        reorder: most frames by which decoding may run ahead of showing.
        in_band: the source has its parameter sets in its packets, too, so a run has to.
        turn: how players turn the source's pictures, and so those of a run.
        light: units that stand before the source's key frames and so before those of a run.
    """

    profile: str | None
    level: int
    numbers: int | HevcNumbers
    reorder: int
    in_band: bool = False
    turn: Turn = Turn()  # noqa: RUF009  # frozen
    light: tuple[bytes, ...] = ()

    def dressed(self, units: Sequence[bytes], sets: StreamSets, key: bool) -> list[bytes]:
        """The units of a packet as they stand between those of the source."""
        if isinstance(self.numbers, HevcNumbers):
            units = [renumbered(unit, self.numbers) for unit in units]
        before = ((*sets.units, *self.light) if self.in_band else self.light) if key else ()
        return [*before, *units]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Most bits per second a run may take on average, and how many it may borrow."""

    rate: int
    buffer: int


def opened(
    video: VideoTarget,
    layout: PixelLayout,
    scales: Scales,
    quality: Quality,
    like: Likeness | None,
    ceiling: Ceiling | None,
) -> tuple[VideoCodecContext, StreamSets]:
    """An encoder for pictures stored like `video`, and the parameter sets of its packets.

    Raises:
        OutputError: it does not take the settings.
    """
    numbers = like.numbers if like is not None else None
    hevc = isinstance(numbers, HevcNumbers)
    context = av.CodecContext.create("libx265" if hevc else "libx264", "w")
    assert isinstance(context, VideoCodecContext)
    special = _x265(context, quality) if hevc else _x264(context, quality, video.width * video.height, like)
    if like is not None:
        if like.reorder == 0:
            special["bframes"] = 0
        elif like.reorder == 1:
            special["b-pyramid"] = 0
    if ceiling is not None:
        special |= {"vbv-maxrate": max(1, ceiling.rate // 1000), "vbv-bufsize": max(1, ceiling.buffer // 1000)}
    if special:
        context.options["x265-params" if hevc else "x264-params"] = ":".join(
            f"{name}={value}" for name, value in special.items()
        )
    context.framerate = max(Fraction(1), video.rate).limit_denominator(1 << 20)
    context.width = even(video.width, layout.sub_x)
    context.height = even(video.height, layout.sub_y)
    context.pix_fmt = layout.name
    context.time_base = Fraction(1, scales.video)
    context.sample_aspect_ratio = video.sample_aspect_ratio
    context.color_primaries = video.colour.primaries
    context.color_trc = video.colour.transfer
    context.colorspace = video.colour.matrix if video.colour.matrix else 2  # 0 means RGB, which these are not
    context.color_range = {True: 2, False: 1, None: 0}[video.colour.full_range]
    context.flags |= Flags.global_header
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise OutputError(f"The video encoder does not take {video.width}x{video.height} pictures: {error}.") from None
    extradata = context.extradata or b""
    if like is None or not isinstance(numbers, HevcNumbers):
        return context, ParameterSets.of(extradata)
    return context, HevcSets.of(extradata).renumbered(numbers, like.level)


def reordering(context: VideoCodecContext, like: Likeness | None) -> bool:
    """Whether an encoder shows frames in another order than it codes them; FFmpeg does not know of x265's."""
    if like is not None and isinstance(like.numbers, HevcNumbers):
        return like.reorder > 0
    return context.has_b_frames


def _x264(context: VideoCodecContext, quality: Quality, pixels: int, like: Likeness | None) -> dict[str, int | str]:
    preset = PRESETS[quality]
    context.options = {"crf": str(preset.crf), "preset": preset.speed, "threads": str(_X264_THREADS)}
    special = dict(_TUNED.get(preset.speed, {}))
    if pixels > LARGE:
        special |= _LEAN
    elif pixels > _FULL_HD:
        special |= _SHORT
    if like is None or not isinstance(like.numbers, int) or like.profile is None:
        return special
    context.options["profile"] = like.profile
    if like.profile in ("baseline", "main") and "partitions" in special:
        special["partitions"] = "i4x4"  # these profiles have no blocks of 8x8
    return {**special, "sps-id": like.numbers, "level-idc": like.level}


def _x265(context: VideoCodecContext, quality: Quality) -> dict[str, int | str]:
    factor, speed = _X265[quality]
    context.options = {"crf": str(factor), "preset": speed}
    return {
        "log-level": "error",
        "pools": "none",
        "frame-threads": 1,
        "wpp": 0,
        "slices": 1,
        "open-gop": 0,
        "repeat-headers": 0,
        "info": 0,
        "opt-qp-pps": 0,
        "opt-ref-list-length-pps": 0,
    }
