"""What has to be known of an H.264 stream before its packets are mixed with those of another encoder.

Sequence and picture parameter sets, read as far as is needed; x264 can be told which number to give to its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from lipwright.media.bits import BitReader, payload_of
from lipwright.media.nal import by_start_code, messages
from lipwright.media.stream_sets import PacketFacts, StreamSets

IDR, SEI, SPS, PPS = 5, 6, 7, 8
ORIENTATION = 47  # display orientation, annex D.1.27
_SLICES = frozenset({1, 2, 3, 4, 5})
_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MOST_SETS = 32  # sequence parameter sets are numbered 0..31

PROFILES = {66: "baseline", 77: "main", 88: "main", 100: "high", 110: "high10", 122: "high422", 244: "high444"}
"""What x264 calls the profile of that number (Extended, 88, is a superset of Main that nothing writes)."""

LEVELS = (9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62)
"""The levels there are (annex A.3; x264 writes level 1b as 9)."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """The fields of a sequence parameter set that matter here (ITU-T H.264, 7.3.2.1.1).

    Attributes:
        profile, level: profile_idc, level_idc (31 is level 3.1).
        constraints: the byte between them.
        number: by which picture parameter sets refer to it.
        chroma, luma_depth, chroma_depth: chroma_format_idc (1 is 4:2:0) and bits per sample.
        references: most reference frames.
        progressive: every picture is a whole frame.
    """

    profile: int
    constraints: int
    level: int
    number: int
    chroma: int
    luma_depth: int
    chroma_depth: int
    references: int
    progressive: bool


def sequence_set(unit: bytes) -> SequenceSet:
    """The sequence parameter set in NAL unit `unit`. Raises `ValueError` if it is damaged."""
    try:
        reader = BitReader(payload_of(unit, 1))
        profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
        number, chroma, depths = reader.unsigned(), 1, (8, 8)
        if profile in _WITH_CHROMA_FORMAT:
            chroma = reader.unsigned()
            if chroma == 3:
                reader.flag()
            depths = 8 + reader.unsigned(), 8 + reader.unsigned()
            reader.flag()
            if reader.flag():
                for place in range(8 if chroma != 3 else 12):
                    _skip_scaling_list(reader, 16 if place < 6 else 64)
        reader.unsigned()  # log2_max_frame_num
        order = reader.unsigned()
        if order == 0:
            reader.unsigned()
        elif order == 1:
            reader.flag()
            reader.signed()
            reader.signed()
            for _ in range(reader.unsigned()):
                reader.signed()
        references = reader.unsigned()
        reader.flag()
        reader.unsigned()
        reader.unsigned()
        progressive = reader.flag()
    except EOFError as error:
        raise ValueError(str(error)) from None
    return SequenceSet(profile, constraints, level, number, chroma, *depths, references, progressive)


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    """Read over a scaling list, if it is there (7.3.2.1.1.1)."""
    if not reader.flag():
        return
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.signed()) % 256
        last = following or last


def picture_set_numbers(unit: bytes) -> tuple[int, int]:
    """The number of the picture parameter set in `unit`, and that of the sequence parameter set it refers to."""
    try:
        reader = BitReader(payload_of(unit, 1))
        return reader.unsigned(), reader.unsigned()
    except EOFError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class ParameterSets(StreamSets):
    """The parameter sets of an H.264 stream."""

    codec: ClassVar[str] = "h264"
    tag: ClassVar[str] = "avc1"

    @classmethod
    def of(cls, extradata: bytes) -> ParameterSets:
        """Those of a stream's extradata, a configuration record or units with start codes.

        Raises:
            ValueError: it holds no complete sets.
        """
        if extradata[:1] == b"\x01":
            sequence, picture, length = *_of_record(extradata), (extradata[4] & 3) + 1
        else:
            units = list(by_start_code(extradata))
            sequence, picture = ([unit for unit in units if unit[0] & 31 == kind] for kind in (SPS, PPS))
            length = 0
        if not sequence or not picture:
            raise ValueError("The stream's parameter sets are missing")
        return cls(tuple(sequence), tuple(picture), length)

    @property
    def units(self) -> tuple[bytes, ...]:
        return self.sequence + self.picture

    @property
    def main(self) -> SequenceSet:
        """The first sequence parameter set."""
        return sequence_set(self.sequence[0])

    def free_number(self) -> int:
        """A number that no set here has. Raises `ValueError` if all are taken."""
        taken = {sequence_set(unit).number for unit in self.sequence}
        taken |= {number for unit in self.picture for number in picture_set_numbers(unit)}
        for number in range(_MOST_SETS):
            if number not in taken:
                return number
        raise ValueError("The stream uses every number of a parameter set")

    def __add__(self, other: StreamSets) -> ParameterSets:
        return replace(self, sequence=self.sequence + other.sequence, picture=self.picture + other.picture)

    def record(self) -> bytes:
        """The configuration record of a track (AVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 5.3.3.1).

        Its profile, constraints and depths are the first set's, its level the highest.
        """
        first = self.main
        level = max(sequence_set(unit).level for unit in self.sequence)
        out = bytes([1, first.profile, first.constraints, level, 0xFC | 3, 0xE0 | len(self.sequence)])
        out += b"".join(len(unit).to_bytes(2, "big") + unit for unit in self.sequence)
        out += bytes([len(self.picture)])
        out += b"".join(len(unit).to_bytes(2, "big") + unit for unit in self.picture)
        if first.profile in _WITH_CHROMA_FORMAT:
            out += bytes([0xFC | first.chroma, 0xF8 | (first.luma_depth - 8), 0xF8 | (first.chroma_depth - 8), 0])
        return out

    @staticmethod
    def is_set(unit: bytes | memoryview) -> bool:
        return unit[0] & 31 in (SPS, PPS)

    @staticmethod
    def facts(units: Iterable[bytes | memoryview]) -> PacketFacts:
        sets: list[bytes] = []
        orientation = False
        for unit in units:
            kind = unit[0] & 31
            if ParameterSets.is_set(unit):
                sets.append(bytes(unit))
            elif kind == SEI:
                orientation |= ORIENTATION in messages(bytes(unit), 1)
            elif kind in _SLICES:
                return PacketFacts(kind == IDR, tuple(sets), orientation)
        return PacketFacts(False, tuple(sets), orientation)


def _of_record(record: bytes) -> tuple[list[bytes], list[bytes]]:
    """The sequence and picture parameter sets of a configuration record."""
    found: list[list[bytes]] = []
    at = 5
    for mask in (31, 255):
        if at >= len(record):
            raise ValueError("The configuration record ends too early")
        count, at = record[at] & mask, at + 1
        units = []
        for _ in range(count):
            length = int.from_bytes(record[at : at + 2], "big")
            unit = record[at + 2 : at + 2 + length]
            if not length or len(unit) < length:
                raise ValueError("The configuration record is damaged")
            units.append(unit)
            at += 2 + length
        found.append(units)
    return found[0], found[1]
