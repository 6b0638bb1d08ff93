"""Encoded pieces of an output: MP4 files whose packets are taken out again, to be put into the output as they are.

A piece holds whole runs of the encoder. When each frame is shown is not taken from the piece but given anew by the
output; the piece's own times only tell in which order its packets are shown, and are checked against it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from lipwright.errors import MediaError, RenderError
from lipwright.media.encoder import CodedFrame
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.stream_sets import StreamSets
from lipwright.media.track import FrameTimes

# Pieces are as long as whoever made them wanted; the sources were held to the limits.
_ANY = Limits(max_pixels=1 << 40, max_side=1 << 20, max_duration=Fraction(1 << 40), max_frames=1 << 40)


@dataclass(frozen=True, slots=True)
class CodedPiece:
    """An encoded piece, looked through but not decoded.

    Attributes:
        shown: presentation times in ticks of the file, ascending.
        time_base: seconds per tick.
        record: the configuration record of the track: its parameter sets.
    """

    path: Path
    shown: Sequence[int]
    time_base: Fraction
    record: bytes

    def check(self, sets: StreamSets, times: FrameTimes, frames: Sequence[int]) -> None:
        """Raise `RenderError` unless this piece holds output frames `frames`, encoded with `sets`."""
        if self.record != sets.record():
            raise RenderError(
                f"The piece {self.path.name!r} cannot be joined: it was encoded with different settings (its "
                "parameter sets differ)."
            )
        per_tick = self.time_base * times.scales.video
        # Within a tick: in a time base that is not exact, the piece's times were rounded from another start.
        if len(frames) != len(self.shown) or any(
            abs((own - self.shown[0]) * per_tick - (times.pts[frame] - times.pts[frames[0]])) > 1
            for own, frame in zip(self.shown, frames, strict=True)
        ):
            raise RenderError(f"The piece {self.path.name!r} does not hold the frames that belong there.")

    def packets(self, frames: Sequence[int]) -> Iterator[CodedFrame]:
        """Its packets in decoding order, as those of output frames `frames`."""
        with open_media(self.path, AS_VIDEO, _ANY) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.size and packet.pts is not None:
                    yield CodedFrame(bytes(packet), frames[bisect_left(self.shown, packet.pts)], packet.is_keyframe)


def look_through(path: Path) -> CodedPiece:
    """The times and parameter sets of an encoded piece.

    Raises:
        RenderError: it is no such file, or damaged.
    """
    shown: array[int] = array("q")
    try:
        with open_media(path, AS_VIDEO, _ANY) as container:
            stream = container.streams.video[0]
            record, time_base = stream.codec_context.extradata or b"", stream.time_base or Fraction(1)
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                if packet.pts is None or packet.is_corrupt or not (shown or packet.is_keyframe):
                    raise RenderError(f"The piece {path.name!r} is damaged.")
                shown.append(packet.pts)
    except (MediaError, av.FFmpegError, OSError, IndexError):
        raise RenderError(f"The piece {path.name!r} is missing or damaged.") from None
    shown = array("q", sorted(shown))
    if not shown or len(set(shown)) < len(shown):
        raise RenderError(f"The piece {path.name!r} is damaged.")
    return CodedPiece(path, shown, time_base, record)
