"""An MP4 file in the making: complete or absent, header in front, exact times; and a sound track for it.

The header is moved to the front of the file when it is finished (faststart), no date is written, and the movie header
ticks finely enough that edit lists (the start of the pictures, the priming of the sound) are exact.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from lipwright.errors import OutputError
from lipwright.media.atomic import PendingFile, output_error
from lipwright.media.encoding import AAC_OPTIONS, AudioTarget, Scales, bit_rate

_AAC_FRAME = 1024


class Mp4File:
    """The file; nothing is left of it unless `close` is reached.

    Raises:
        OutputError: from any method, if the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], scales: Scales, comment: str | None = None) -> None:
        """Open a file that will appear at `path`, with `comment` as its comment tag."""
        self._file = PendingFile(path)
        self._container: OutputContainer | None = None
        with self.guarded():
            options = {"movflags": "+faststart", "movie_timescale": str(scales.movie)}
            self._container = av.open(self._file.writable, "w", format="mp4", options=options)
            if comment:
                self._container.metadata["comment"] = comment

    @property
    def container(self) -> OutputContainer:
        """What streams are added to and packets muxed into."""
        if self._container is None:
            raise OutputError("The output is already closed.")
        return self._container

    @property
    def closed(self) -> bool:
        """Whether the file is finished or forgotten."""
        return self._container is None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Forgets the file if the block fails; what FFmpeg or the system could not do becomes an `OutputError`."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            self.abort()
            raise output_error(self._file.path, error) from None
        except BaseException:
            self.abort()
            raise

    def close(self) -> None:
        """Finish the file and make it visible under its name; harmless if it is closed already."""
        if self._container is None:
            return
        with self.guarded():
            self._container.close()
        self._container = None
        self._file.commit()

    def abort(self) -> None:
        """Forget the file; nothing is left behind. Harmless after `close`."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.FFmpegError, OSError, ValueError):  # the bytes are thrown away in any case
                container.close()
        self._file.discard()


class SoundTrack:
    """AAC in an `Mp4File`; add it after the pictures' stream."""

    def __init__(self, file: Mp4File, target: AudioTarget) -> None:
        self._file = file
        self._target = target
        self._tick = Fraction(1, target.rate)
        self._samples = 0
        self._pending: deque[NDArray[np.float32]] = deque()
        self._pending_count = 0
        with file.guarded():
            self._stream = file.container.add_stream(
                "aac", rate=target.rate, layout=target.layout, format="fltp", options=dict(AAC_OPTIONS)
            )
            self._stream.codec_context.bit_rate = bit_rate(target)

    def add(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples: (n, channels) float32, full scale +-1."""
        if samples.ndim != 2 or samples.shape[1] != self._target.channels:
            raise ValueError(f"Samples are {samples.shape}, not (n, {self._target.channels})")
        if len(samples):
            self._pending.append(samples)
            self._pending_count += len(samples)
        while self._pending_count >= _AAC_FRAME:
            self._encode(self._take(_AAC_FRAME))

    def put(self, payload: bytes, pts: int, duration: int) -> None:
        """Add a packet that is AAC already, as it is; times in samples. Use either this or `add` and `finish`."""
        packet = av.Packet(payload)
        packet.stream = self._stream
        packet.time_base = self._tick
        packet.pts = packet.dts = pts
        packet.duration, packet.is_keyframe = duration, True
        with self._file.guarded():
            self._file.container.mux(packet)

    def finish(self) -> None:
        """Encode what is left."""
        if self._pending_count:
            self._encode(self._take(self._pending_count))
        self._encode(None)

    def _take(self, count: int) -> NDArray[np.float32]:
        """The next `count` pending samples."""
        parts, missing = [], count
        while missing:
            block = self._pending.popleft()
            if len(block) > missing:
                self._pending.appendleft(block[missing:])
                block = block[:missing]
            parts.append(block)
            missing -= len(block)
        self._pending_count -= count
        return np.concatenate(parts)

    def _encode(self, samples: NDArray[np.float32] | None) -> None:
        container = self._file.container
        frame = None
        if samples is not None:
            planar = np.ascontiguousarray(samples.T, np.float32)
            frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=self._target.layout)
            frame.sample_rate = self._target.rate
            frame.pts, frame.time_base = self._samples, self._tick
            self._samples += len(samples)
        with self._file.guarded():
            for packet in self._stream.encode(frame):
                container.mux(packet)
