"""The output file: H.264 and AAC in MP4, with exact times, complete or absent.

Every frame carries its own timestamp and duration in a time base chosen so that all of them are whole numbers; nothing
is ever derived from a frame rate. The header is moved to the front of the file when it is finished (faststart). The
same pictures and sound give the same bytes: x264 runs with a fixed number of threads (its output depends on that
number, not on their timing) and no date is written.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipwright.errors import OutputError
from lipwright.media.atomic import PendingFile, output_error
from lipwright.media.encoding import (
    PRESETS,
    AudioTarget,
    Quality,
    VideoTarget,
    bit_rate,
    converted,
    encoding_of,
    even,
    scales_of,
)
from lipwright.media.frames import frame_of
from lipwright.media.picture import Picture

# Fixed, so that the bytes do not depend on the machine.
_X264_THREADS = 4
_AAC_FRAME = 1024


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
        self._samples = 0
        self._pending_sound: deque[NDArray[np.float32]] = deque()
        self._pending_count = 0
        self._audio_target = audio
        notes = list(encoding.notes)
        if not self._scales.exact:
            notes.append(f"output times are rounded to 1/{self._scales.video} s")
        padded = even(video.width, self._layout.sub_x), even(video.height, self._layout.sub_y)
        if padded != (video.width, video.height):
            notes.append(
                f"{video.width}x{video.height} pictures are padded to {padded[0]}x{padded[1]} by repeating the edge, "
                "because H.264 in 4:2:0 needs even sizes"
            )
        self.notes = tuple(notes)
        self.rounded = 0
        self._file = PendingFile(path)
        self._container: OutputContainer | None = None
        try:
            self._container = av.open(
                self._file.writable,
                "w",
                format="mp4",
                options={"movflags": "+faststart", "movie_timescale": str(self._scales.movie)},
            )
            if comment:
                self._container.metadata["comment"] = comment
            self._video = self._add_video(self._container, video, padded, quality)
            self._audio = self._add_audio(self._container, audio) if audio else None
        except (av.FFmpegError, OSError, ValueError) as error:
            self.abort()
            raise output_error(self._file.path, error) from None
        except BaseException:
            self.abort()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def add_picture(self, picture: Picture, time: Fraction, duration: Fraction) -> None:
        """Add the next frame, shown from `time` (seconds, rising) for `duration` seconds.

        Raises:
            ValueError: if `time` does not come after the frame before.
        """
        exact = time * self._scales.video
        pts = round(exact)
        self.rounded += pts != exact
        if pts <= self._last_pts:
            raise ValueError(f"Frame time {time} does not come after the frame before")
        self._last_pts = pts
        frame = frame_of(converted(picture, self._layout))
        frame.pts, frame.time_base = pts, Fraction(1, self._scales.video)
        self._durations[pts] = max(1, round((time + duration) * self._scales.video) - pts)
        self._encode_video(frame)

    def add_audio(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples: (n, channels) float32, full scale +-1."""
        target = self._audio_target
        if target is None:
            raise ValueError("This output has no sound")
        if samples.ndim != 2 or samples.shape[1] != target.channels:
            raise ValueError(f"Samples are {samples.shape}, not (n, {target.channels})")
        if len(samples):
            self._pending_sound.append(samples)
            self._pending_count += len(samples)
        while self._pending_count >= _AAC_FRAME:
            self._encode_audio(self._take_sound(_AAC_FRAME))

    def close(self) -> None:
        """Finish the file and make it visible under its name."""
        if self._container is None:
            return
        try:
            self._encode_video(None)
            if self._audio is not None:
                if self._pending_count:
                    self._encode_audio(self._take_sound(self._pending_count))
                self._encode_audio(None)
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise output_error(self._file.path, error) from None
        except BaseException:
            self.abort()
            raise
        self._container = None
        self._file.commit()

    def abort(self) -> None:
        """Forget the file; nothing is left behind. Harmless after `close`."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.FFmpegError, OSError, ValueError):  # the bytes are thrown away in any case
                container.close()
        self._file.discard()

    def _add_video(
        self, container: OutputContainer, video: VideoTarget, size: tuple[int, int], quality: Quality
    ) -> VideoStream:
        preset = PRESETS[quality]
        stream = container.add_stream(
            "libx264",
            rate=max(Fraction(1), video.rate).limit_denominator(1 << 20),
            options={"crf": str(preset.crf), "preset": preset.speed, "threads": str(_X264_THREADS)},
        )
        context = stream.codec_context
        stream.width, stream.height = size
        stream.pix_fmt = self._layout.name
        context.time_base = Fraction(1, self._scales.video)
        stream.time_base = Fraction(1, self._scales.video)
        context.sample_aspect_ratio = video.sample_aspect_ratio
        context.color_primaries = video.colour.primaries
        context.color_trc = video.colour.transfer
        context.colorspace = video.colour.matrix if video.colour.matrix else 2  # 0 means RGB, which these are not
        context.color_range = {True: 2, False: 1, None: 0}[video.colour.full_range]
        return stream

    def _add_audio(self, container: OutputContainer, audio: AudioTarget) -> AudioStream:
        stream = container.add_stream("aac", rate=audio.rate, layout=audio.layout, format="fltp")
        stream.codec_context.bit_rate = bit_rate(audio)
        return stream

    def _encode_video(self, frame: av.VideoFrame | None) -> None:
        if self._container is None:
            raise OutputError("The output is already closed.")
        try:
            for packet in self._video.encode(frame):
                if packet.pts is not None:
                    # The encoder does not hand durations through; the last one sets the length of the track.
                    packet.duration = self._durations.pop(packet.pts, 0)
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise output_error(self._file.path, error) from None

    def _take_sound(self, count: int) -> NDArray[np.float32]:
        """The next `count` pending samples."""
        parts, missing = [], count
        while missing:
            block = self._pending_sound.popleft()
            if len(block) > missing:
                self._pending_sound.appendleft(block[missing:])
                block = block[:missing]
            parts.append(block)
            missing -= len(block)
        self._pending_count -= count
        return np.concatenate(parts)

    def _encode_audio(self, samples: NDArray[np.float32] | None) -> None:
        stream, target = self._audio, self._audio_target
        if self._container is None or stream is None or target is None:
            raise OutputError("The output is already closed.")
        frame = None
        if samples is not None:
            planar = np.ascontiguousarray(samples.T, np.float32)
            frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=target.layout)
            frame.sample_rate = target.rate
            frame.pts, frame.time_base = self._samples, Fraction(1, target.rate)
            self._samples += len(samples)
        try:
            for packet in stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise output_error(self._file.path, error) from None
