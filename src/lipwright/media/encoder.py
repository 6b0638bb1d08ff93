"""One run of the video encoder: pictures in, packets out, beginning with a picture that needs no other.

An output consists of runs, so that its parts can be made in any order and by anybody; what a run gives depends on its
pictures and settings alone. Packets leave with a length before each unit, as they stand in an MP4, and with the number
of the frame they hold, since when a frame is shown is the business of the track.

To stand between packets of the source, a run is made `Likeness` to it: the same codec, profile and order of decoding,
its parameter sets under numbers that the source does not use, its pictures lying on their side if the source's do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np

from lipwright.media.encoders import Ceiling, Likeness, opened, reordering
from lipwright.media.encoding import Quality, Scales, VideoTarget, converted
from lipwright.media.frames import Turn, frame_of
from lipwright.media.nal import by_start_code, with_lengths
from lipwright.media.picture import Picture, as_plane
from lipwright.media.pixels import PixelLayout
from lipwright.media.stream_sets import StreamSets


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """One packet: its bytes as they stand in an MP4, the frame it holds, whether decoding can begin with it."""

    data: bytes
    frame: int
    key: bool


class VideoEncoder:
    """One run of x264 or x265.

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
        self._like = like
        self._start: Fraction | None = None
        self._frames: dict[int, int] = {}
        self._last = -1
        stored = as_stored(video, self._turn)
        self._context, sets = opened(stored, layout, scales, quality, like, ceiling)
        self.sets: StreamSets = replace(sets, turn=self._turn)
        # B-frames that others are predicted from make it two.
        self.delay = (1 if like is not None and like.reorder == 1 else 2) if reordering(self._context, like) else 0

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
            units = list(by_start_code(bytes(packet)))
            if self._like is not None:
                units = self._like.dressed(units, self.sets, packet.is_keyframe)
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
