"""The video track of an MP4 in the making: coded frames of any origin put one after the other.

Frames come in runs that refer to nothing outside themselves, so the packets of all of them in a row are one stream.
When each frame is shown is given here, once for the whole track. Decoding times follow from the presentation times, as
an encoder itself makes them: packet number n is decoded when frame number n - delay is shown, and those before the
first frame come at the frames' own pace. `delay` has to be as large as that of the run that needs most.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.video.stream import VideoStream

from lipwright.media.encoder import CodedFrame, as_stored
from lipwright.media.encoding import Scales, VideoTarget, even
from lipwright.media.frames import Turn
from lipwright.media.mp4 import Mp4File
from lipwright.media.pixels import PixelLayout
from lipwright.media.stream_sets import StreamSets


@dataclass(slots=True)
class FrameTimes:
    """When each frame of the output is shown and for how long, in seconds, kept as ticks.

    Attributes:
        scales: the ticks.
        rounded: how many times were no whole number of ticks.
    """

    scales: Scales
    pts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    rounded: int = 0

    @classmethod
    def of(cls, scales: Scales, frames: Iterable[tuple[Fraction, Fraction]]) -> FrameTimes:
        """Those of frames given by time and duration."""
        times = cls(scales)
        for time, duration in frames:
            times.add(time, duration)
        return times

    def add(self, time: Fraction, duration: Fraction) -> None:
        """Add the next frame. Raises `ValueError` if it does not come after the frame before."""
        pts, ticks = self.scales.ticks(time, duration)
        if self.pts and pts <= self.pts[-1]:
            raise ValueError(f"Frame time {time} does not come after the frame before")
        self.rounded += pts != time * self.scales.video
        self.pts.append(pts)
        self.durations.append(ticks)


class VideoTrack:
    """H.264 or HEVC in an `Mp4File`; add it before the sound.

    Raises:
        OutputError: from any method, if the file cannot be written.
    """

    def __init__(
        self,
        file: Mp4File,
        video: VideoTarget,
        layout: PixelLayout,
        sets: StreamSets,
        times: FrameTimes,
        delay: int,
    ) -> None:
        """Add the track.

        Args:
            file: the file, opened with the scales of `times`.
            video: the pictures, as for `VideoEncoder`.
            layout: in which they are coded.
            sets: the parameter sets of every packet that will come.
            times: of the frames; may go on growing, as long as it is ahead of the packets.
            delay: by how many frames decoding runs ahead of showing, at least.
        """
        self._file = file
        self._times = times
        self._delay = delay
        self._coded = 0
        with file.guarded():
            self._stream = _added(file, as_stored(video, sets.turn), layout, sets, times.scales)

    def add(self, coded: CodedFrame) -> None:
        """Write the next packet in decoding order."""
        packet = av.Packet(coded.data)
        packet.stream = self._stream
        packet.is_keyframe = coded.key
        packet.time_base = Fraction(1, self._times.scales.video)
        packet.pts, packet.duration = self._times.pts[coded.frame], self._times.durations[coded.frame]
        packet.dts = self._decoded_at(self._coded)
        self._coded += 1
        if self._coded == len(self._times.pts):
            packet.duration = max(packet.duration or 0, self._left(packet.dts))
        with self._file.guarded():
            self._file.container.mux(packet)

    def _left(self, decoded: int) -> int:
        """How long the last packet in decoding order has to last, though it may hold another frame than the last.

        An MP4 knows when packets are decoded and how long the last one lasts; the sum is how long the track is.
        """
        pts, durations = self._times.pts, self._times.durations
        return pts[-1] + durations[-1] - pts[0] - (decoded - self._decoded_at(0))

    def _decoded_at(self, number: int) -> int:
        """The decoding time of packet `number`."""
        pts, delay = self._times.pts, min(self._delay, len(self._times.pts) - 1)
        if number >= delay:
            return pts[number - delay]
        return pts[number] - (pts[delay] - pts[0])


def _added(file: Mp4File, video: VideoTarget, layout: PixelLayout, sets: StreamSets, scales: Scales) -> VideoStream:
    # PyAV makes a stream for packets from elsewhere only after the model of another one.
    with av.open(io.BytesIO(_model(sets.codec)), "r", format="mp4") as model:
        stream = file.container.add_stream_from_template(model.streams.video[0], opaque=True)
    context = stream.codec_context
    context.width = even(video.width, layout.sub_x)
    context.height = even(video.height, layout.sub_y)
    context.pix_fmt = layout.name
    context.codec_tag = sets.tag
    context.bit_rate = 0  # the model's
    context.extradata = sets.record()
    context.sample_aspect_ratio = video.sample_aspect_ratio
    context.color_primaries = video.colour.primaries
    context.color_trc = video.colour.transfer
    context.colorspace = video.colour.matrix if video.colour.matrix else 2  # 0 means RGB, which these are not
    context.color_range = {True: 2, False: 1, None: 0}[video.colour.full_range]
    stream.time_base = Fraction(1, scales.video)
    if not sets.turn.identity:
        stream.set_display_matrix(display_matrix(sets.turn, context.width, context.height))
    return stream


def display_matrix(turn: Turn, width: int, height: int) -> tuple[int, ...]:
    """The matrix of a track's header that makes players turn coded width x height pictures by `turn`.

    It maps (x, y) of a coded picture to (a x + c y + tx, b x + d y + ty), in the order a b u c d v tx ty w; the shift
    brings the turned picture back to where it lay (ISO/IEC 14496-12 section 8.3.2; 16.16 and 2.30 fixed point).
    """
    one = 1 << 16
    x, y = (-one if turn.mirror_x else one), (-one if turn.mirror_y else one)
    wide, high = (height, width) if turn.transpose else (width, height)
    shift = (wide * one if turn.mirror_x else 0, high * one if turn.mirror_y else 0)
    a, b, c, d = (0, y, x, 0) if turn.transpose else (x, 0, 0, y)
    return (a, b, 0, c, d, 0, *shift, 1 << 30)


@lru_cache(maxsize=2)
def _model(codec: str) -> bytes:
    """The smallest MP4 with a video track."""
    encoder, options = {
        "h264": ("libx264", {"threads": "1", "preset": "ultrafast"}),
        "hevc": ("libx265", {"x265-params": "log-level=error:pools=none:frame-threads=1", "preset": "ultrafast"}),
    }[codec]
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        # Grey, since a new frame holds whatever was in memory, and the track would tell a bit rate of that.
        grey = np.full((96, 64), 128, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
        container.mux(stream.encode(None))
    return memory.getvalue()
