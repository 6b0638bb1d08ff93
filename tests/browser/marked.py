"""A talking portrait whose frames carry their number in big squares along the bottom, away from the face.

A bit is a black or white square over its inverse, so that a number is either right or known to be unreadable, also in
the small picture that the page looks at. What the source looks like is kept as the page would see it: the same sixteen
by twelve cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from tests.browser.chromium import Shown

from lipwright.generation.demo import MOVE
from lipwright.generation.sample import pan_and_zoom
from lipwright.models.registry import model_path

WIDTH, HEIGHT, RATE = 640, 480, 25
GRID = (12, 16)
BITS = 8
_SQUARE = 2 * WIDTH // GRID[1]  # two cells wide
_STRIP = HEIGHT // GRID[0]  # one cell high
# Cells of the face, whose mouth the product moves: not compared with the source.
_FACE = (slice(3, 9), slice(5, 12))
# Two losses of coding and the browser's colours come to some four levels in the worst cell.
_CLOSE = 8.0
_SOUND_RATE = 48_000

Cells = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked video.

    Attributes:
        keys: frames at which a group of pictures begins.
        cells: (n, 12, 16) brightness 0..255 of every frame.
    """

    path: Path
    keys: tuple[int, ...]
    cells: Cells


def marked_video(path: Path, frames: int, every: int) -> Marked:
    """Write `frames` frames of H.264 with B-frames, a key frame each `every`, and AAC in stereo."""
    _write(path, frames, every, crf=21)
    return read(path)


def _write(path: Path, frames: int, every: int, *, crf: int) -> None:
    portrait = cv2.imread(str(model_path("astronaut.png")))
    assert portrait is not None
    # Half of the colour is enough for a face, and no colour is then beyond RGB, where the browser would clip it.
    grey = portrait.mean(axis=2, keepdims=True)
    portrait = (0.5 * portrait + 0.5 * grey).astype(np.uint8)
    options = {
        "preset": "fast",
        "crf": str(crf),
        # stitchable: the header does not depend on the crf, so that streams of two can be spliced.
        "x264-params": f"keyint={every}:min-keyint={every}:scenecut=0:open-gop=0:bframes=3:stitchable=1",
    }
    times = (Fraction(n, RATE) for n in range(frames))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
        sound = container.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        for number, rgb in enumerate(pan_and_zoom(np.ascontiguousarray(portrait[..., ::-1]), MOVE, HEIGHT, times)):
            side = (WIDTH - HEIGHT) // 2
            picture = np.pad(rgb, ((0, 0), (side, side), (0, 0)), mode="edge")
            for bit in range(BITS):
                shade, columns = (235 if number >> bit & 1 else 20), slice(bit * _SQUARE, (bit + 1) * _SQUARE)
                picture[-2 * _STRIP : -_STRIP, columns] = shade
                picture[-_STRIP:, columns] = 255 - shade
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for at in range(0, frames * _SOUND_RATE // RATE, 1024):
            tone = 0.2 * np.sin(2 * np.pi * 330 * (at + np.arange(1024)) / _SOUND_RATE)
            block = av.AudioFrame.from_ndarray(np.stack([tone, tone]).astype(np.float32), "fltp", "stereo")
            block.sample_rate, block.pts, block.time_base = _SOUND_RATE, at, Fraction(1, _SOUND_RATE)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def read(path: Path) -> Marked:
    """What the decoder makes of a marked video."""
    keys, cells = [], []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if frame.key_frame:
                keys.append(index)
            luma = frame.to_ndarray(format="gray").astype(np.float64)  # full range
            height, width = luma.shape
            rows, columns = GRID
            cells.append(luma.reshape(rows, height // rows, columns, width // columns).mean(axis=(1, 3)))
    return Marked(path, tuple(keys), np.stack(cells))


def number_of(cells: Sequence[float]) -> int | None:
    """The number that a picture carries, None where it cannot be read for sure."""
    strips = np.asarray(cells).reshape(GRID)[-2:]
    number = 0
    for bit in range(BITS):
        value, inverse = strips[:, 2 * bit : 2 * bit + 2].mean(axis=1)
        if abs(value - inverse) < 120:
            return None
        number |= int(value > inverse) << bit
    return number


def seen_otherwise(shown: Shown, source: Marked) -> str | None:
    """How a frame that was shown differs from what the source has in its place; None if it does not."""
    number = number_of(shown.cells)
    if number is None or number >= len(source.cells):
        return f"at {shown.time:.3f} s a picture that is no frame of the source"
    apart = np.abs(np.asarray(shown.cells).reshape(GRID) - source.cells[number])
    apart[_FACE] = 0.0
    if apart.max() > _CLOSE:
        return f"at {shown.time:.3f} s frame {number}, changed by {apart.max():.1f} beside the face"
    wanted = int((shown.time if shown.asked is None else shown.asked) * RATE + (1e-3 if shown.asked is None else 0))
    if shown.asked is not None and number != wanted:
        return f"sought {shown.asked:.3f} s, frame {wanted}; shown was frame {number}"
    # While playing, the picture may move on by one frame between the browser's call and the look at it.
    if shown.asked is None and not wanted <= number <= wanted + 1:
        return f"at {shown.time:.3f} s frame {number} in the place of frame {wanted}"
    return None


def spliced(source: Marked, path: Path, group: int, *, foreign: bool = False) -> Path:
    """`source` with one group of pictures encoded anew; `foreign` puts that of the group before there instead."""
    other = path.with_suffix(".other.mp4")
    every = source.keys[1]
    _write(other, len(source.cells), every, crf=17)
    first, last = group * every, (group + 1) * every
    with av.open(str(source.path)) as a, av.open(str(other)) as b, av.open(str(path), "w") as out:
        streams = {kind: out.add_stream_from_template(getattr(a.streams, kind)[0]) for kind in ("video", "audio")}
        video = [packet for packet in a.demux(video=0) if packet.dts is not None]
        anew = [packet for packet in b.demux(video=0) if packet.dts is not None]
        for at, (packet, new) in enumerate(zip(video, anew, strict=True)):
            if first <= at < last:
                taken = av.Packet(bytes(video[at - every] if foreign else new))
                taken.pts, taken.dts, taken.time_base = packet.pts, packet.dts, packet.time_base
                taken.duration, taken.is_keyframe = packet.duration, packet.is_keyframe
                packet = taken
            packet.stream = streams["video"]
            out.mux(packet)
        a.seek(0)
        for packet in a.demux(audio=0):
            if packet.dts is not None:
                packet.stream = streams["audio"]
                out.mux(packet)
    return path
