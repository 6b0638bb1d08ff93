"""The packets of a source's video: where it can be cut without decoding, and the packets themselves, to be copied.

One pass over the file gives, for every packet in decoding order, which frame it holds. A cut before packet n is clean
if the first n packets hold just the first n frames: then nothing behind it is shown before it, and nothing before it is
shown later. A copied stretch may end at any clean cut, since what is encoded after it begins anew; it may begin only at
a clean cut where the packet is an IDR picture, since any other picture that a file calls a key frame (the recovery
point of an open group) may be followed by pictures that refer to what was before it.

Where the packets of a file cannot stand beside those of our encoder, `Uncopyable` says why in a sentence; then the
output is encoded as a whole, which is always possible.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Self

import av
from av.video.stream import VideoStream

from lipwright.errors import MediaError
from lipwright.media.encoder import CodedFrame, Likeness
from lipwright.media.frames import unpacking_of
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.h264 import PROFILES, ParameterSets, SequenceSet, is_set, packet_facts, sequence_set, units_of
from lipwright.media.info import MediaInfo, VideoInfo
from lipwright.media.nal import LENGTH, with_lengths
from lipwright.media.timing import packets_of, video_at


@dataclass(frozen=True, slots=True)
class Uncopyable:
    """The packets of a source cannot be kept: why, as a sentence."""

    reason: str


class _Refused(Exception):
    """Ends the look at a source; the text is the reason."""


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
    """

    path: str | os.PathLike[str]
    stream: int
    sets: ParameterSets
    frames: Sequence[int]
    bytes_before: Sequence[int]
    cuts: Sequence[int]
    cut_at: Sequence[int]
    starts: Sequence[int]
    delay: int
    in_band: bool

    @property
    def likeness(self) -> Likeness:
        """What an encoder has to keep to."""
        main = self.sets.main
        return Likeness(
            PROFILES[main.profile],
            main.level,
            self.sets.free_number(),
            min(self.delay, 2),
            self.in_band,
            self.sets.turn,
        )

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
                yield CodedFrame(_with_lengths(packet, packets.sets.length), frame, packet.is_keyframe)
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


def _with_lengths(packet: av.Packet[VideoStream], length: int) -> bytes:
    """The bytes of a packet as they stand in an MP4; the very same if they come from one.

    A transport stream repeats the parameter sets before its key frames; in an MP4 their place is the header.
    """
    data = bytes(packet)
    if length == LENGTH:
        return data
    return with_lengths(unit for unit in units_of(data, length) if length or not is_set(unit))


def source_packets(
    path: str | os.PathLike[str], info: MediaInfo, limits: Limits | None = None
) -> SourcePackets | Uncopyable:
    """Look through the video packets of a source: what can be copied, or why nothing can."""
    try:
        return _looked_through(path, info, limits or Limits())
    except _Refused as refused:
        return Uncopyable(str(refused))


def _looked_through(path: str | os.PathLike[str], info: MediaInfo, limits: Limits) -> SourcePackets:
    video = info.video
    if video is None or info.still:
        raise _Refused("A still image has no packets to keep.")
    _check_kind(video)
    frames, before = array("q"), array("q", [0])
    clean: list[tuple[int, bool]] = []
    in_band, lead = False, 0
    try:
        with open_media(path, AS_VIDEO, limits) as container:
            stream = video_at(container, video.index)
            sets = _sets_of(stream, video)
            known = {*sets.sequence, *sets.picture}
            for packet in packets_of(container, stream):
                if not packet.size:
                    continue
                frame = _frame_of(packet, video)
                facts = packet_facts(units_of(memoryview(packet), sets.length))
                if facts.orientation and not video.turn.identity:
                    raise _Refused("The video says in its pictures, not in its header, how they are turned.")
                if packet.has_sidedata("new_extradata") or not known.issuperset(facts.sets):
                    raise _Refused("The parameter sets of the video's H.264 stream change on the way.")
                if not frames and packet.dts is not None and packet.pts is not None:
                    lead = packet.pts - packet.dts
                in_band |= bool(facts.sets and sets.length)
                if facts.clean and packet.is_keyframe:
                    clean.append((len(frames), bool(facts.sets)))
                frames.append(frame)
                before.append(before[-1] + packet.size)
    except (MediaError, av.FFmpegError, OSError, ValueError):
        raise _Refused("The packets of the video cannot be read one by one.") from None
    cuts, cut_at = _cuts(frames, video.frames)
    place = dict(zip(cut_at, cuts, strict=True))
    # Whoever repeats sets that were in-band (FFmpeg does, on the way to a transport stream) repeats those met last. So
    # if there are any, every change from one encoder's packets to the other's has to have them.
    starts = array("q", (place[at] for at, has_sets in clean if at in place and (has_sets or not in_band)))
    meant = bisect_left(video.grid.pts, video.grid.pts[0] + lead * video.clock.scale)
    delay = max(_needed_delay(frames, video.frames), min(meant, video.frames - 1))
    return SourcePackets(path, video.index, sets, frames, before, cuts, cut_at, starts, delay, in_band)


def _check_kind(video: VideoInfo) -> None:
    """Refuse if the pictures could not be encoded so that both kinds of packets are one stream."""
    if video.codec != "h264":
        raise _Refused(f"The video is in {video.codec.upper()}, and the output is in H.264.")
    if video.by_order:
        raise _Refused("The video's timestamps are unusable.")
    coded = unpacking_of(video.pixel_format)
    if coded.convert is not None or coded.unpack.layout != video.layout.name or coded.note:
        raise _Refused(f"The output cannot hold the video's {video.pixel_format} pictures as they are.")
    if video.coded_width % video.layout.sub_x or video.coded_height % video.layout.sub_y:
        raise _Refused(f"The video's size, {video.coded_width}x{video.coded_height}, is odd.")


def _sets_of(stream: VideoStream, video: VideoInfo) -> ParameterSets:
    """The parameter sets of a stream that our encoder can be like."""
    try:
        sets = ParameterSets.of(stream.codec_context.extradata or b"")
        main = sets.main
        sets.free_number()
        mixed = any(_kind(sequence_set(unit)) != _kind(main) for unit in sets.sequence)
    except ValueError:
        raise _Refused("The parameter sets of the video's H.264 stream are missing or damaged.") from None
    if not main.progressive:
        raise _Refused("The video is interlaced.")
    if main.profile not in PROFILES or mixed:
        raise _Refused(f"The video's H.264 profile ({main.profile}) is not one that can be matched.")
    depth = (main.luma_depth, main.chroma_depth)
    if depth != (video.layout.depth, video.layout.depth):
        raise _Refused(f"The video's samples have {depth[0]} and {depth[1]} bits.")
    return replace(sets, turn=video.turn)


def _kind(sequence: SequenceSet) -> tuple[int, int, int, bool]:
    return sequence.profile, sequence.chroma, sequence.luma_depth, sequence.progressive


def _frame_of(packet: av.Packet[VideoStream], video: VideoInfo) -> int:
    """The frame that a packet holds; -1 or the number of frames if it lies before or after what is shown."""
    grid = video.grid.pts
    if packet.pts is None:
        raise _Refused("The video's packets do not tell when they are shown.")
    pts = video.clock.to_grid(packet.pts)
    frame = bisect_left(grid, pts)
    shown = frame < len(grid) and grid[frame] == pts
    if packet.is_discard or not shown:
        if grid[0] <= pts <= grid[-1]:
            raise _Refused("The video's edit list leaves out frames in the middle.")
        return -1 if pts < grid[0] else len(grid)
    return frame


def _cuts(frames: Sequence[int], count: int) -> tuple[array[int], array[int]]:
    """The frames before which there is a clean cut, and the positions of these cuts.

    A stretch that is copied must not hold a packet that is not shown, so there are no cuts among those.
    """
    shown = [frame for frame in frames if 0 <= frame < count]
    if len(shown) != count or len(set(shown)) != count:
        raise _Refused("The video's packets and its frames are not the same.")
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
