"""What has to be known of an HEVC stream before its packets are mixed with those of another encoder; and new numbers.

x265 numbers its parameter sets 0, as nearly every encoder does, and cannot be told otherwise, so its packets are given
other numbers here. In the sets that is simple. In a slice the number of the picture set stands in the middle of a
header that ends on a whole byte: a longer number would move that end. But a number in 15..30 takes nine bits where 0
takes one (Exp-Golomb, ITU-T H.265 section 9.2): just one byte more, so everything behind it keeps its place within its
byte, and nothing else of the slice has to be understood. What remains is to put the emulation prevention bytes where
they now belong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from lipwright.media.bits import BitReader, payload_of
from lipwright.media.nal import by_start_code, messages
from lipwright.media.stream_sets import PacketFacts, StreamSets

VPS, SPS, PPS, SEI = 32, 33, 34, 39
_HEADER = 2  # bytes of the header of a NAL unit
_LAST_SLICE = 21
_IDR, _BLA = (19, 20), (16, 17, 18)
_IRAP = range(16, 24)
_ORIENTATION = 47
# Mastering display, content light level, preferred transfer characteristics (H.265, D.2.28, D.2.35, D.2.38): what
# pictures of a high dynamic range look like, the same from the first to the last.
_LIGHT = frozenset({137, 144, 147})
_SHIFTED = range(15, 31)

PROFILES = {1: "main", 2: "main10"}
"""What x265 calls the profile of that number."""


@dataclass(frozen=True, slots=True)
class HevcSequence:
    """The fields of a sequence parameter set that matter here (ITU-T H.265, 7.3.2.2 and 7.3.3).

    Attributes:
        general: the 12 bytes on profile, tier, compatibility, constraints and level, as in a configuration record.
        layers: temporal ones.
        nested: sps_temporal_id_nesting_flag.
        video, number: of the video parameter set it refers to, and its own.
        chroma, luma_depth, chroma_depth: chroma_format_idc (1 is 4:2:0) and bits per sample.
    """

    general: bytes
    layers: int
    nested: bool
    video: int
    number: int
    chroma: int
    luma_depth: int
    chroma_depth: int

    @property
    def profile(self) -> int:
        return self.general[0] & 31

    @property
    def level(self) -> int:
        return self.general[11]

    @property
    def interlaced(self) -> bool:
        """The pictures are said to come from fields."""
        return self.general[5] & 0xC0 == 0x40


def kind_of(unit: bytes | memoryview) -> int:
    """The type of a NAL unit."""
    return unit[0] >> 1 & 63


def sequence_set(unit: bytes) -> HevcSequence:
    """The sequence parameter set in NAL unit `unit`. Raises `ValueError` if it is damaged."""
    payload = payload_of(unit, _HEADER)
    try:
        reader = BitReader(payload)
        video, layers, nested = reader.bits(4), reader.bits(3) + 1, reader.flag()
        reader.bits(96)
        _skip_sub_layers(reader, layers)
        number, chroma = reader.unsigned(), reader.unsigned()
        if chroma == 3:
            reader.flag()
        reader.unsigned()
        reader.unsigned()
        if reader.flag():
            for _ in range(4):
                reader.unsigned()
        depths = 8 + reader.unsigned(), 8 + reader.unsigned()
    except EOFError as error:
        raise ValueError(str(error)) from None
    return HevcSequence(payload[1:13], layers, nested, video, number, chroma, *depths)


def _skip_sub_layers(reader: BitReader, layers: int) -> None:
    """Read over what profile_tier_level says on temporal layers below the highest (7.3.3)."""
    there = [(reader.flag(), reader.flag()) for _ in range(layers - 1)]
    if there:
        reader.bits(2 * (9 - layers))
    for profile, level in there:
        reader.bits(88 * profile + 8 * level)


@dataclass(frozen=True, slots=True)
class HevcNumbers:
    """Numbers of parameter sets: of the video, sequence and picture sets of one encoder."""

    video: int
    sequence: int
    picture: int


@dataclass(frozen=True, slots=True)
class HevcSets(StreamSets):
    """The parameter sets of an HEVC stream.

    Attributes:
        video: video parameter sets, NAL units as the others.
        light: units with messages on light and colour that hold for the whole stream.
    """

    video: tuple[bytes, ...] = ()
    light: tuple[bytes, ...] = ()

    codec: ClassVar[str] = "hevc"
    tag: ClassVar[str] = "hvc1"

    @classmethod
    def of(cls, extradata: bytes) -> HevcSets:
        """Those of a stream's extradata, a configuration record or units with start codes.

        Raises:
            ValueError: it holds no complete sets.
        """
        if extradata[:1] == b"\x01":
            units, length = _of_record(extradata), (extradata[21] & 3) + 1
        else:
            units, length = list(by_start_code(extradata)), 0
        video, sequence, picture = (tuple(u for u in units if kind_of(u) == kind) for kind in (VPS, SPS, PPS))
        if not video or not sequence or not picture:
            raise ValueError("The stream's parameter sets are missing")
        return cls(sequence, picture, length, video=video, light=tuple(u for u in units if _is_light(u)))

    @property
    def main(self) -> HevcSequence:
        """The first sequence parameter set."""
        return sequence_set(self.sequence[0])

    @property
    def units(self) -> tuple[bytes, ...]:
        return self.video + self.sequence + self.picture

    def free_numbers(self) -> HevcNumbers:
        """Numbers that no set here has. Raises `ValueError` if all are taken."""
        known = [sequence_set(unit) for unit in self.sequence]
        video = {sequence.video for sequence in known} | {unit[_HEADER] >> 4 for unit in self.video}
        sequences = {sequence.number for sequence in known}
        pictures = set()
        for unit in self.picture:
            own, its = _picture_numbers(unit)
            pictures.add(own)
            sequences.add(its)
        try:
            return HevcNumbers(
                next(number for number in range(16) if number not in video),
                next(number for number in range(16) if number not in sequences),
                next(number for number in _SHIFTED if number not in pictures),
            )
        except StopIteration:
            raise ValueError("The stream uses every number of a parameter set") from None

    def renumbered(self, numbers: HevcNumbers, level: int) -> HevcSets:
        """The sets of one encoder, which has one of each, under other numbers and of level `level`."""
        (video,), (sequence,), (picture,) = self.video, self.sequence, self.picture
        return replace(
            self,
            video=(_video_renumbered(video, numbers, level),),
            sequence=(_sequence_renumbered(sequence, numbers, level),),
            picture=(_picture_renumbered(picture, numbers),),
        )

    def __add__(self, other: StreamSets) -> HevcSets:
        assert isinstance(other, HevcSets)
        return replace(
            self,
            video=self.video + other.video,
            sequence=self.sequence + other.sequence,
            picture=self.picture + other.picture,
        )

    def record(self) -> bytes:
        """The configuration record of a track (HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 8.3.3.1).

        Its profile and depths are the first set's, its level the highest.
        """
        first = self.main
        level = max(sequence_set(unit).level for unit in self.sequence)
        arrays = [(VPS, self.video), (SPS, self.sequence), (PPS, self.picture), (SEI, self.light)]
        arrays = [(kind, units) for kind, units in arrays if units]
        out = b"\x01" + first.general[:11] + bytes([level, 0xF0, 0, 0xFC, 0xFC | first.chroma])
        out += bytes([0xF8 | (first.luma_depth - 8), 0xF8 | (first.chroma_depth - 8), 0, 0])
        out += bytes([first.layers << 3 | first.nested << 2 | 3, len(arrays)])
        for kind, units in arrays:
            complete = 0 if kind == SEI else 0x80
            out += bytes([complete | kind]) + len(units).to_bytes(2, "big")
            out += b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
        return out

    @staticmethod
    def is_set(unit: bytes | memoryview) -> bool:
        return kind_of(unit) in (VPS, SPS, PPS)

    @staticmethod
    def facts(units: Iterable[bytes | memoryview]) -> PacketFacts:
        sets: list[bytes] = []
        orientation = layered = clean = False
        for unit in units:
            kind = kind_of(unit)
            if (unit[0] & 1) or unit[1] >> 3:
                layered = True
            elif HevcSets.is_set(unit):
                sets.append(bytes(unit))
            elif kind == SEI:
                orientation |= _ORIENTATION in messages(bytes(unit), _HEADER)
            elif kind <= _LAST_SLICE:
                clean |= kind in _IDR or kind in _BLA
        return PacketFacts(clean, tuple(sets), orientation, layered)


def light_of(units: Iterable[bytes | memoryview]) -> tuple[bytes, ...]:
    """The units of a packet with messages on light and colour that hold for the whole stream."""
    return tuple(bytes(unit) for unit in units if _is_light(unit))


def _is_light(unit: bytes | memoryview) -> bool:
    if kind_of(unit) != SEI:
        return False
    kinds = set(messages(bytes(unit), _HEADER))
    return bool(kinds) and kinds <= _LIGHT


def renumbered(unit: bytes, numbers: HevcNumbers) -> bytes:
    """A unit of a packet under another number: a slice that refers to picture set 0, or anything but a slice."""
    kind = kind_of(unit)
    if kind > _LAST_SLICE:
        return unit
    payload = payload_of(unit, _HEADER)
    at = 1 + (kind in _IRAP)  # first_slice_segment_in_pic_flag, no_output_of_prior_pics_flag
    head = payload[0]
    if not head >> (7 - at) & 1:
        raise ValueError("The slice does not refer to picture parameter set 0")
    if numbers.picture not in _SHIFTED:
        raise ValueError(f"Slices cannot refer to picture parameter set {numbers.picture}")
    before = head >> (8 - at)
    behind = head & ((1 << (7 - at)) - 1)
    # at bits, nine bits in the place of one, 7 - at bits: two bytes.
    whole = ((before << 9 | numbers.picture + 1) << (7 - at)) | behind
    return unit[:_HEADER] + escaped(whole.to_bytes(2, "big") + payload[1:])


def escaped(payload: bytes) -> bytes:
    """A payload with its emulation prevention bytes (H.265, 7.3.1.1)."""
    out = _TO_ESCAPE.sub(b"\x00\x00\x03", payload)
    return out + b"\x03" if out.endswith(b"\x00") else out


_TO_ESCAPE = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def _of_record(record: bytes) -> list[bytes]:
    """The units of a configuration record."""
    units: list[bytes] = []
    if len(record) < 23:
        raise ValueError("The configuration record ends too early")
    at = 23
    for _ in range(record[22]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            length = int.from_bytes(record[at : at + 2], "big")
            unit = record[at + 2 : at + 2 + length]
            if length < 3 or len(unit) < length:
                raise ValueError("The configuration record is damaged")
            units.append(unit)
            at += 2 + length
    return units


def _picture_numbers(unit: bytes) -> tuple[int, int]:
    """The number of the picture parameter set in `unit`, and that of the sequence parameter set it refers to."""
    try:
        reader = BitReader(payload_of(unit, _HEADER))
        return reader.unsigned(), reader.unsigned()
    except EOFError as error:
        raise ValueError(str(error)) from None


def _video_renumbered(unit: bytes, numbers: HevcNumbers, level: int) -> bytes:
    return unit[:_HEADER] + escaped(_of_level(payload_of(unit, _HEADER), numbers, 4, level))


def _of_level(payload: bytes, numbers: HevcNumbers, at: int, level: int) -> bytes:
    """The payload of a video or sequence set under another number, of the main tier and `level`.

    What is said on profile, tier and level begins with byte `at` and has twelve.
    """
    first, last = payload[at] & ~0x20, at + 11
    head = bytes([numbers.video << 4 | payload[0] & 15]) + payload[1:at]
    return head + bytes([first]) + payload[at + 1 : last] + bytes([level]) + payload[last + 1 :]


def _sequence_renumbered(unit: bytes, numbers: HevcNumbers, level: int) -> bytes:
    payload = _of_level(payload_of(unit, _HEADER), numbers, 1, level)
    reader = BitReader(payload)
    reader.bits(4)
    layers = reader.bits(3) + 1
    reader.bits(97)
    _skip_sub_layers(reader, layers)
    at = reader.position
    reader.unsigned()
    return unit[:_HEADER] + _with_numbers(payload, at, reader.position, numbers.sequence)


def _picture_renumbered(unit: bytes, numbers: HevcNumbers) -> bytes:
    payload = payload_of(unit, _HEADER)
    reader = BitReader(payload)
    reader.unsigned()
    reader.unsigned()
    return unit[:_HEADER] + _with_numbers(payload, 0, reader.position, numbers.picture, numbers.sequence)


def _with_numbers(payload: bytes, at: int, stop: int, *numbers: int) -> bytes:
    """A payload whose bits at..stop-1 are replaced by `numbers`, each ue(v), and whose end is aligned again."""
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    coded = "".join(f"{number + 1:0{2 * (number + 1).bit_length() - 1}b}" for number in numbers)
    bits = (bits[:at] + coded + bits[stop:]).rstrip("0")
    bits += "0" * (-len(bits) % 8)
    return escaped(int(bits, 2).to_bytes(len(bits) // 8, "big"))
