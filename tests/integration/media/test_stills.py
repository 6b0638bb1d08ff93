"""Still images as the visual input: one frame, repeated as often as asked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.synthetic import make_still, number_of

from lipwright.media.frames import STILL_SIDE
from lipwright.media.probe import probe
from lipwright.media.reader import StillReader, open_reader


def _tagged(jpeg: bytes, orientation: int) -> bytes:
    """`jpeg` with an EXIF orientation tag."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation, 0, 0])
    body = b"Exif\x00\x00" + b"MM\x00\x2a\x00\x00\x00\x08" + b"\x00\x01" + entry + b"\x00\x00\x00\x00"
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


@pytest.mark.parametrize(("codec", "suffix"), [("mjpeg", ".jpg"), ("png", ".png")])
def test_an_image_is_a_video_of_one_frame(tmp_path: Path, codec: str, suffix: str) -> None:
    path = make_still(tmp_path / f"still{suffix}", 160, 120, codec)
    info = probe(path)
    assert info.still
    assert info.video is not None
    assert info.audio is None
    assert (info.video.width, info.video.height, info.video.frames) == (160, 120, 1)
    assert not info.video.layout.full_range
    with open_reader(path, info) as reader:
        assert isinstance(reader, StillReader)
        frames = list(reader.sequence([0, 1, 2, 500, 3]))
        assert [frame.index for frame in frames] == [0, 1, 2, 500, 3]
        assert all(number_of(frame.picture.planes[0]) == 5 for frame in frames)
        assert frames[3].time == 20
        assert [frame.index for frame in reader.reversed(0, 3)] == [2, 1, 0]
        assert [frame.index for frame in reader.frames(2, 5)] == [2, 3, 4]
        assert frames[0].picture.layout == info.video.layout


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    plain = make_still(tmp_path / "plain.jpg", 160, 120, "mjpeg")
    path = tmp_path / "tagged.jpg"
    path.write_bytes(_tagged(plain.read_bytes(), orientation))
    info = probe(path)
    assert info.video is not None
    expected = cv2.imread(str(path))[..., ::-1]  # OpenCV honours the tag
    with open_reader(path, info) as reader:
        shown = reader.at(0).picture.to_rgb()
    assert shown.shape == expected.shape
    assert (info.video.height, info.video.width) == expected.shape[:2]
    assert np.abs(shown.astype(int) - expected).mean() < 4


def test_a_large_image_is_scaled_down_and_that_is_told(tmp_path: Path) -> None:
    path = make_still(tmp_path / "large.png", 3000, 1000, "png")
    info = probe(path)
    assert info.video is not None
    assert (info.video.width, info.video.height) == (STILL_SIDE, 720)
    assert any("3000x1000" in warning for warning in info.warnings)
    with open_reader(path, info) as reader:
        assert reader.at(0).picture.width == STILL_SIDE


def test_colours_of_a_photograph_survive(tmp_path: Path) -> None:
    patches = np.zeros((96, 160, 3), np.uint8)
    for i, colour in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 160, 130), (120, 120, 120)]):
        patches[:, i * 32 : (i + 1) * 32] = colour
    for name in ("c.png", "c.jpg"):
        path = tmp_path / name
        cv2.imwrite(str(path), patches[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
        info = probe(path)
        with open_reader(path, info) as reader:
            shown = reader.at(0).picture.to_rgb().astype(int)
        middle = shown[40:50, 16::32][0, :5]
        assert np.abs(middle - patches[45, 16::32][:5]).max() <= 6
