"""The output file: H.264 and AAC in MP4, with exact times, complete or absent.

Every frame carries its own timestamp and duration in a time base chosen so that all of them are whole numbers; nothing
is ever derived from a frame rate. No date is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lipwright.media.encoder import CodedFrame, VideoEncoder
from lipwright.media.encoding import AudioTarget, Quality, VideoTarget, encoding_of, scales_of, writing_notes
from lipwright.media.mp4 import Mp4File, SoundTrack
from lipwright.media.picture import Picture
from lipwright.media.track import FrameTimes, VideoTrack


class OutputWriter:
    """Writes one MP4; use as a context manager, and `close` to publish. Leaving without `close` leaves nothing.

    Pictures and sound may be added in any interleaving, each in order; keep them within a few seconds of each other so
    that memory stays constant.

    Attributes:
        notes: plain sentences about deliberate conversions, for the report.

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
        layout = encoding_of(video.layout, compatible=compatible, keep_chroma=keep_chroma).layout
        scales = scales_of(video.time_base, audio.rate if audio else None)
        self.notes = writing_notes(video, compatible=compatible, keep_chroma=keep_chroma)
        self._times = FrameTimes(scales)
        self._file = Mp4File(path, scales, comment)
        with self._file.guarded():
            self._encoder = VideoEncoder(video, layout, scales, quality)
        self._track = VideoTrack(self._file, video, layout, self._encoder.sets, self._times, self._encoder.delay)
        self._sound = SoundTrack(self._file, audio) if audio else None

    @property
    def rounded(self) -> int:
        """How many frame times so far were no whole number of ticks; 0 if the time base was well chosen."""
        return self._times.rounded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.abort()

    def add_picture(self, picture: Picture, time: Fraction, duration: Fraction) -> None:
        """Add the next frame, shown from `time` (seconds, rising) for `duration` seconds.

        Raises:
            ValueError: if `time` does not come after the frame before.
        """
        frame = len(self._times.pts)
        self._times.add(time, duration)
        self._write(self._encoder.add(picture, frame, time, duration))

    def add_audio(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples: (n, channels) float32, full scale +-1."""
        if self._sound is None:
            raise ValueError("This output has no sound")
        self._sound.add(samples)

    def close(self) -> None:
        """Finish the file and make it visible under its name."""
        if self._file.closed:
            return
        self._write(self._encoder.finish())
        if self._sound is not None:
            self._sound.finish()
        self._file.close()

    def abort(self) -> None:
        """Forget the file; nothing is left behind. Harmless after `close`."""
        self._file.abort()

    def _write(self, coded: Iterable[CodedFrame]) -> None:
        with self._file.guarded():
            for one in coded:
                self._track.add(one)
