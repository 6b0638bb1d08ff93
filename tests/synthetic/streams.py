"""Files whose streams are put together packet by packet: what a clip made by an encoder alone would never have.

Edit lists that begin inside a group, in-band parameter sets that change, damaged packets, other containers: `remuxed`
takes packets out of a clip (`make_clip`) and puts them elsewhere, `fragmented` and `shortened` alter what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import av.logging


@dataclass(frozen=True)
class Taken:
    """A packet of a video stream in H.264 or HEVC.

    Attributes:
        data, codec: its bytes, and what they are in.
        pts, dts: when it is shown and decoded, in seconds.
        key, discarded: what the container says: decoding may begin with it; it is not shown.
    """

    data: bytes
    pts: Fraction
    dts: Fraction
    key: bool
    discarded: bool
    codec: str

    @property
    def units(self) -> tuple[bytes, ...]:
        """The units in it, told apart by lengths of four bytes or else by start codes."""
        units, at = [], 0
        while at < len(self.data):
            end = at + 4 + int.from_bytes(self.data[at : at + 4], "big")
            units.append(self.data[at + 4 : end])
            at = end
        if at == len(self.data):
            return tuple(units)
        return tuple(unit.rstrip(b"\0") for unit in self.data.split(b"\0\0\1")[1:])

    @property
    def streamed(self) -> bool:
        """Whether start codes tell its units apart."""
        return self.data != b"".join(len(unit).to_bytes(4, "big") + unit for unit in self.units)

    @property
    def kinds(self) -> list[int]:
        """The kinds of its units."""
        return [unit[0] >> 1 & 63 if self.codec == "hevc" else unit[0] & 31 for unit in self.units]

    @property
    def idr(self) -> bool:
        """Whether nothing before it is needed from it on."""
        return bool(set(self.kinds) & ({19, 20} if self.codec == "hevc" else {5}))

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """Its units without parameter sets."""
        sets = (32, 33, 34) if self.codec == "hevc" else (7, 8)
        return tuple(unit for unit, kind in zip(self.units, self.kinds, strict=True) if kind not in sets)


def packets(path: Path) -> list[Taken]:
    """The video packets of a file in decoding order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base, codec = stream.time_base or Fraction(1), stream.codec_context.name
        return [
            Taken(bytes(p), (p.pts or 0) * base, (p.dts or 0) * base, p.is_keyframe, p.is_discard, codec)
            for p in container.demux(stream)
            if p.size
        ]


@dataclass(frozen=True)
class Decoded:
    """A decoded frame: when it is shown, in seconds; a digest of its samples."""

    time: Fraction
    digest: bytes


def decoded(path: Path, quiet: bool = True) -> list[Decoded]:
    """The frames of a file in the order a player shows them; `quiet`: FFmpeg has nothing to warn of."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture(local=False) as logged, av.open(str(path)) as container:
            stream = container.streams.video[0]
            base = stream.time_base or Fraction(1)
            frames = []
            for packet in container.demux(stream):
                try:
                    frames += [Decoded((frame.pts or 0) * base, digest(frame)) for frame in packet.decode()]
                except av.InvalidDataError:
                    assert not quiet
    finally:
        av.logging.set_level(before)
    if quiet:
        assert logged == []
    return frames


def digest(frame: av.VideoFrame) -> bytes:
    """A digest of the visible samples of a frame."""
    return sha256(frame.to_ndarray().tobytes() + frame.format.name.encode()).digest()


def sought(path: Path, times: Iterable[Fraction]) -> list[Decoded]:
    """What a player finds that is sent to each of these times."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(1)
        for time in times:
            container.seek(int(time / base), stream=stream)
            for frame in container.decode(stream):
                if (frame.pts or 0) * base >= time:
                    found.append(Decoded((frame.pts or 0) * base, digest(frame)))
                    break
    return found


def remuxed(
    source: Path,
    target: Path,
    *,
    skip: int = 0,
    later: Fraction = Fraction(0),
    spoilt: Iterable[int] = (),
    in_band: bool = False,
    **options: str,
) -> Path:
    """Put the streams of `source` into another file; the container is told by the suffix of `target`.

    Args:
        skip: how many video packets to leave out at the start.
        later: by how many seconds everything is later; what is before 0 in an MP4 is cut off by an edit list.
        spoilt: video packets whose content is overwritten, by their place in decoding order.
        in_band: put the parameter sets of an MP4 in front of every key frame.
        options: of the muxer, such as `movflags`.
    """
    spoilt = frozenset(spoilt)
    if later < 0:
        options["avoid_negative_ts"] = "disabled"
    with (
        av.open(str(source)) as container,
        av.open(str(target), "w", options=options) as out,
    ):
        written = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in container.streams}
        number = -1
        for packet in container.demux():
            if not packet.size or packet.pts is None or packet.dts is None:
                continue
            index, shift = packet.stream.index, int(later / packet.time_base)
            if packet.stream.type == "video":
                number += 1
                if number < skip:
                    continue
                if number in spoilt or (in_band and packet.is_keyframe):
                    sets = _sets(packet.stream.codec_context.extradata or b"") if in_band else b""
                    data = sets + bytes(packet)
                    put = av.Packet(_spoilt(data) if number in spoilt else data)
                    put.time_base, put.pts, put.dts = packet.time_base, packet.pts, packet.dts
                    put.duration, put.is_keyframe = packet.duration, packet.is_keyframe
                    packet = put
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, written[index]
            out.mux(packet)
    return target


def _sets(record: bytes) -> bytes:
    """The first two parameter sets of H.264's configuration record, as units of a packet."""
    sequence = record[8 : 8 + int.from_bytes(record[6:8], "big")]
    at = 8 + len(sequence) + 1
    picture = record[at + 2 : at + 2 + int.from_bytes(record[at : at + 2], "big")]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in (sequence, picture))


def _spoilt(data: bytes) -> bytes:
    """A packet whose units have kept their lengths and the first bytes of their headers."""
    spoilt, at = bytearray(data), 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        spoilt[at + 8 : end] = bytes(max(0, end - at - 8))
        at = end
    return bytes(spoilt)


def in_a_row(target: Path, *sources: Path) -> Path:
    """One transport stream of several MP4s, each with its own parameter sets, one shown after the other."""
    data, later = b"", Fraction(1)
    for number, source in enumerate(sources):
        part = remuxed(source, target.with_suffix(f".{number}.ts"), later=later)
        data += part.read_bytes()
        part.unlink()
        with av.open(str(source)) as container:
            later += Fraction(container.streams.video[0].duration or 0) * (container.streams.video[0].time_base or 1)
    target.write_bytes(data)
    return target


def shortened(path: Path, by: Fraction) -> Path:
    """Let the edit list of the video (the first track) of an MP4 end `by` seconds before the video does."""
    data = bytearray(path.read_bytes())
    scale = struct.unpack(">I", data[data.index(b"mvhd") + 16 :][:4])[0]
    at = data.index(b"elst")
    entries = struct.unpack(">I", data[at + 8 : at + 12])[0]
    where = at + 12 + 12 * (entries - 1)
    (lasts,) = struct.unpack(">I", data[where : where + 4])
    data[where : where + 4] = struct.pack(">I", lasts - int(by * scale))
    path.write_bytes(data)
    return path


def oriented(source: Path, target: Path, matrix: tuple[int, ...]) -> Path:
    """Copy an MP4 and write `matrix` into the header of its first track (the video)."""
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", *matrix)
    target.write_bytes(data)
    return target
