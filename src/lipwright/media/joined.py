"""Encoded pieces of one output put one after the other into an MP4, packet by packet, without encoding again.

Every piece is an MP4 of its own that begins with an IDR picture and refers to nothing before it (`OutputWriter` makes
such files, with closed groups of pictures), so the packets of all of them in a row are one stream. When each frame is
shown is not taken from the pieces but given anew, by the frame's place; the pieces' own times only tell in which order
packets are shown and are checked against it. Decoding times follow from the sorted presentation times, as the encoder
itself makes them: packet number n is decoded when frame number n - delay is shown.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipwright.errors import MediaError, RenderError
from lipwright.media.encoding import AudioTarget, scales_of
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.mp4 import Mp4File, SoundTrack


@dataclass(frozen=True, slots=True)
class CodedPiece:
    """An encoded piece, looked through but not decoded.

    Attributes:
        shown: presentation times in ticks of the file, ascending.
        coded: the same in decoding order.
        lead: ticks by which the first packet is decoded before it is shown.
        time_base: seconds per tick.
        header: the parameter sets of the stream (SPS and PPS).
    """

    path: Path
    shown: Sequence[int]
    coded: Sequence[int]
    lead: int
    time_base: Fraction
    header: bytes

    @property
    def delay(self) -> int:
        """By how many frames decoding runs ahead of showing: as the encoder meant it, and at least as far as needed."""
        order = {pts: place for place, pts in enumerate(self.shown)}
        needed = max(number - order[pts] for number, pts in enumerate(self.coded))
        meant = bisect_left(self.shown, self.shown[0] + self.lead)
        return max(needed, min(meant, len(self.shown) - 1))


# Pieces are as long as whoever made them wanted; the sources were held to the limits.
_ANY = Limits(max_pixels=1 << 40, max_side=1 << 20, max_duration=Fraction(1 << 40), max_frames=1 << 40)


def look_through(path: Path) -> CodedPiece:
    """The times and parameter sets of an encoded piece.

    Raises:
        RenderError: it is no such file, or damaged.
    """
    coded: array[int] = array("q")
    lead = 0
    try:
        with open_media(path, AS_VIDEO, _ANY) as container:
            stream = container.streams.video[0]
            header, time_base = stream.codec_context.extradata or b"", stream.time_base or Fraction(1)
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                if packet.pts is None or packet.is_corrupt or not (coded or packet.is_keyframe):
                    raise RenderError(f"The piece {path.name!r} is damaged.")
                if not coded and packet.dts is not None:
                    lead = packet.pts - packet.dts
                coded.append(packet.pts)
    except (MediaError, av.FFmpegError, OSError, IndexError):
        raise RenderError(f"The piece {path.name!r} is missing or damaged.") from None
    shown = array("q", sorted(coded))
    if not coded or len(set(coded)) < len(coded):
        raise RenderError(f"The piece {path.name!r} is damaged.")
    return CodedPiece(path, shown, coded, lead, time_base, header)


@dataclass(slots=True)
class FrameTimes:
    """When each frame of the output is shown and for how long, in seconds, kept as ticks."""

    time_base: Fraction
    pts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))

    def add(self, time: Fraction, duration: Fraction) -> None:
        """Add the next frame."""
        pts, ticks = scales_of(self.time_base, None).ticks(time, duration)
        self.pts.append(pts)
        self.durations.append(ticks)


class JoinedWriter:
    """Writes one MP4 from coded pieces and sound; a context manager like `OutputWriter`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        pieces: Sequence[CodedPiece],
        times: FrameTimes,
        audio: AudioTarget | None = None,
        *,
        comment: str | None = None,
    ) -> None:
        """Open the output; `pieces` are in order and `times` are those of all their frames.

        Raises:
            RenderError: the pieces do not fit each other or the times.
        """
        _check(pieces, times)
        self._pieces = pieces
        self._times = times
        self._scales = scales_of(times.time_base, audio.rate if audio else None)
        self._delay = max(piece.delay for piece in pieces)
        self._coded = 0
        self._file = Mp4File(path, self._scales, comment)
        with self._file.guarded():
            self._video = self._add_video(pieces[0])
        self._sound = SoundTrack(self._file, audio) if audio else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.abort()

    def packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Every packet in decoding order, ready for `add_packet`."""
        first = 0
        for piece in self._pieces:
            with open_media(piece.path, AS_VIDEO, _ANY) as container:
                for packet in container.demux(container.streams.video[0]):
                    if packet.size and packet.pts is not None:
                        yield self._placed(packet, first + bisect_left(piece.shown, packet.pts))
            first += len(piece.shown)

    def add_packet(self, packet: av.Packet[VideoStream]) -> None:
        """Add the next of `packets`."""
        with self._file.guarded():
            self._file.container.mux(packet)

    def add_audio(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples, as for `OutputWriter.add_audio`."""
        if self._sound is None:
            raise ValueError("This output has no sound")
        self._sound.add(samples)

    def close(self) -> None:
        """Finish the file and make it visible under its name."""
        if self._file.closed:
            return
        if self._sound is not None:
            self._sound.finish()
        self._file.close()

    def _placed(self, packet: av.Packet[VideoStream], frame: int) -> av.Packet[VideoStream]:
        """The next packet in decoding order, which holds output frame `frame`, with the times of the output."""
        packet.stream = self._video
        packet.time_base = Fraction(1, self._scales.video)
        packet.pts, packet.duration = self._times.pts[frame], self._times.durations[frame]
        packet.dts = self._decoded_at(self._coded)
        self._coded += 1
        return packet

    def _decoded_at(self, number: int) -> int:
        """The decoding time of packet `number`; those before the first frame is shown come at the frames' own pace."""
        pts, delay = self._times.pts, self._delay
        if number >= delay:
            return pts[number - delay]
        return pts[number] - (pts[delay] - pts[0])

    def _add_video(self, piece: CodedPiece) -> VideoStream:
        with open_media(piece.path, AS_VIDEO, _ANY) as container:
            stream = self._file.container.add_stream_from_template(container.streams.video[0], opaque=True)
        stream.time_base = Fraction(1, self._scales.video)
        return stream


def _check(pieces: Sequence[CodedPiece], times: FrameTimes) -> None:
    """Raise `RenderError` if the pieces cannot be one stream with these times."""
    at = 0
    for piece in pieces:
        if piece.header != pieces[0].header:
            raise RenderError(
                f"The pieces {pieces[0].path.name!r} and {piece.path.name!r} cannot be joined: they were encoded with "
                "different settings (their H.264 parameter sets differ)."
            )
        expected = times.pts[at : at + len(piece.shown)]
        per_tick = piece.time_base * scales_of(times.time_base, None).video
        first = piece.shown[0]
        # Within a tick: in a time base that is not exact, the piece's times were rounded from another start.
        if len(expected) != len(piece.shown) or any(
            abs((own - first) * per_tick - (wanted - expected[0])) > 1
            for own, wanted in zip(piece.shown, expected, strict=True)
        ):
            raise RenderError(f"The piece {piece.path.name!r} does not hold the frames that belong there.")
        at += len(piece.shown)
    if at != len(times.pts):
        raise RenderError(f"The pieces hold {at} frames, but the output has {len(times.pts)}.")
