"""What AAC packets tell about their windows, and sound encoded for another encoder's window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lipwright.media.aac import (
    FOREIGN,
    FRAME,
    LARGEST,
    UNKNOWN,
    Fit,
    Window,
    config_of,
    fit,
    reshaped,
    reshaping,
    unwrapped,
    window_code,
    window_from,
)

SEQUENCES = {0: (False, False), 1: (False, True), 2: (True, True), 3: (True, False)}


def packed(*fields: tuple[int, int], tail: int = 40) -> bytes:
    """Bits of (value, count) from the front, and `tail` ones after them."""
    bits = "".join(f"{value:0{count}b}" for value, count in fields) + "1" * tail
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def pair(sequence: int, shape: int, *, common: int = 1, tag: int = 0) -> list[tuple[int, int]]:
    return [(1, 3), (tag, 4), (common, 1), (0, 1), (sequence, 2), (shape, 1)]


def single(sequence: int, shape: int, gain: int = 0xB7) -> list[tuple[int, int]]:
    return [(0, 3), (0, 4), (gain, 8), (0, 1), (sequence, 2), (shape, 1)]


FILL = [(6, 3), (3, 4), (0xABCDEF, 24)]
LONG_FILL = [(6, 3), (15, 4), (5, 8), *[(0x11, 8)] * 19]
DATA = [(4, 3), (2, 4), (1, 1), (2, 8), (0xBEEF, 16)]  # its bytes are aligned, as they are already here
PADDED_DATA = [*FILL, (4, 3), (2, 4), (1, 1), (2, 8), (1, 1), (0xBEEF, 16)]
LONG_DATA = [(4, 3), (0, 4), (0, 1), (255, 8), (1, 8), *[(0x5A, 8)] * 256]


@pytest.mark.parametrize("before", [[], FILL, LONG_FILL, DATA, PADDED_DATA, LONG_DATA, [*FILL, *FILL]], ids=range(7))
@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("shape", [0, 1])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_window_is_found(before: list[tuple[int, int]], sequence: int, shape: int, channels: int) -> None:
    payload = packed(*before, *(single if channels == 1 else pair)(sequence, shape))
    window = Window(*SEQUENCES[sequence], shape)
    assert window_from(window_code(payload, channels)) == window
    # Another shape changes one bit, and nothing else is read differently.
    other = reshaped(payload, channels, 1 - shape)
    assert window_from(window_code(other, channels)) == window._replace(shape=1 - shape)
    changed = int.from_bytes(payload, "big") ^ int.from_bytes(other, "big")
    assert changed.bit_count() == 1
    assert reshaped(payload, channels, shape) == payload


def test_what_is_no_such_packet_is_told() -> None:
    assert window_code(packed(*pair(0, 1, common=0)), 2) == UNKNOWN
    assert window_code(packed(*pair(0, 1)), 1) == FOREIGN
    assert window_code(packed(*single(0, 1)), 2) == FOREIGN
    for broken in (
        b"",
        b"\x21",
        b"\xff" * 300,
        bytes(LARGEST + 1),
        packed(*FILL, tail=0),
        packed((6, 3), (15, 4), (255, 8)),
    ):
        assert window_from(window_code(broken, 2)) is None
        assert window_code(broken, 2) == FOREIGN


@given(st.binary(max_size=700), st.sampled_from([1, 2]))
def test_no_bytes_are_too_odd(payload: bytes, channels: int) -> None:
    code = window_code(payload, channels)
    assert code < 8 or code in (UNKNOWN, FOREIGN)
    unwrapped(payload)
    config_of(payload)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("1210", (2, 44100, 2, True)),
        ("118856e500", (2, 48000, 1, True)),
        ("121056e500", (2, 44100, 2, True)),
        ("12100000000000000000000000000000", (2, 44100, 2, True)),
        ("118856e580", (2, 48000, 1, False)),  # spectral band replication, told so that old players do not mind
        ("2b110800", (5, 48000, 2, False)),  # the same, told outright: the core's rate follows the index
        ("1214", (2, 44100, 2, False)),  # 960 samples
        ("1200", (2, 44100, 0, False)),  # channels described in the stream
        ("0a10", (1, 44100, 2, False)),  # Main
        ("1212", None),  # depends on a core coder
        ("17", None),
        ("", None),
    ],
)
def test_configurations(header: str, expected: tuple[int, int, int, bool] | None) -> None:
    config = config_of(bytes.fromhex(header))
    if expected is None:
        assert config is None
        return
    assert config is not None
    if expected[0] == 2:
        assert (config.object_type, config.rate, config.channels, config.plain) == expected
    else:
        assert (config.object_type, config.plain) == (expected[0], expected[3])


def test_adts_headers_are_taken_off() -> None:
    def adts(sound: bytes, *, bare: bool = True, length: int | None = None, more: int = 0) -> bytes:
        size = len(sound) + (7 if bare else 9)
        header = packed(
            *((0xFFF, 12), (0, 1), (0, 2), (bare, 1), (1, 2), (3, 4), (0, 1), (2, 3), (0, 4)),
            *((length if length is not None else size, 13), (0x7FF, 11), (more, 2)),
            tail=0,
        )
        return header + (b"" if bare else b"\x12\x34") + sound

    for bare in (True, False):
        found = unwrapped(adts(b"sound", bare=bare))
        assert found is not None
        config, sound = found
        assert sound == b"sound"
        assert (config.object_type, config.rate, config.channels, config.plain) == (2, 48000, 2, True)
    assert unwrapped(adts(b"sound", length=11)) is None
    assert unwrapped(adts(b"sound", more=1)) is None
    assert unwrapped(b"\x21\x1b\x0e\xff\xff\xfe\xe0\x00") is None


def test_slopes_must_be_of_one_kind() -> None:
    long, start, stop = Window(False, False, 1), Window(False, True, 1), Window(True, False, 1)
    assert fit(long, long, long) is Fit.EXACT
    assert fit(long, long, start) is Fit.EXACT
    assert fit(start, start, stop) is Fit.EXACT
    assert fit(long, start, stop) is Fit.NOT
    assert fit(start, long, long) is Fit.NOT
    assert fit(None, long, long) is fit(long, None, long) is fit(long, long, None) is Fit.NOT
    sine = long._replace(shape=0)
    assert fit(sine, long, long) is Fit.RESHAPED
    assert fit(sine, long._replace(shape=0), long) is Fit.EXACT
    assert fit(start._replace(shape=0), start, stop) is Fit.NOT  # of short slopes only equal ones fit


def slope(shape: int) -> NDArray[np.float64]:
    """The rising half of a window as the standard has it."""
    if shape == 0:
        return np.array([np.sin(np.pi / 2048 * (n + 0.5)) for n in range(FRAME)])
    kaiser = np.i0(4 * np.pi * np.sqrt(1 - (2 * np.arange(FRAME + 1) / FRAME - 1) ** 2))
    return np.sqrt(np.cumsum(kaiser)[:-1] / kaiser.sum())


def through_mdct(
    samples: NDArray[np.float64],
    rising: NDArray[np.float64],
    falling: NDArray[np.float64],
    out_rising: NDArray[np.float64],
    out_falling: NDArray[np.float64],
) -> NDArray[np.float64]:
    """2048 samples windowed, transformed to 1024 coefficients and back, and windowed again."""
    n, k = np.arange(2 * FRAME), np.arange(FRAME)
    basis = np.cos(np.pi / FRAME * np.outer(n + 0.5 + FRAME / 2, k + 0.5))
    coded = (samples * np.concatenate([rising, falling])) @ basis
    return (basis @ coded) * (2 / FRAME) * np.concatenate([out_rising, out_falling])


@pytest.mark.parametrize(("own", "wanted"), [(1, 0), (0, 1), (1, 1)])
def test_sound_encoded_for_another_slope_cancels_the_aliasing_of_that(own: int, wanted: int) -> None:
    rng = np.random.default_rng(own)
    sound = rng.standard_normal(3 * FRAME)
    ours, theirs = slope(own), slope(wanted)
    middle = sound[FRAME : 2 * FRAME].astype(np.float32)[:, None]

    # Theirs, then ours: our packet's first half is decoded with their slope.
    before = through_mdct(sound[: 2 * FRAME], theirs, theirs[::-1], theirs, theirs[::-1])[FRAME:]
    changed = sound[FRAME:].copy()
    changed[:FRAME] = reshaping(middle, own, wanted, rising=True)[:, 0]
    after = through_mdct(changed, ours, ours[::-1], theirs, ours[::-1])[:FRAME]
    assert np.abs(before + after - sound[FRAME : 2 * FRAME]).max() < 1e-5

    # Ours, then theirs: our packet's second half is decoded with their slope.
    changed = sound[: 2 * FRAME].copy()
    changed[FRAME:] = reshaping(middle, own, wanted, rising=False)[:, 0]
    before = through_mdct(changed, ours, ours[::-1], ours, theirs[::-1])[FRAME:]
    after = through_mdct(sound[FRAME:], theirs, theirs[::-1], theirs, theirs[::-1])[:FRAME]
    assert np.abs(before + after - sound[FRAME : 2 * FRAME]).max() < 1e-5
    if own == wanted:
        assert np.array_equal(reshaping(middle, own, wanted, rising=True), middle)
