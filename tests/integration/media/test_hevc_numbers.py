"""Packets of x265 under other numbers: FFmpeg reads the same fields in every header and decodes the same pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from fractions import Fraction

import av
import av.logging
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from lipwright.media.encoder import VideoEncoder
from lipwright.media.encoders import Ceiling, Likeness
from lipwright.media.encoding import Quality, VideoTarget, scales_of
from lipwright.media.hevc import HevcNumbers, HevcSets
from lipwright.media.picture import Picture, as_plane
from lipwright.media.pixels import LAYOUTS, PixelLayout

NUMBERS = HevcNumbers(5, 3, 20)
NAMES = {
    **dict.fromkeys(("vps_video_parameter_set_id", "sps_video_parameter_set_id"), NUMBERS.video),
    **dict.fromkeys(("sps_seq_parameter_set_id", "pps_seq_parameter_set_id"), NUMBERS.sequence),
    **dict.fromkeys(("pps_pic_parameter_set_id", "slice_pic_parameter_set_id"), NUMBERS.picture),
}


def pictures(layout: PixelLayout, count: int) -> list[Picture]:
    """A moving texture; still for a while, so that there are slices of next to nothing."""
    rng = np.random.default_rng(3)
    dtype, peak = (np.uint8, 256) if layout.depth == 8 else (np.uint16, 1024)
    wide = [rng.integers(0, peak, (130, 200)).astype(dtype) for _ in range(3)]
    made = []
    for number in range(count):
        at = min(number, 12)
        y, u, v = (
            as_plane(np.ascontiguousarray(np.repeat(np.repeat(plane, 4, 0), 4, 1)[at : at + h, at : at + w]))
            for plane, (h, w) in zip(wide, ((128, 160), (64, 80), (64, 80)), strict=True)
        )
        made.append(Picture((y, u, v), layout))
    return made


def encoded(
    layout: PixelLayout, quality: Quality, numbers: HevcNumbers, reorder: int, ceiling: Ceiling | None
) -> tuple[HevcSets, list[bytes]]:
    """The sets and packets, with start codes, of a run."""
    target = VideoTarget(160, 128, layout, Fraction(1, 25), Fraction(25))
    like = Likeness(None, 93, numbers, reorder)
    encoder = VideoEncoder(target, layout, scales_of(target.time_base, None), quality, like=like, ceiling=ceiling)
    packets = []
    for number, picture in enumerate(pictures(layout, 30)):
        packets += encoder.add(picture, number, Fraction(number, 25), Fraction(1, 25))
    packets += encoder.finish()
    assert isinstance(encoder.sets, HevcSets)
    return encoder.sets, [with_start_codes(coded.data) for coded in packets]


def with_start_codes(data: bytes) -> bytes:
    out, at = b"", 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        out, at = out + b"\0\0\0\1" + data[at + 4 : end], end
    return out


def stream(sets: HevcSets, packets: Sequence[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in sets.units) + b"".join(packets)


def traced(data: bytes) -> list[tuple[str, str]]:
    """Name and value of every header field, as FFmpeg reads them, but for the bits that fill up the last byte."""
    before, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.TRACE)
    av.logging.set_skip_repeated(False)
    try:
        with av.open(io.BytesIO(data), format="hevc") as container:
            source = container.streams.video[0]
            reader = BitStreamFilterContext("trace_headers", source)
            with av.logging.Capture() as logged:
                for packet in container.demux(source):
                    if packet.size:
                        reader.filter(packet)
    finally:
        av.logging.set_level(before)
        av.logging.set_skip_repeated(skipping)
    lines = [line for _, name, line in logged if "trace_headers" in name]
    found = [re.match(r"\d+\s+(\S+)\s+[01]*\s*=\s*(-?\d+)", line) for line in lines]
    return [(match[1], match[2]) for match in found if match and "alignment" not in match[1]]


def pictures_of(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data), format="hevc") as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize(("quality", "reorder"), [("draft", 2), ("visually-lossless", 1), ("archive", 0)])
def test_all_else_is_read_and_decoded_as_before(layout: str, quality: Quality, reorder: int) -> None:
    ceiling = Ceiling(400_000, 400_000) if reorder else None
    first = stream(*encoded(LAYOUTS[layout], quality, HevcNumbers(0, 0, 15), reorder, ceiling))
    other = stream(*encoded(LAYOUTS[layout], quality, NUMBERS, reorder, ceiling))
    mine, theirs = traced(first), traced(other)
    assert len(mine) > 500
    assert {value for name, value in theirs if name == "slice_pic_parameter_set_id"} == {str(NUMBERS.picture)}
    assert theirs == [(name, str(NAMES[name]) if name in NAMES else value) for name, value in mine]
    assert pictures_of(other) == pictures_of(first)
    assert len(pictures_of(other)) == 30


@pytest.mark.parametrize("quality", ["draft", "visually-lossless"])
def test_a_run_gives_the_same_packets_whenever_it_is_made(quality: Quality) -> None:
    runs = [encoded(LAYOUTS["yuv420p"], quality, NUMBERS, 2, Ceiling(300_000, 300_000)) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]
