"""Decoded frames become planes without a sample changing, whatever their arrangement and orientation."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.media.frames import Turn, display_layout, picture_of, unpacking_of
from lipwright.media.pixels import UNPACKERS, conversion


def filled(name: str, width: int, height: int, seed: int = 1) -> tuple[av.VideoFrame, list[NDArray[np.generic]]]:
    """A frame of random samples and its planes' valid part, as rows of items."""
    frame = av.VideoFrame(width, height, name)
    rng = np.random.default_rng(seed)
    bits = max(component.bits for component in frame.format.components)
    item = 2 if bits > 8 else 1
    planes = []
    for plane in frame.planes:
        view = np.frombuffer(memoryview(plane), np.uint16 if item == 2 else np.uint8)
        view = view.reshape(-1, plane.line_size // item)
        high = 1 << bits
        view[...] = rng.integers(0, high, view.shape).astype(view.dtype) << (6 if name.startswith("p") else 0)
        planes.append(view)
    return frame, planes


@pytest.mark.parametrize("name", ["yuv420p", "yuvj422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuva420p"])
def test_planar_formats_are_taken_as_they_are(name: str) -> None:
    frame, planes = filled(name, 37, 21)
    picture = picture_of(frame, Turn())
    for ours, theirs in zip(picture.planes, planes, strict=False):
        assert np.array_equal(ours, theirs[: ours.shape[0], : ours.shape[1]])
        assert ours.flags.c_contiguous
        assert ours.flags.owndata


@pytest.mark.parametrize(("name", "swapped"), [("nv12", False), ("nv21", True), ("nv16", False), ("nv24", False)])
def test_semi_planar_formats_are_taken_apart(name: str, swapped: bool) -> None:
    frame, (luma, pairs) = filled(name, 36, 20)
    picture = picture_of(frame, Turn())
    rows, cols = picture.planes[1].shape
    first, second = pairs[:rows, 0 : 2 * cols : 2], pairs[:rows, 1 : 2 * cols : 2]
    assert np.array_equal(picture.planes[0], luma[:20, :36])
    assert np.array_equal(picture.planes[1], second if swapped else first)
    assert np.array_equal(picture.planes[2], first if swapped else second)


def test_p010_loses_its_padding_bits_only() -> None:
    frame, (luma, pairs) = filled("p010le", 36, 20)
    picture = picture_of(frame, Turn())
    assert picture.layout.name == "yuv420p10le"
    assert np.array_equal(picture.planes[0], luma[:20, :36] >> 6)
    assert np.array_equal(picture.planes[2], pairs[:10, 1:36:2] >> 6)
    assert int(picture.planes[0].max()) <= 1023


@pytest.mark.parametrize(("name", "x", "y"), [("yuv440p", 1, 2), ("yuv411p", 2, 1), ("yuv410p", 2, 2)])
def test_rare_subsampling_is_widened_by_repetition(name: str, x: int, y: int) -> None:
    frame, planes = filled(name, 32, 16)
    picture = picture_of(frame, Turn())
    rows, cols = picture.planes[1].shape
    expected = np.repeat(np.repeat(planes[1], y, 0), x, 1)[:rows, :cols]
    assert np.array_equal(picture.planes[1], expected)
    assert unpacking_of(name).note


@pytest.mark.parametrize("name", ["gray", "gray10le"])
def test_grey_gets_neutral_chroma(name: str) -> None:
    picture = picture_of(filled(name, 31, 17)[0], Turn())
    neutral = 1 << (picture.layout.depth - 1)
    assert all((plane == neutral).all() for plane in picture.planes[1:])


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("rgb24", "yuv444p"),
        ("gbrp", "yuv444p"),
        ("gbrp10le", "yuv444p10le"),
        ("rgb48le", "yuv444p10le"),
        ("yuv420p12le", "yuv420p10le"),
        ("yuv422p12le", "yuv422p10le"),
        ("yuv444p16le", "yuv444p10le"),
        ("yuyv422", "yuv422p"),
        ("p016le", "yuv420p10le"),
        ("gray16le", "yuv420p10le"),
        ("rgba", "yuv444p"),
    ],
)
def test_other_formats_are_converted_by_the_table_and_that_is_told(name: str, layout: str) -> None:
    unpacking = unpacking_of(name)
    assert unpacking.layout.name == layout
    assert layout in unpacking.note
    grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 120, np.uint8), format="rgb24").reformat(format=name)
    picture = picture_of(grey, Turn())
    assert picture.layout.name == layout
    assert np.abs(picture.to_rgb().astype(int) - 120).max() <= 2


def test_every_unpacker_names_a_real_format() -> None:
    for name in UNPACKERS:
        assert av.VideoFormat(name, 16, 16).name == name


def test_conversion_looks_at_bits_and_subsampling() -> None:
    assert conversion("anything", 12, (2, 1), rgb=False) == "yuv422p10le"
    assert conversion("anything", 8, (2, 2), rgb=False) == "yuv420p"
    assert conversion("anything", 16, (1, 1), rgb=True) == "yuv444p10le"


TURNS = [Turn(t, x, y) for t in (False, True) for x in (False, True) for y in (False, True)]


@pytest.mark.parametrize("turn", TURNS)
def test_turning_moves_samples_and_changes_none(turn: Turn) -> None:
    frame, planes = filled("yuv420p", 36, 20)
    picture = picture_of(frame, turn)
    for ours, theirs in zip(picture.planes, planes, strict=True):
        expected = theirs[: 20 if theirs is planes[0] else 10, : 36 if theirs is planes[0] else 18]
        expected = expected.T if turn.transpose else expected
        expected = expected[:, ::-1] if turn.mirror_x else expected
        expected = expected[::-1] if turn.mirror_y else expected
        assert np.array_equal(ours, expected)
        assert ours.flags.c_contiguous


def test_a_quarter_turn_of_422_becomes_444_by_repetition() -> None:
    frame, planes = filled("yuv422p", 37, 20)
    turn = Turn(True, True, False)
    picture = picture_of(frame, turn)
    assert picture.layout.name == "yuv444p"
    assert picture.layout == display_layout("yuv422p", turn, False)
    assert (picture.width, picture.height) == (20, 37)
    wide = np.repeat(planes[1][:20, :19], 2, axis=1)[:, :37]
    assert np.array_equal(picture.planes[1], np.rot90(wide, -1))


def test_rotation_is_told_clockwise() -> None:
    assert [Turn(True, True, False).rotation, Turn(True, False, True).rotation] == [90, 270]
    assert [Turn(False, True, True).rotation, Turn().rotation] == [180, 0]
