"""The tables of the writer, and the arithmetic of time."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.media.encoding import AudioTarget, bit_rate, converted, encoding_of, even, scales_of
from lipwright.media.info import StreamClock, common_tick, layout_name
from lipwright.media.picture import Picture
from lipwright.media.pixels import LAYOUTS

POSITIVE = st.fractions(min_value=Fraction(1, 10**6), max_value=100)


@given(POSITIVE, POSITIVE)
def test_a_common_tick_divides_both_and_is_the_largest(a: Fraction, b: Fraction) -> None:
    tick = common_tick(a, b)
    m, n = a / tick, b / tick
    assert m.denominator == n.denominator == 1
    assert gcd(m.numerator, n.numerator) == 1


@given(POSITIVE, st.fractions(min_value=-10, max_value=100), st.integers(0, 10**6))
def test_a_clock_goes_there_and_back_and_counts_from_the_origin(base: Fraction, origin: Fraction, raw: int) -> None:
    clock = StreamClock.relative_to(origin, base)
    assert clock.to_raw(clock.to_grid(raw)) == raw
    assert clock.to_grid(raw) * clock.grid_base == raw * base - origin


@pytest.mark.parametrize("rate", [None, 8000, 44100, 48000])
@pytest.mark.parametrize("base", ["1/25", "1001/30000", "1/90000", "1/15360", "1/11289600", "1/7919"])
def test_ticks_of_the_file_hold_times_and_samples(base: str, rate: int | None) -> None:
    scales = scales_of(Fraction(base), rate)
    assert scales.exact
    assert scales.video % Fraction(base).denominator == 0
    assert scales.movie % scales.video == 0
    assert scales.movie < 2**31
    assert rate is None or scales.movie % rate == 0 or scales.movie == scales.video


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_layout_has_an_encoding_that_is_told_if_it_changes_anything(name: str) -> None:
    layout = LAYOUTS[name].ranged(True)
    for compatible in (False, True):
        for keep in (False, True):
            encoding = encoding_of(layout, compatible=compatible, keep_chroma=keep)
            assert (encoding.layout == layout) == (not encoding.notes)
            assert encoding.layout.full_range
            assert not compatible or encoding.layout.name == "yuv420p"
            assert compatible or encoding.layout.depth == layout.depth


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("size", [(16, 12), (17, 13), (16, 13)])
def test_conversion_keeps_luma_averages_chroma_and_pads_by_repeating(name: str, size: tuple[int, int]) -> None:
    layout = LAYOUTS[name]
    width, height = size
    rng = np.random.default_rng(2)
    kind = np.uint8 if layout.depth == 8 else np.uint16
    shape = layout.chroma_size(width, height)[::-1]
    y, u, v = (rng.integers(0, layout.peak + 1, s).astype(kind) for s in ((height, width), shape, shape))
    picture = Picture((y, u, v), layout)
    target = encoding_of(layout).layout
    out = converted(picture, target)
    assert (out.width, out.height) == (even(width), even(height))
    assert np.array_equal(out.planes[0][:height, :width], y)
    assert np.array_equal(out.planes[0][-1, :width], y[-1])
    if target.sub_x == layout.sub_x and target.sub_y == layout.sub_y:
        assert np.array_equal(out.planes[1], u)
        if size == (16, 12):
            assert out is picture
    else:
        block = u[: 2 // layout.sub_y, : 2 // layout.sub_x].astype(float)
        assert abs(float(out.planes[1][0, 0]) - block.mean()) <= 0.5


def test_ten_bits_are_rounded_not_cut() -> None:
    layout = LAYOUTS["yuv420p10le"]
    y = np.array([[0, 1, 2, 3], [5, 6, 1022, 1023]], np.uint16)
    c = np.array([[512, 514]], np.uint16)
    out = converted(Picture((y, c, c), layout), LAYOUTS["yuv420p"])
    assert out.planes[0].tolist() == [[0, 0, 1, 1], [1, 2, 255, 255]]
    assert out.planes[1].tolist() == [[128, 129]]


def test_bit_rates_stay_within_what_the_sample_rate_allows() -> None:
    for rate in (8000, 16000, 48000):
        for channels, layout in ((1, "mono"), (2, "stereo"), (6, "5.1")):
            assert bit_rate(AudioTarget(rate, layout, channels)) <= 6 * rate * channels


def test_unnamed_layouts_get_the_usual_name() -> None:
    assert layout_name("2 channels", 2) == "stereo"
    assert layout_name("5.1(side)", 6) == "5.1(side)"
    assert layout_name("11 channels", 11) == "11 channels"
