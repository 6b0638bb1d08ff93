"""One run of the video encoder: pictures in, packets out, beginning with a picture that needs no other.

An output consists of runs, so that its parts can be made in any order and by anybody; what a run gives depends on its
pictures and settings alone. Packets leave with a length before each unit, as they stand in an MP4, and with the number
of the frame they hold, since when a frame is shown is the business of the track.

To stand between packets of the source, a run is made `Likeness` to it: the same profile, level and order of decoding,
its parameter sets under a number that the source does not use, its pictures lying on their side if the source's do.
x264 runs with a fixed number of threads (its output depends on that number, not on their timing). On some processors
its slower presets still choose differently for the same pictures now and then (seen at small sizes), so equal bytes are
not promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from lipwright.errors import OutputError
from lipwright.media.encoding import PRESETS, Quality, Scales, VideoTarget, converted, even
from lipwright.media.frames import Turn, frame_of
from lipwright.media.h264 import ParameterSets
from lipwright.media.nal import by_start_code, with_lengths
from lipwright.media.picture import Picture, as_plane
from lipwright.media.pixels import PixelLayout

# Fixed, so that the bytes do not depend on the machine.
_X264_THREADS = 4


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """One packet: its bytes as they stand in an MP4, the frame it holds, whether decoding can begin with it."""

    data: bytes
    frame: int
    key: bool


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a run keeps to so that its packets can stand between those of a source.

    Attributes:
        profile: x264's name of it.
        level: level_idc, such as 31 for level 3.1.
        number: of the parameter sets; one that the source does not use.
        reorder: most frames by which decoding may run ahead of showing.
        in_band: the source has its parameter sets in its packets, too, so a run has to.
        turn: how players turn the source's pictures, and so those of a run.
    """

    profile: str
    level: int
    number: int
    reorder: int
    in_band: bool = False
    turn: Turn = Turn()  # noqa: RUF009  # frozen


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Most bits per second a run may take on average, and how many it may borrow."""

    rate: int
    buffer: int


class VideoEncoder:
    """One run of x264.

    Attributes:
        sets: the parameter sets of its packets.
        delay: by how many frames decoding runs ahead of showing.

    Raises:
        OutputError: the encoder does not take the settings.
    """

    def __init__(
        self,
        video: VideoTarget,
        layout: PixelLayout,
        scales: Scales,
        quality: Quality,
        *,
        like: Likeness | None = None,
        ceiling: Ceiling | None = None,
    ) -> None:
        """Open a run for pictures like `video`, encoded in `layout`."""
        self._layout = layout
        self._scales = scales
        self._turn = like.turn if like is not None else Turn()
        self._in_band = like is not None and like.in_band
        self._start: Fraction | None = None
        self._frames: dict[int, int] = {}
        self._last = -1
        self._context = _opened(as_stored(video, self._turn), layout, scales, quality, like, ceiling)
        self.sets = replace(ParameterSets.of(self._context.extradata or b""), turn=self._turn)
        # B-frames that others are predicted from make it two.
        self.delay = (1 if like is not None and like.reorder == 1 else 2) if self._context.has_b_frames else 0

    def add(self, picture: Picture, frame: int, time: Fraction, duration: Fraction) -> Iterator[CodedFrame]:
        """Give the encoder the next picture; what is ready comes back, in decoding order.

        Args:
            picture: what to encode.
            frame: number of the frame, for `CodedFrame.frame`.
            time, duration: when it is shown, in seconds.
        """
        if self._start is None:
            self._start = time
        # Times count from the run's own start, so that the encoder does the same wherever the run stands.
        pts, _ = self._scales.ticks(time - self._start, duration)
        if pts <= self._last:
            raise ValueError(f"Frame time {time} does not come after the frame before")
        self._last = pts
        self._frames[pts] = frame
        coded = frame_of(converted(_turned_back(picture, self._turn), self._layout))
        coded.pts, coded.time_base = pts, Fraction(1, self._scales.video)
        yield from self._encoded(coded)

    def finish(self) -> Iterator[CodedFrame]:
        """End the run; the rest of its packets."""
        yield from self._encoded(None)

    def _encoded(self, frame: av.VideoFrame | None) -> Iterator[CodedFrame]:
        for packet in self._context.encode(frame):
            assert packet.pts is not None
            units = [*by_start_code(bytes(packet))]
            if packet.is_keyframe and self._in_band:
                units = [*self.sets.sequence, *self.sets.picture, *units]
            yield CodedFrame(with_lengths(units), self._frames.pop(packet.pts), packet.is_keyframe)


def as_stored(video: VideoTarget, turn: Turn) -> VideoTarget:
    """How pictures like `video` are stored that players have to turn by `turn`."""
    if not turn.transpose:
        return video
    ratio = 1 / video.sample_aspect_ratio
    return replace(video, width=video.height, height=video.width, sample_aspect_ratio=ratio)


def _turned_back(picture: Picture, turn: Turn) -> Picture:
    """The picture that `turn` makes `picture` of; no sample changes."""
    if turn.identity:
        return picture
    back = Turn(True, turn.mirror_y, turn.mirror_x) if turn.transpose else turn
    y, u, v = (as_plane(np.ascontiguousarray(back.apply(plane))) for plane in picture.planes)
    return Picture((y, u, v), picture.layout, picture.matrix)


def _opened(
    video: VideoTarget,
    layout: PixelLayout,
    scales: Scales,
    quality: Quality,
    like: Likeness | None,
    ceiling: Ceiling | None,
) -> VideoCodecContext:
    preset = PRESETS[quality]
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.options = {"crf": str(preset.crf), "preset": preset.speed, "threads": str(_X264_THREADS)}
    special: dict[str, int] = {}
    if like is not None:
        context.options["profile"] = like.profile
        special |= {"sps-id": like.number, "level-idc": like.level}
        if like.reorder == 0:
            special["bframes"] = 0
        elif like.reorder == 1:
            special["b-pyramid"] = 0
    if ceiling is not None:
        special |= {"vbv-maxrate": max(1, ceiling.rate // 1000), "vbv-bufsize": max(1, ceiling.buffer // 1000)}
    if special:
        context.options["x264-params"] = ":".join(f"{name}={value}" for name, value in special.items())
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
    return context
