"""A picture changes only where it is asked to change, in every layout, at every alignment."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwright.media.frames import frame_of
from lipwright.media.picture import Box, Picture
from lipwright.media.pixels import LAYOUTS, PixelLayout, rgb_weights

LAYOUT_NAMES = st.sampled_from(sorted(LAYOUTS))


def random_picture(layout: PixelLayout, width: int, height: int, seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    kind = np.uint8 if layout.depth == 8 else np.uint16
    chroma = layout.chroma_size(width, height)[::-1]
    y, u, v = (rng.integers(0, layout.peak + 1, shape).astype(kind) for shape in ((height, width), chroma, chroma))
    return Picture((y, u, v), layout)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Picture, Box, int]:
    """A random picture of any layout and (odd) size, a box in it, and a seed."""
    width, height = draw(st.integers(2, 41)), draw(st.integers(2, 41))
    seed = draw(st.integers(0, 2**16))
    picture = random_picture(LAYOUTS[draw(LAYOUT_NAMES)], width, height, seed)
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return picture, (x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))), seed


def shape_of(box: Box) -> tuple[int, int]:
    return box[3] - box[1], box[2] - box[0]


@given(cases())
def test_alpha_zero_changes_nothing_whatever_is_blended(case: tuple[Picture, Box, int]) -> None:
    picture, box, _ = case
    wild = np.full((*shape_of(box), 3), np.nan, np.float32)
    assert picture.blend(box, wild, np.zeros(shape_of(box), np.float32)).same(picture)


@given(cases())
def test_blending_in_what_is_there_changes_nothing(case: tuple[Picture, Box, int]) -> None:
    picture, box, _ = case
    same = picture.blend(box, picture.region(box), np.ones(shape_of(box), np.float32))
    assert same.same(picture)


@given(cases())
@settings(max_examples=200)
def test_samples_without_alpha_keep_their_bits(case: tuple[Picture, Box, int]) -> None:
    picture, (x0, y0, x1, y1), seed = case
    rng = np.random.default_rng(seed)
    shape = shape_of((x0, y0, x1, y1))
    alpha = np.where(rng.random(shape) < 0.3, rng.random(shape), 0.0).astype(np.float32)
    yuv = rng.uniform(-50, 300, (*shape, 3)).astype(np.float32)
    before = [plane.copy() for plane in picture.planes]
    changed = picture.blend((x0, y0, x1, y1), yuv, alpha)
    full = np.zeros((picture.height, picture.width), bool)
    full[y0:y1, x0:x1] = alpha > 0
    assert np.array_equal(changed.planes[0][~full], picture.planes[0][~full])
    sx, sy = picture.layout.sub_x, picture.layout.sub_y
    rows, cols = picture.planes[1].shape
    padded = np.zeros((rows * sy, cols * sx), bool)
    padded[: picture.height, : picture.width] = full
    cells = padded.reshape(rows, sy, cols, sx).any(axis=(1, 3))
    for channel in (1, 2):
        assert np.array_equal(changed.planes[channel][~cells], picture.planes[channel][~cells])
    assert changed.changed_outside(picture, (x0, y0, x1, y1), alpha > 0) == 0
    assert changed.same(picture, outside=((x0, y0, x1, y1), alpha > 0))
    for plane, kept in zip(picture.planes, before, strict=True):  # the original is never written to
        assert np.array_equal(plane, kept)


@given(cases())
def test_full_alpha_gives_the_new_luma_and_the_mean_of_the_new_chroma(case: tuple[Picture, Box, int]) -> None:
    picture, _, seed = case
    sx, sy = picture.layout.sub_x, picture.layout.sub_y
    width, height = picture.width // sx * sx, picture.height // sy * sy
    if not width or not height:
        return
    box = (0, 0, width, height)
    yuv = np.random.default_rng(seed).uniform(16, 235, (height, width, 3)).astype(np.float32)
    new = picture.blend(box, yuv, np.ones((height, width), np.float32))
    scale = picture.layout.scale
    assert np.abs(new.planes[0][:height, :width] - yuv[..., 0] * scale).max() <= 0.501
    means = yuv.reshape(height // sy, sy, width // sx, sx, 3).mean(axis=(1, 3)) * scale
    for channel in (1, 2):
        got = new.planes[channel][: height // sy, : width // sx]
        assert np.abs(got - means[..., channel]).max() <= 0.51


@given(cases())
def test_a_region_does_not_depend_on_where_its_box_ends(case: tuple[Picture, Box, int]) -> None:
    picture, (x0, y0, x1, y1), _ = case
    whole = picture.region((0, 0, picture.width, picture.height))
    assert np.allclose(picture.region((x0, y0, x1, y1)), whole[y0:y1, x0:x1], atol=2e-4)
    assert whole.dtype == np.float32
    assert np.array_equal(whole[..., 0] * np.float32(picture.layout.scale), picture.planes[0].astype(np.float32))


@given(cases())
def test_what_is_cut_out_holds_the_same_samples(case: tuple[Picture, Box, int]) -> None:
    picture, (x0, y0, x1, y1), _ = case
    part, (left, top) = picture.cut((x0, y0, x1, y1))
    sx, sy = picture.layout.sub_x, picture.layout.sub_y
    assert 0 <= x0 - left < sx
    assert 0 <= y0 - top < sy
    assert (part.layout, part.matrix) == (picture.layout, picture.matrix)
    assert left + part.width == min(picture.width, -(-x1 // sx) * sx)
    assert top + part.height == min(picture.height, -(-y1 // sy) * sy)
    for plane, whole, (step_x, step_y) in zip(part.planes, picture.planes, ((1, 1), (sx, sy), (sx, sy)), strict=True):
        rows, columns = plane.shape
        at = whole[top // step_y :, left // step_x :]
        assert np.array_equal(plane, at[:rows, :columns])
        assert not np.shares_memory(plane, whole)


def test_changes_outside_the_mask_are_counted_in_every_plane() -> None:
    picture = random_picture(LAYOUTS["yuv420p"], 32, 24, 1)
    spoiled = Picture(tuple(plane.copy() for plane in picture.planes), picture.layout)  # type: ignore[arg-type]
    spoiled.planes[0][20, 20] ^= 1
    spoiled.planes[1][10, 10] ^= 1
    spoiled.planes[2][0, 0] ^= 1
    mask = np.zeros((4, 4), bool)
    assert spoiled.changed_outside(picture, (0, 0, 4, 4), mask) == 3
    mask[1, 1] = True
    assert spoiled.changed_outside(picture, (0, 0, 4, 4), mask) == 2
    assert not spoiled.same(picture)
    assert not spoiled.same(picture, outside=((0, 0, 4, 4), mask))


@pytest.mark.parametrize("box", [(-1, 0, 4, 4), (0, 0, 33, 4), (4, 4, 4, 8), (0, 20, 4, 25)])
def test_a_box_outside_the_picture_is_an_error(box: Box) -> None:
    picture = random_picture(LAYOUTS["yuv420p"], 32, 24, 1)
    with pytest.raises(ValueError, match="not inside"):
        picture.region(box)


def test_shapes_that_do_not_fit_are_errors() -> None:
    picture = random_picture(LAYOUTS["yuv420p"], 32, 24, 1)
    with pytest.raises(ValueError, match="alpha"):
        picture.blend((0, 0, 4, 4), np.zeros((4, 4, 3), np.float32), np.zeros((4, 5), np.float32))
    with pytest.raises(ValueError, match="chroma"):
        Picture((picture.planes[0], picture.planes[1][:5], picture.planes[2]), picture.layout)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [False, True])
def test_rgb_agrees_with_ffmpeg(name: str, matrix: str, full_range: bool) -> None:
    layout = LAYOUTS[name].ranged(full_range)
    y, x = np.mgrid[0:48, 0:64] / 64.0
    planes = []
    for plane in (y * 100 + 80, 128 + 60 * np.sin(x * 3), 128 + 50 * np.cos(y * 4)):
        step = (1, 1) if not planes else (layout.sub_y, layout.sub_x)
        samples = plane[:: step[0], :: step[1]] * layout.scale
        planes.append(np.ascontiguousarray(samples.astype(np.uint8 if layout.depth == 8 else np.uint16)))
    picture = Picture((planes[0], planes[1], planes[2]), layout, matrix)  # type: ignore[arg-type]
    frame = frame_of(picture)
    spaces = {"bt601": 5, "bt709": 1, "bt2020": 9}
    frame.colorspace, frame.color_range = spaces[matrix], 2 if full_range else 1
    reference = frame.reformat(
        format="rgb24",
        src_colorspace=spaces[matrix],
        src_color_range=2 if full_range else 1,
        dst_color_range=2,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
    ).to_ndarray()
    off = np.abs(picture.to_rgb().astype(int) - reference)
    # Swscale places chroma at the left, we at the centre of a cell: that alone is a few levels on this gradient.
    assert off.max() <= (3 if layout.sub_x == 1 else 8)
    assert off.mean() <= (1 if layout.sub_x == 1 else 2.5)


def test_rgb_of_a_crop_is_the_crop_of_the_rgb() -> None:
    y, x = np.mgrid[0:60, 0:80]
    luma = (x + y + 50).astype(np.uint8)
    chroma = (np.mgrid[0:30, 0:40][1] + 100).astype(np.uint8)
    picture = Picture((luma, chroma, 255 - chroma), LAYOUTS["yuv420p"])
    whole = picture.to_rgb().astype(int)
    for box in ((10, 20, 50, 60), (11, 21, 50, 59), (0, 0, 80, 60)):
        cut = picture.to_rgb(box).astype(int)
        assert cut.shape == (box[3] - box[1], box[2] - box[0], 3)
        assert np.abs(cut - whole[box[1] : box[3], box[0] : box[2]]).max() <= 4
    assert picture.to_rgb((-5.5, -3, 20.2, 10)).shape == (10, 21, 3)
    assert picture.to_rgb(scale=0.5).shape == (30, 40, 3)
    assert np.abs(picture.to_rgb((10, 10, 50, 50), 0.5).astype(int)[::1, 0] - whole[10:50:2, 10]).max() <= 6
    with pytest.raises(ValueError, match="does not touch"):
        picture.to_rgb((100, 100, 120, 120))


def test_rgb_weights_map_black_white_and_grey() -> None:
    for full, black, white in ((False, 16, 235), (True, 0, 255)):
        weights = np.array(rgb_weights("bt709", full))
        assert np.allclose(weights @ [black, 128, 128, 1], 0, atol=1e-6)
        assert np.allclose(weights @ [white, 128, 128, 1], 255, atol=1e-6)


def test_a_picture_survives_the_trip_to_a_frame() -> None:
    for layout in LAYOUTS.values():
        picture = random_picture(layout, 37, 23, 5)
        frame = frame_of(picture)
        assert isinstance(frame, av.VideoFrame)
        assert frame.format.name == layout.name
        for plane, samples in zip(frame.planes, picture.planes, strict=True):
            held = np.frombuffer(memoryview(plane), samples.dtype).reshape(-1, plane.line_size // samples.itemsize)
            assert np.array_equal(held[: samples.shape[0], : samples.shape[1]], samples)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("full_range", [False, True])
def test_grey_goes_from_black_to_white_in_every_layout(name: str, full_range: bool) -> None:
    layout = LAYOUTS[name].ranged(full_range)
    picture = random_picture(layout, 32, 24, 0)
    low, high = (0, layout.peak) if full_range else (int(16 * layout.scale), int(235 * layout.scale))
    luma = np.zeros_like(picture.planes[0])
    luma[:, :16], luma[:, 16:] = low, high
    grey = Picture((luma, *picture.planes[1:]), layout).to_grey((8, 6))
    assert grey.shape == (6, 8)
    assert not grey[:, :4].any()
    assert (grey[:, 4:] == 255).all()


def test_a_change_of_light_alone_leaves_the_colour_planes_shared() -> None:
    picture = random_picture(LAYOUTS["yuv420p"], 40, 30, 1)
    box = (8, 8, 24, 20)
    yuv = picture.region(box)
    yuv[..., 0] += 5
    brighter = picture.blend(box, yuv, np.ones(shape_of(box), np.float32))
    assert brighter.planes[1] is picture.planes[1]
    assert brighter.planes[2] is picture.planes[2]
    assert not brighter.same(picture)
