"""The packets of a source's video: where it can be cut without decoding, and the packets themselves, to be copied.

One pass over the file gives, for every packet in decoding order, which frame it holds. A cut before packet n is clean
if the first n packets hold just the first n frames: then nothing behind it is shown before it, and nothing before it is
shown later. A copied stretch may end at any clean cut, since what is encoded after it begins anew; it may begin only at
a clean cut where the packet is an IDR picture (or HEVC's BLA), since any other picture that a file calls a key frame
(the recovery point of an open group, HEVC's CRA) may be followed by pictures that refer to what was before it, and
counts on from it.

Where the packets of a file cannot stand beside those of our encoder, `Uncopyable` says why in a sentence; then the
output is encoded as a whole, which is always possible.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import av
from av.video.stream import VideoStream

from lipwright.errors import MediaError
from lipwright.media.encoder import CodedFrame
from lipwright.media.encoders import Likeness
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.hevc import light_of
from lipwright.media.info import MediaInfo, VideoInfo
from lipwright.media.likeness import NAMES, Refused, check_kind, likeness, sets_of
from lipwright.media.nal import LENGTH, units_of, with_lengths
from lipwright.media.stream_sets import StreamSets
from lipwright.media.timing import packets_of, video_at


@dataclass(frozen=True, slots=True)
class Uncopyable:
    """The packets of a source cannot be kept: why, as a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class SourcePackets:
    """The video packets of a source, looked through; positions count packets in decoding order.

    Attributes:
        path: of the source.
        stream: index of the stream in the container.
        sets: the parameter sets of all packets.
        frames: by position, the frame that the packet holds, by its place on the source's grid; -1 or the number of
            frames for packets that are not shown because the edit list begins behind or ends before them.
        bytes_before: by position, how many bytes the packets before it have; one entry more than there are packets.
        cuts: ascending frames before which there is a clean cut; the end of the video may be one.
        cut_at: their positions.
        starts: those frames of `cuts` with which a copied stretch may begin.
        delay: by how many frames decoding runs ahead of showing.
        in_band: packets that are copied as they are hold parameter sets, too.
        light: units on light and colour that stand before its key frames (HEVC).
    """

    path: str | os.PathLike[str]
    stream: int
    sets: StreamSets
    frames: Sequence[int]
    bytes_before: Sequence[int]
    cuts: Sequence[int]
    cut_at: Sequence[int]
    starts: Sequence[int]
    delay: int
    in_band: bool
    light: tuple[bytes, ...] = ()

    @property
    def likeness(self) -> Likeness:
        """What an encoder has to keep to."""
        return likeness(self.sets, self.delay, in_band=self.in_band, light=self.light)

    def within(self, first: int, stop: int) -> tuple[int, int] | None:
        """The largest stretch inside frames first..stop-1 whose packets can be copied; None if there is none."""
        begin, end = bisect_left(self.starts, first), bisect_right(self.cuts, stop) - 1
        if begin == len(self.starts) or end < 0 or self.cuts[end] <= self.starts[begin]:
            return None
        return self.starts[begin], self.cuts[end]

    @property
    def largest_start(self) -> int:
        """How many bytes the largest packet has with which a copied stretch may begin."""
        before = self.bytes_before
        return max((before[at + 1] - before[at] for at in map(self.position, self.starts)), default=0)

    def position(self, frame: int) -> int:
        """The position of the last clean cut at or before `frame`."""
        return self.cut_at[max(0, bisect_right(self.cuts, frame) - 1)]

    def size(self, first: int, stop: int) -> int:
        """How many bytes the packets about frames first..stop-1 have."""
        end = min(bisect_left(self.cuts, stop), len(self.cuts) - 1)
        return self.bytes_before[self.cut_at[end]] - self.bytes_before[self.position(first)]


class PacketCopier:
    """Reads stretches of packets; in ascending order they cost one pass over the file. A context manager."""

    def __init__(self, packets: SourcePackets, limits: Limits | None = None) -> None:
        self._packets = packets
        self._limits = limits or Limits()
        self._stack = ExitStack()
        self._reading: Iterator[av.Packet[VideoStream]] = iter(())
        self._at = 0
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def stretch(self, first: int, stop: int) -> Iterator[CodedFrame]:
        """The packets of source frames first..stop-1, a stretch that `SourcePackets.within` gave, in decoding order.

        Raises:
            MediaError: the file is not the one that was looked through.
        """
        packets = self._packets
        begin, end = packets.position(first), packets.position(stop)
        if not self._open or begin < self._at:
            self._restart()
        for packet in self._reading:
            at, self._at = self._at, self._at + 1
            if at >= begin:
                frame = packets.frames[at]
                if packet.size != packets.bytes_before[at + 1] - packets.bytes_before[at]:
                    break
                yield CodedFrame(_with_lengths(packet, packets.sets), frame, packet.is_keyframe)
            if at + 1 == end:
                return
        raise MediaError("The video has changed while it was being worked on.")

    def _restart(self) -> None:
        self._close()
        container = self._stack.enter_context(open_media(self._packets.path, AS_VIDEO, self._limits))
        stream = video_at(container, self._packets.stream)
        self._reading = (packet for packet in packets_of(container, stream) if packet.size)
        self._at, self._open = 0, True

    def _close(self) -> None:
        self._reading, self._open = iter(()), False
        self._stack.close()


def _with_lengths(packet: av.Packet[VideoStream], sets: StreamSets) -> bytes:
    """The bytes of a packet as they stand in an MP4; the very same if they come from one.

    A transport stream repeats the parameter sets before its key frames; in an MP4 their place is the header.
    """
    data = bytes(packet)
    if sets.length == LENGTH:
        return data
    return with_lengths(unit for unit in units_of(data, sets.length) if sets.length or not sets.is_set(unit))


def source_packets(
    path: str | os.PathLike[str], info: MediaInfo, limits: Limits | None = None
) -> SourcePackets | Uncopyable:
    """Look through the video packets of a source: what can be copied, or why nothing can."""
    try:
        return _looked_through(path, info, limits or Limits())
    except Refused as refused:
        return Uncopyable(str(refused))


def _looked_through(path: str | os.PathLike[str], info: MediaInfo, limits: Limits) -> SourcePackets:
    video = info.video
    if video is None or info.still:
        raise Refused("A still image has no packets to keep.")
    check_kind(video)
    frames, before = array("q"), array("q", [0])
    clean: list[tuple[int, bool]] = []
    in_band, lead = False, 0
    light: tuple[bytes, ...] = ()
    try:
        with open_media(path, AS_VIDEO, limits) as container:
            stream = video_at(container, video.index)
            sets = sets_of(stream.codec_context.extradata or b"", video)
            known = set(sets.units)
            for packet in packets_of(container, stream):
                if not packet.size:
                    continue
                frame = _frame_of(packet, video)
                facts = sets.facts(units_of(memoryview(packet), sets.length))
                if facts.layered:
                    raise Refused("The video's HEVC stream has several layers.")
                if facts.orientation and not video.turn.identity:
                    raise Refused("The video says in its pictures, not in its header, how they are turned.")
                if packet.has_sidedata("new_extradata") or not known.issuperset(facts.sets):
                    raise Refused(f"The parameter sets of the video's {NAMES[video.codec]} stream change on the way.")
                if not frames and packet.dts is not None and packet.pts is not None:
                    lead = packet.pts - packet.dts
                in_band |= bool(facts.sets and sets.length)
                if not frames and video.codec == "hevc":
                    light = light_of(units_of(memoryview(packet), sets.length))
                if facts.clean and packet.is_keyframe:
                    clean.append((len(frames), bool(facts.sets)))
                frames.append(frame)
                before.append(before[-1] + packet.size)
    except (MediaError, av.FFmpegError, OSError, ValueError):
        raise Refused("The packets of the video cannot be read one by one.") from None
    cuts, cut_at = _cuts(frames, video.frames)
    place = dict(zip(cut_at, cuts, strict=True))
    # Whoever repeats sets that were in-band (FFmpeg does, on the way to a transport stream) repeats those met last. So
    # if there are any, every change from one encoder's packets to the other's has to have them.
    starts = array("q", (place[at] for at, has_sets in clean if at in place and (has_sets or not in_band)))
    meant = bisect_left(video.grid.pts, video.grid.pts[0] + lead * video.clock.scale)
    delay = max(_needed_delay(frames, video.frames), min(meant, video.frames - 1))
    return SourcePackets(path, video.index, sets, frames, before, cuts, cut_at, starts, delay, in_band, light)


def _frame_of(packet: av.Packet[VideoStream], video: VideoInfo) -> int:
    """The frame that a packet holds; -1 or the number of frames if it lies before or after what is shown."""
    grid = video.grid.pts
    if packet.pts is None:
        raise Refused("The video's packets do not tell when they are shown.")
    pts = video.clock.to_grid(packet.pts)
    frame = bisect_left(grid, pts)
    shown = frame < len(grid) and grid[frame] == pts
    if packet.is_discard or not shown:
        if grid[0] <= pts <= grid[-1]:
            raise Refused("The video's edit list leaves out frames in the middle.")
        return -1 if pts < grid[0] else len(grid)
    return frame


def _cuts(frames: Sequence[int], count: int) -> tuple[array[int], array[int]]:
    """The frames before which there is a clean cut, and the positions of these cuts.

    A stretch that is copied must not hold a packet that is not shown, so there are no cuts among those.
    """
    shown = [frame for frame in frames if 0 <= frame < count]
    if len(shown) != count or len(set(shown)) != count:
        raise Refused("The video's packets and its frames are not the same.")
    after = max((place for place, frame in enumerate(frames) if frame < 0), default=-1)
    until = min((place for place, frame in enumerate(frames) if frame >= count), default=len(frames))
    cuts, cut_at = array("q"), array("q")
    highest, number = -1, 0
    for place, frame in enumerate((*frames, count)):
        if highest + 1 == number and after < place <= until:
            cuts.append(number)
            cut_at.append(place)
        if 0 <= frame < count:
            highest, number = max(highest, frame), number + 1
    return cuts, cut_at


def _needed_delay(frames: Sequence[int], count: int) -> int:
    shown = (frame for frame in frames if 0 <= frame < count)
    return max((number - frame for number, frame in enumerate(shown)), default=0)
