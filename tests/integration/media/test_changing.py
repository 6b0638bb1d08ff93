"""Streams that change on the way, as recordings of calls do: another picture size, another pixel format."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from tests.synthetic import number_of
from tests.synthetic.clips import display_image

from lipwright.errors import MediaError
from lipwright.media.guard import Limits
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader

BASE = Fraction(1, 25)
Part = tuple[int, int, int, str]


def changing(path: Path, *parts: Part) -> Path:
    """A transport stream of H.264 whose parts (frames, width, height, pixel format) follow each other."""
    with av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = parts[0][1:]
        number = 0
        for count, width, height, pixels in parts:
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, pixels, BASE
            encoder.options = {"preset": "ultrafast", "bf": "0", "x264-params": "repeat-headers=1:log-level=none"}
            frames: list[av.VideoFrame | None] = []
            for at in range(number, number + count):
                frame = av.VideoFrame.from_ndarray(display_image(at, 192, 144), format="rgb24")
                frame = frame.reformat(width, height, pixels)
                frame.pts, frame.time_base = at, BASE
                frames.append(frame)
            number += count
            for frame in [*frames, None]:
                for packet in encoder.encode(frame):
                    packet.stream = stream
                    out.mux(packet)
    return path


@pytest.mark.parametrize(
    "later", [(20, 96, 72, "yuv420p"), (20, 384, 288, "yuv420p"), (20, 192, 144, "yuv444p")], ids=str
)
def test_every_frame_has_the_size_and_format_that_the_stream_began_with(tmp_path: Path, later: Part) -> None:
    path = changing(tmp_path / "call.ts", (20, 192, 144, "yuv420p"), later, (10, 192, 144, "yuv420p"))
    info = probe(path)
    assert info.video is not None
    with open_reader(path, info) as reader:
        frames = list(reader.frames())
        backwards = [frame.index for frame in reader.reversed()]
    assert len(frames) == 50
    assert {(frame.picture.width, frame.picture.height) for frame in frames} == {(192, 144)}
    assert {frame.picture.layout for frame in frames} == {info.video.layout}
    assert [number_of(frame.picture.planes[0]) for frame in frames] == list(range(50))
    assert not any(frame.damaged for frame in frames)
    assert backwards == list(range(49, -1, -1))


def test_frames_far_beyond_the_limits_are_not_decoded_though_the_header_is_small(tmp_path: Path) -> None:
    path = changing(tmp_path / "bomb.ts", (10, 192, 144, "yuv420p"), (10, 1920, 1440, "yuv420p"))
    limits = Limits(max_pixels=200 * 200, max_still_pixels=200 * 200)
    info = probe(path, limits)
    with open_reader(path, info, limits) as reader:
        frames = list(reader.frames())
    assert [frame.damaged for frame in frames[:10]] == [False] * 10
    assert all(frame.damaged for frame in frames[10:])
    with pytest.raises(MediaError):
        probe(changing(tmp_path / "large.ts", (5, 1920, 1440, "yuv420p")), limits)
