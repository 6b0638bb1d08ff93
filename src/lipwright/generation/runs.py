"""Encoding an output's pictures in the runs it was cut into: each begins with an encoder of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from lipwright.errors import OutputError
from lipwright.generation.stretches import Stretch, Stretches
from lipwright.media.encoder import CodedFrame, VideoEncoder
from lipwright.media.encoding import Quality, Scales, VideoTarget
from lipwright.media.picture import Picture
from lipwright.media.stream_sets import StreamSets
from lipwright.timeline.edl import OutputFrame


class Runs:
    """Takes pictures in order, which may leave out whole runs, and gives their packets.

    Attributes:
        sets: the parameter sets of all packets.
        delay: by how many frames decoding runs ahead of showing, at most.
    """

    def __init__(self, video: VideoTarget, stretches: Stretches, scales: Scales, quality: Quality) -> None:
        """Prepare for pictures like `video`.

        Raises:
            OutputError: the encoder does not take them.
        """
        self._video = video
        self._runs = stretches.encoded
        self._firsts = [run.first for run in self._runs]
        self._layout = stretches.layout(video.layout)
        self._scales, self._quality = scales, quality
        self._like = stretches.packets.likeness if stretches.packets is not None else None
        self._run: Stretch | None = None
        # An encoder of large pictures takes hundreds of megabytes: there is never more than one, and none between runs.
        self._encoder: VideoEncoder | None = None
        model = self._opened(None)
        self.sets: StreamSets = model.sets
        self.delay: int = model.delay

    def add(self, picture: Picture, frame: OutputFrame) -> Iterator[CodedFrame]:
        """Give the encoder the picture of output frame `frame`; what is ready comes back, in decoding order."""
        if self._run is None or self._encoder is None:
            self._run = self._runs[bisect_right(self._firsts, frame.index) - 1]
            if frame.index != self._run.first:
                raise ValueError(f"Frame {frame.index} is not the first of its run")
            self._encoder = self._opened(self._run)
            if self._encoder.sets != self.sets:
                raise OutputError("The video encoder does not choose the same parameters twice.")
        yield from self._encoder.add(picture, frame.index, frame.time, frame.duration)
        if frame.index + 1 == self._run.stop:
            yield from self._encoder.finish()
            self._run = self._encoder = None

    def _opened(self, run: Stretch | None) -> VideoEncoder:
        return VideoEncoder(
            self._video,
            self._layout,
            self._scales,
            self._quality,
            like=self._like,
            ceiling=run.ceiling if run is not None else None,
        )
