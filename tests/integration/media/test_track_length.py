"""How long a track is whose frames are coded in another order than they are shown."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import numpy as np
import pytest

from lipwright.media.encoding import VideoTarget
from lipwright.media.picture import Picture
from lipwright.media.pixels import LAYOUTS
from lipwright.media.probe import probe
from lipwright.media.writer import OutputWriter

LASTING = {
    "even": [3600] * 10,
    "a long last frame": [3600] * 9 + [27000],
    "a short last frame": [3600] * 9 + [900],
    "uneven": [9000, 1500, 3000, 4500, 1500, 9000, 1500, 1500, 2000, 4500],
}


@pytest.mark.parametrize("name", LASTING)
def test_the_track_ends_with_its_last_frame(tmp_path: Path, name: str) -> None:
    layout, base = LAYOUTS["yuv420p"], Fraction(1, 90000)
    rng = np.random.default_rng(1)
    still = rng.integers(0, 255, (200, 200), dtype=np.uint8)
    path = tmp_path / "out.mp4"
    lasting = LASTING[name]
    with OutputWriter(path, VideoTarget(64, 64, layout, base, Fraction(25)), quality="balanced") as writer:
        for number, (start, lasts) in enumerate(zip(accumulate([0, *lasting]), lasting, strict=False)):
            y, u, v = (np.ascontiguousarray(still[number : number + n, :n]) for n in (64, 32, 32))
            writer.add_picture(Picture((y, u, v), layout), start * base, lasts * base)
        writer.close()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert packets[-1].pts != max(packet.pts or 0 for packet in packets)
        assert not any(packet.is_discard for packet in packets)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == sum(lasting) * base
    video = probe(path).video
    assert video is not None
    assert video.end == sum(lasting) * base
