"""When each frame of a video is shown, read off its packets.

FFmpeg's demuxers have applied edit lists (packets outside the edit are marked to be discarded), and sorting the
presentation times undoes B-frame reordering. That costs one pass over the file and no decoding, and is exact for codecs
in which every packet is one shown frame. Where packets and frames do not correspond (hidden frames, missing timestamps,
pictures made of two field packets) the first decoded frames disagree with the packets, and the grid is taken from a
decoding pass instead.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median_low

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from lipwright.errors import MediaError
from lipwright.media.guard import Limits, Purpose, open_media

# Codecs in which a packet may be a hidden frame or none at all: their grid is always counted by decoding.
_UNEVEN = frozenset({"vp8", "mpeg4", "msmpeg4v2", "msmpeg4v3", "h263", "theora"})


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is opened anew for every pass over it: seeking back to the very start is not reliable everywhere."""

    path: str | os.PathLike[str]
    purpose: Purpose
    limits: Limits

    @property
    def name(self) -> str:
        return Path(self.path).name

    def open(self) -> AbstractContextManager[InputContainer]:
        return open_media(self.path, self.purpose, self.limits)


def video_at(container: InputContainer, index: int) -> VideoStream:
    """The video stream with container index `index` (PyAV leaves out kinds of stream it does not know)."""
    return next(stream for stream in container.streams.video if stream.index == index)


def audio_at(container: InputContainer, index: int) -> AudioStream:
    """The audio stream with container index `index`."""
    return next(stream for stream in container.streams.audio if stream.index == index)


@dataclass(slots=True)
class Timing:
    """Raw timestamps of the shown frames, ascending; which are key frames; and when the last one ends."""

    pts: Sequence[int]
    keys: tuple[int, ...]
    end: int
    by_order: bool = False


def timing_of(source: Source, stream: VideoStream, decoded: list[int | None]) -> Timing:
    """The timing of a stream whose first decoded frames have the timestamps `decoded`."""
    if stream.codec_context.name not in _UNEVEN and None not in decoded:
        timing = _timing_of_packets(source, stream.index)
        if timing is not None and (trusted := _confirmed(timing, decoded)) is not None:
            return trusted
    return _timing_of_frames(source, stream.index)


def _confirmed(timing: Timing, decoded: Sequence[int | None]) -> Timing | None:
    """The packets' timing if the first decoded frames bear it out, else None.

    A few frames missing are damage, and keep their place on the grid; every second one missing means that a packet is
    only half a frame (fields). Packets before the first frame that decodes, as in a file cut in mid-group, are shown by
    no player and are dropped.
    """
    lead = bisect_left(timing.pts, decoded[0] or 0)
    pts = timing.pts[lead:]
    span = pts[: bisect_right(pts, decoded[-1] or 0)]
    if not set(decoded) <= set(span) or (len(span) - len(decoded)) * 3 > len(span):
        return None
    return Timing(pts, tuple(key - lead for key in timing.keys if key >= lead), timing.end)


def _timing_of_packets(source: Source, index: int) -> Timing | None:
    """Timing from the packets alone, or None if they do not tell."""
    shown: list[tuple[int, int, bool]] = []
    count = 0
    with source.open() as container:
        stream = video_at(container, index)
        for packet in packets_of(container, stream):
            count += packet.size > 0
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    return None
                shown.append((packet.pts, packet.duration or 0, packet.is_keyframe))
                _check_count(len(shown), source)
        # Of a frame an MP4 tells when the next one is decoded, which says nothing of how long the last one is shown if
        # another is decoded after it. But it tells how long the whole track is.
        whole = "mp4" in container.format.name and stream.frames == count
        told = (stream.start_time or 0) + (stream.duration or 0) if whole else None
    last = shown[-1] if shown else None
    shown.sort()
    if not shown or any(a[0] == b[0] for a, b in pairwise(shown)):
        return None
    pts = array("q", (entry[0] for entry in shown))
    end = told if told is not None and told > pts[-1] and shown[-1] != last else _end(pts, shown[-1][1])
    return Timing(pts, tuple(i for i, entry in enumerate(shown) if entry[2]), end)


def _timing_of_frames(source: Source, index: int) -> Timing:
    """Timing by decoding everything once."""
    pts: array[int] = array("q")
    keys: list[int] = []
    count = last_duration = 0
    usable = True
    with source.open() as container:
        stream = video_at(container, index)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        step = 1 / (rate * (stream.time_base or Fraction(1, 90000)))
        for frame in decoded_frames(container, stream):
            if frame.key_frame:
                keys.append(count)
            if frame.pts is None or (pts and frame.pts <= pts[-1]):
                usable = False
            else:
                pts.append(frame.pts)
                last_duration = frame.duration or 0
            count += 1
            _check_count(count, source)
    if usable and pts:
        return Timing(pts, tuple(keys), _end(pts, last_duration))
    nominal = array("q", (round(i * step) for i in range(count + 1)))
    return Timing(nominal[:-1], (0,), nominal[-1], by_order=True)


def _end(pts: Sequence[int], last_duration: int) -> int:
    if last_duration > 0:
        return pts[-1] + last_duration
    deltas = [b - a for a, b in pairwise(pts)]
    return pts[-1] + (median_low(deltas) if deltas else 1)


def _check_count(count: int, source: Source) -> None:
    if count > source.limits.max_frames:
        most = source.limits.max_frames
        raise MediaError(f"{source.name!r} has more than {most} frames, which is the most that is allowed.")


def packets_of(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[av.Packet]:  # type: ignore[type-arg]
    """The stream's packets up to the end or the first unreadable place."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return


def decoded_frames(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame from where the container stands that decodes; packets that do not decode are skipped."""
    if not stream.codec_context.is_open:
        stream.thread_type = "AUTO"
    for packet in packets_of(container, stream):
        try:
            yield from stream.decode(packet if packet.size else None)
        except av.EOFError:
            return
        except (av.FFmpegError, OSError):
            continue
