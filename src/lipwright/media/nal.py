"""NAL units of H.264 and HEVC in the two arrangements they travel in.

MP4 and Matroska put a length before every unit; transport streams and encoders put a start code. An MP4 is written with
lengths of four bytes, so a packet that has them already is copied as it is, and any other is taken apart and put
together again: the units themselves keep their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LENGTH = 4
"""Bytes of the length before each unit in the files that Lipwright writes."""


def by_length(data: memoryview | bytes, length: int = LENGTH) -> Iterator[memoryview]:
    """The units of a packet that has a length of `length` bytes before each.

    Raises:
        ValueError: the lengths do not add up.
    """
    view = memoryview(data)
    at = 0
    while at < len(view):
        start = at + length
        stop = start + int.from_bytes(view[at:start], "big")
        if stop > len(view) or stop == start:
            raise ValueError("A NAL unit is longer than its packet")
        yield view[start:stop]
        at = stop


def by_start_code(data: bytes) -> Iterator[bytes]:
    """The units of a packet with start codes (ITU-T H.264, annex B)."""
    at = data.find(b"\x00\x00\x01")
    while at >= 0:
        start = at + 3
        at = data.find(b"\x00\x00\x01", start)
        unit = data[start : at if at >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            yield unit


def units_of(packet: memoryview | bytes, length: int) -> Iterator[memoryview]:
    """The units of a packet whose units have lengths of `length` bytes, or start codes if that is 0."""
    if length:
        yield from by_length(packet, length)
    else:
        yield from (memoryview(unit) for unit in by_start_code(bytes(packet)))


def with_lengths(units: Iterable[bytes | memoryview]) -> bytes:
    """The units as a packet with a length before each."""
    parts: list[bytes | memoryview] = []
    for unit in units:
        parts += (len(unit).to_bytes(LENGTH, "big"), unit)
    return b"".join(parts)


def messages(unit: bytes, header: int) -> Iterator[int]:
    """The types of the messages in a unit of supplemental information with a header of `header` bytes (7.3.2.3.1)."""
    at = header
    while at + 2 < len(unit):
        kind = size = 0
        while at < len(unit) and unit[at] == 255:
            kind, at = kind + 255, at + 1
        kind, at = kind + unit[at] if at < len(unit) else kind, at + 1
        while at < len(unit) and unit[at] == 255:
            size, at = size + 255, at + 1
        size, at = size + unit[at] if at < len(unit) else size, at + 1
        yield kind
        at += size
