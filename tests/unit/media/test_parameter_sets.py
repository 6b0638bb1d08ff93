"""Parameter sets of H.264 and HEVC: read, numbered anew, put together; and whatever is damaged is refused, not read."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from av.codec.context import Flags
from hypothesis import given
from hypothesis import strategies as st

from lipwright.media.bits import BitReader, payload_of
from lipwright.media.h264 import ParameterSets
from lipwright.media.h264 import sequence_set as h264_sequence_set
from lipwright.media.hevc import HevcNumbers, HevcSets, escaped, kind_of, renumbered, sequence_set
from lipwright.media.nal import by_length, by_start_code, messages, with_lengths


def extradata(codec: str, params: str, pix_fmt: str = "yuv420p", **options: str) -> bytes:
    """What an encoder says before its first packet."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = 160, 128, pix_fmt, Fraction(1, 25)
    context.flags |= Flags.global_header
    context.options = {"preset": "ultrafast", f"{codec[3:]}-params": params, **options}
    context.open()
    return context.extradata or b""


X265 = "log-level=error:pools=none:info=0"


@given(st.binary(max_size=60).map(lambda tail: tail + b"\x80"))
def test_emulation_prevention_goes_there_and_back(payload: bytes) -> None:
    unit = escaped(payload)
    assert payload_of(unit, 0) == payload
    assert not any(bad in unit for bad in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 255]), max_size=40).map(bytes))
def test_emulation_prevention_of_what_needs_it_most(payload: bytes) -> None:
    unit = escaped(payload)
    assert not any(bad in unit for bad in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert not unit.endswith(b"\0")
    if not payload.endswith(b"\0"):
        assert payload_of(unit, 0) == payload


@given(st.lists(st.integers(0, 2**20), min_size=1), st.lists(st.integers(-(2**20), 2**20)))
def test_exp_golomb_numbers_are_read_back(unsigned: list[int], signed: list[int]) -> None:
    numbers = [*unsigned, *(2 * n - 1 if n > 0 else -2 * n for n in signed)]
    bits = "".join(f"{n + 1:0{2 * (n + 1).bit_length() - 1}b}" for n in numbers) + "1"
    bits += "0" * (-len(bits) % 8)
    reader = BitReader(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    assert [reader.unsigned() for _ in unsigned] == unsigned
    assert [reader.signed() for _ in signed] == signed
    assert bits[reader.position :].strip("0") == "1"


@given(st.lists(st.binary(min_size=1, max_size=9).map(lambda unit: b"\x41" + unit.replace(b"\0", b"\1"))))
def test_units_are_told_apart_both_ways(units: list[bytes]) -> None:
    assert [bytes(unit) for unit in by_length(with_lengths(units))] == units
    assert list(by_start_code(b"".join(b"\0\0\0\1" + unit for unit in units))) == units


@pytest.mark.parametrize("header", [1, 2])
def test_messages_are_told_by_their_types(header: int) -> None:
    unit = bytes(header) + bytes([5, 3, 1, 2, 3, 255, 20, 255, 1, *bytes(256), 47, 1, 0, 128])
    assert list(messages(unit, header)) == [5, 275, 47]
    assert list(messages(unit[: header + 6], header)) == [5]


@pytest.mark.parametrize(
    ("params", "pix_fmt", "profile", "facts"),
    [
        ("ref=3:bframes=2:8x8dct=1", "yuv420p", "high", (100, 1, 8, True)),
        ("cabac=0:bframes=0", "yuv420p", "baseline", (66, 1, 8, True)),
        ("tff=1", "yuv420p", "main", (77, 1, 8, False)),
        ("cqm=jvt", "yuv422p10le", "high422", (122, 2, 10, True)),
        ("", "yuv444p", "high444", (244, 3, 8, True)),
    ],
)
def test_sets_of_h264_are_read(params: str, pix_fmt: str, profile: str, facts: tuple[int, int, int, bool]) -> None:
    sets = ParameterSets.of(extradata("libx264", params, pix_fmt, profile=profile))
    main = sets.main
    assert (main.profile, main.chroma, main.luma_depth, main.progressive) == facts
    assert (main.number, sets.free_number(), sets.length) == (0, 1, 0)
    others = [
        ParameterSets.of(extradata("libx264", f"{params}:sps-id={n}".lstrip(":"), pix_fmt, profile=profile))
        for n in (1, 2)
    ]
    both = sets + others[0]
    assert both.free_number() == 2
    read = ParameterSets.of((both + others[1]).record())
    assert read.units == (both + others[1]).units
    assert read.length == 4
    assert [h264_sequence_set(unit).number for unit in read.sequence] == [0, 1, 2]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("more", ["", ":temporal-layers=3:b-adapt=0", ":bframes=0:ref=1"])
def test_sets_of_hevc_are_numbered_anew(pix_fmt: str, more: str) -> None:
    sets = HevcSets.of(extradata("libx265", X265 + more, pix_fmt))
    assert sets.free_numbers() == HevcNumbers(1, 1, 15)
    other = sets.renumbered(HevcNumbers(3, 2, 17), 120)
    assert (other.main.video, other.main.number, other.main.level) == (3, 2, 120)
    mine, its = sets.main, other.main
    assert (its.chroma, its.luma_depth, its.layers) == (mine.chroma, mine.luma_depth, mine.layers)
    both = sets + other
    assert both.free_numbers() == HevcNumbers(1, 1, 15)
    assert (both + sets.renumbered(HevcNumbers(1, 1, 15), 93)).free_numbers() == HevcNumbers(2, 3, 16)
    read = HevcSets.of(both.record())
    assert read.units == both.units
    assert read.length == 4
    assert both.record()[12] == 120
    # All the rest is as it was.
    assert sequence_set(other.renumbered(HevcNumbers(0, 0, 15), mine.level).sequence[0]) == mine
    assert other.renumbered(HevcNumbers(0, 0, 15), mine.level).sequence == sets.sequence


def test_only_slices_of_set_0_get_another_number() -> None:
    numbers = HevcNumbers(1, 1, 15)
    slice_of_0, idr_of_0, slice_of_1 = b"\x02\x01\xea\x80", b"\x26\x01\xb5\x80", b"\x02\x01\xa0\x80"
    # The first bit (or two) stays, nine bits are in the place of one, the rest follows.
    assert renumbered(slice_of_0, numbers) == b"\x02\x01\x84\x2a\x80"
    assert renumbered(idr_of_0, numbers) == b"\x26\x01\x82\x15\x80"
    for unit in (b"\x4e\x01\x05\x00\x80", b"\x46\x01\x50"):
        assert renumbered(unit, numbers) == unit
    with pytest.raises(ValueError, match="does not refer"):
        renumbered(slice_of_1, numbers)
    with pytest.raises(ValueError, match="cannot refer"):
        renumbered(slice_of_0, HevcNumbers(1, 1, 1))


@given(st.binary(max_size=80), st.booleans(), st.data())
def test_nothing_but_a_value_error_comes_of_damage(noise: bytes, record: bool, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([*EXTRADATA, noise]))
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + (noise if record else b"") + whole[at + data.draw(st.integers(0, 8)) :]
    for kind in (ParameterSets, HevcSets):
        try:
            sets = kind.of(damaged)
            _ = sets.main
            _ = sets.free_number() if isinstance(sets, ParameterSets) else sets.free_numbers()
            sets.record()
        except ValueError:
            continue


EXTRADATA = [
    extradata("libx264", "ref=2"),
    extradata("libx265", X265),
    ParameterSets.of(extradata("libx264", "ref=2")).record(),
    HevcSets.of(extradata("libx265", X265)).record(),
]


def test_what_a_packet_of_hevc_holds() -> None:
    sets = EXTRADATA[1]
    units = [*by_start_code(sets), b"\x4e\x01\x2f\x01\x00\x80", b"\x28\x01\xa0\x80"]
    facts = HevcSets.facts(units)
    assert (facts.clean, facts.orientation, facts.layered) == (True, True, False)
    assert [kind_of(unit) for unit in facts.sets] == [32, 33, 34]
    assert HevcSets.facts([b"\x02\x01\xc0", b"\x02\x09\xc0"]).layered
    assert not HevcSets.facts([b"\x2a\x01\xa0\x80"]).clean  # CRA


def test_what_a_packet_of_h264_holds() -> None:
    sets = list(by_start_code(EXTRADATA[0]))
    facts = ParameterSets.facts([b"\x09\xf0", *sets, b"\x06\x2f\x01\x00\x80", b"\x65\x88"])
    assert (facts.clean, facts.orientation, facts.layered) == (True, True, False)
    assert [unit[0] & 31 for unit in facts.sets] == [7, 8]
    recovery = ParameterSets.facts([b"\x06\x06\x01\xc4\x80", b"\x41\x9a"])
    assert (recovery.clean, recovery.orientation, recovery.sets) == (False, False, ())
