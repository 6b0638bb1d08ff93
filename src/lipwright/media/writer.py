"""The output file: H.264 and AAC in MP4, with exact times, complete or absent.

Every frame carries its own timestamp and duration in a time base chosen so that all of them are whole numbers; nothing
is ever derived from a frame rate. What goes in decides what comes out: x264 runs with a fixed number of threads (its
output depends on that number, not on their timing) and no date is written. On some processors its slower presets still
choose differently for the same pictures now and then (seen at small sizes), so equal bytes are not promised.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipwright.media.encoding import (
    PRESETS,
    AudioTarget,
    Quality,
    VideoTarget,
    converted,
    encoding_of,
    even,
    scales_of,
    writing_notes,
)
from lipwright.media.frames import frame_of
from lipwright.media.mp4 import Mp4File, SoundTrack
from lipwright.media.picture import Picture

# Fixed, so that the bytes do not depend on the machine.
_X264_THREADS = 4


class OutputWriter:
    """Writes one MP4; use as a context manager, and `close` to publish. Leaving without `close` leaves nothing.

    Pictures and sound may be added in any interleaving, each in order; keep them within a few seconds of each other so
    that memory stays constant.

    Attributes:
        notes: plain sentences about deliberate conversions, for the report.
        rounded: how many frame times so far were no whole number of ticks; 0 if the time base was well chosen.

    Raises:
        OutputError: from any method, if the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        video: VideoTarget,
        audio: AudioTarget | None = None,
        *,
        quality: Quality = "visually-lossless",
        compatible: bool = False,
        keep_chroma: bool = False,
        comment: str | None = None,
    ) -> None:
        """Open the output.

        Args:
            path: where the file will appear.
            video: the pictures that will come.
            audio: the sound that will come, None for a silent file.
            quality: a name in `PRESETS`.
            compatible: 8-bit 4:2:0 whatever the source, for players that know nothing else.
            keep_chroma: do not average 4:2:2 and 4:4:4 chroma down to 4:2:0.
            comment: text for the file's comment tag, such as which ranges were edited.
        """
        encoding = encoding_of(video.layout, compatible=compatible, keep_chroma=keep_chroma)
        self._layout = encoding.layout
        self._scales = scales_of(video.time_base, audio.rate if audio else None)
        self._last_pts = -1
        self._durations: dict[int, int] = {}
        self.notes = writing_notes(video, compatible=compatible, keep_chroma=keep_chroma)
        self.rounded = 0
        self._file = Mp4File(path, self._scales, comment)
        with self._file.guarded():
            self._video = self._add_video(video, quality)
        self._sound = SoundTrack(self._file, audio) if audio else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.abort()

    def add_picture(self, picture: Picture, time: Fraction, duration: Fraction) -> None:
        """Add the next frame, shown from `time` (seconds, rising) for `duration` seconds.

        Raises:
            ValueError: if `time` does not come after the frame before.
        """
        pts, ticks = self._scales.ticks(time, duration)
        self.rounded += pts != time * self._scales.video
        if pts <= self._last_pts:
            raise ValueError(f"Frame time {time} does not come after the frame before")
        self._last_pts = pts
        frame = frame_of(converted(picture, self._layout))
        frame.pts, frame.time_base = pts, Fraction(1, self._scales.video)
        self._durations[pts] = ticks
        self._encode_video(frame)

    def add_audio(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples: (n, channels) float32, full scale +-1."""
        if self._sound is None:
            raise ValueError("This output has no sound")
        self._sound.add(samples)

    def close(self) -> None:
        """Finish the file and make it visible under its name."""
        if self._file.closed:
            return
        self._encode_video(None)
        if self._sound is not None:
            self._sound.finish()
        self._file.close()

    def abort(self) -> None:
        """Forget the file; nothing is left behind. Harmless after `close`."""
        self._file.abort()

    def _add_video(self, video: VideoTarget, quality: Quality) -> VideoStream:
        preset = PRESETS[quality]
        stream = self._file.container.add_stream(
            "libx264",
            rate=max(Fraction(1), video.rate).limit_denominator(1 << 20),
            options={"crf": str(preset.crf), "preset": preset.speed, "threads": str(_X264_THREADS)},
        )
        context = stream.codec_context
        stream.width = even(video.width, self._layout.sub_x)
        stream.height = even(video.height, self._layout.sub_y)
        stream.pix_fmt = self._layout.name
        context.time_base = Fraction(1, self._scales.video)
        stream.time_base = Fraction(1, self._scales.video)
        context.sample_aspect_ratio = video.sample_aspect_ratio
        context.color_primaries = video.colour.primaries
        context.color_trc = video.colour.transfer
        context.colorspace = video.colour.matrix if video.colour.matrix else 2  # 0 means RGB, which these are not
        context.color_range = {True: 2, False: 1, None: 0}[video.colour.full_range]
        return stream

    def _encode_video(self, frame: av.VideoFrame | None) -> None:
        container = self._file.container
        with self._file.guarded():
            for packet in self._video.encode(frame):
                if packet.pts is not None:
                    # The encoder does not hand durations through; the last one sets the length of the track.
                    packet.duration = self._durations.pop(packet.pts, 0)
                container.mux(packet)
