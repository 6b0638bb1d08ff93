"""Makes small video and audio files whose every frame and sample is known.

Each frame carries its number as a row of black and white squares with the inverse row beneath, at the top left of the
picture as displayed, which survives lossy coding and tells when it does not (`number_of` answers None). Files are made
with PyAV directly, not with Lipwright's own writer, so that reader and writer are tested against something else.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_BITS = 12
_CELL = 8


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound track: one sine per channel (440, 660, 880 ... Hz) from `start` seconds on, for `duration` seconds."""

    rate: int = 48000
    layout: str = "stereo"
    codec: str = "aac"
    duration: Fraction = Fraction(2)
    start: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A clip to make.

    Attributes:
        pts, time_base: when each frame starts; `step` ticks is how long the last one lasts.
        rotation: clockwise degrees by which players must turn the coded picture.
    """

    pts: tuple[int, ...]
    time_base: Fraction
    step: int
    width: int = 128
    height: int = 96
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rotation: int = 0
    sample_aspect_ratio: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    sound: Sound | None = None

    @property
    def times(self) -> list[Fraction]:
        """When each frame starts, seconds."""
        return [pts * self.time_base for pts in self.pts]

    @property
    def end(self) -> Fraction:
        """When the last frame stops being shown."""
        return (self.pts[-1] + self.step) * self.time_base


def cfr(rate: Fraction, frames: int, start: int = 0, **more: object) -> Synthetic:
    """A clip of constant rate; `start` is in frames."""
    base = Fraction(1, rate.numerator)
    step = rate.denominator
    return Synthetic(tuple((start + i) * step for i in range(frames)), base, step, **more)  # type: ignore[arg-type]


def vfr(frames: int, **more: object) -> Synthetic:
    """A clip whose frames last 1/60 to 1/10 s, irregularly."""
    rng = np.random.default_rng(7)
    steps = rng.choice([1500, 3003, 3600, 4500, 9000], frames)
    pts = np.concatenate([[0], np.cumsum(steps[:-1])])
    return Synthetic(tuple(int(p) for p in pts), Fraction(1, 90000), int(steps[-1]), **more)  # type: ignore[arg-type]


def display_image(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) RGB of frame `number` as displayed: its number over a moving gradient."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([(x * 2 + number * 3) % 160 + 40, (y * 2 + number) % 160 + 40, (x + y) % 120 + 60], axis=-1)
    for bit in range(_BITS):
        shade = 220 if number >> bit & 1 else 30
        columns = slice(bit * _CELL, (bit + 1) * _CELL)
        image[:_CELL, columns] = shade
        image[_CELL : 2 * _CELL, columns] = 250 - shade
    return image.astype(np.uint8)


def number_of(luma: NDArray[np.uint8] | NDArray[np.uint16]) -> int | None:
    """The frame number in a displayed luma plane (any bit depth), or None if it cannot be read for sure."""
    plane = luma.astype(np.float64) / (4 if luma.dtype == np.uint16 else 1)
    number = 0
    for bit in range(_BITS):
        inner = slice(bit * _CELL + 2, (bit + 1) * _CELL - 2)
        value, inverse = plane[2 : _CELL - 2, inner].mean(), plane[_CELL + 2 : 2 * _CELL - 2, inner].mean()
        if abs(value - inverse) < 60:
            return None
        number |= int(value > inverse) << bit
    return number


def tone(sound: Sound) -> NDArray[np.float32]:
    """(n, channels) float32 samples of a sound track."""
    count = round(sound.duration * sound.rate)
    channels = av.AudioLayout(sound.layout).nb_channels
    at = np.arange(count) / sound.rate
    return np.stack([0.3 * np.sin(2 * np.pi * (440 + 220 * c) * at) for c in range(channels)], -1).astype(np.float32)


def make_clip(path: Path, clip: Synthetic) -> Path:
    """Write `clip` to `path`; the container is told by the suffix."""
    # Edit lists count in movie ticks: fine enough that they are exact.
    exact = {"movie_timescale": "720000"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=exact) as container:
        deltas = [b - a for a, b in zip(clip.pts, clip.pts[1:], strict=False)] or [clip.step]
        rate = 1 / (Fraction(sum(deltas), len(deltas)) * clip.time_base)
        stream = container.add_stream(clip.codec, rate=rate.limit_denominator(100000), options=dict(clip.options))
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pix_fmt
        stream.codec_context.sample_aspect_ratio = clip.sample_aspect_ratio
        if clip.codec not in ("mpeg1video", "mpeg2video"):
            stream.codec_context.time_base = clip.time_base
            stream.time_base = clip.time_base
        if clip.colour is not None:
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = clip.colour
        if clip.rotation:
            stream.set_display_rotation(-clip.rotation)
        track = None
        if clip.sound is not None:
            track = container.add_stream(clip.sound.codec, rate=clip.sound.rate, layout=clip.sound.layout)
            _mux_sound(container, track, clip.sound)
        lasts: dict[int, int] = {}
        for number, pts in enumerate(clip.pts):
            frame = _frame(number, clip)
            frame.pts, frame.time_base = pts, clip.time_base
            lasts[pts] = clip.pts[number + 1] - pts if number + 1 < len(clip.pts) else clip.step
            for packet in stream.encode(frame):
                packet.duration = lasts.get(packet.pts, 0) if packet.time_base == clip.time_base else packet.duration
                container.mux(packet)
        for packet in stream.encode(None):
            packet.duration = lasts.get(packet.pts, 0) if packet.time_base == clip.time_base else packet.duration
            container.mux(packet)
    return path


def make_still(path: Path, width: int, height: int, codec: str) -> Path:
    """Write frame 5 as one image ("mjpeg", "png")."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = width, height
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(display_image(5, width, height), format="rgb24")
    if codec == "mjpeg":
        frame = frame.reformat(format="yuvj420p", dst_colorspace=5, dst_color_range=2)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return path


def make_wav(path: Path, samples: NDArray[np.float32], rate: int) -> Path:
    """Write (n, channels) or (n,) samples as 16-bit PCM."""
    planes = samples.reshape(len(samples), -1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(planes.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.rint(planes * 32768), -32768, 32767).astype("<i2").tobytes())
    return path


def _frame(number: int, clip: Synthetic) -> av.VideoFrame:
    turned = clip.rotation in (90, 270)
    width, height = (clip.height, clip.width) if turned else (clip.width, clip.height)
    image = display_image(number, width, height)
    # Players turn clockwise by `rotation`, so the coded picture is the displayed one turned back.
    coded = np.ascontiguousarray(np.rot90(image, clip.rotation // 90))
    return av.VideoFrame.from_ndarray(coded, format="rgb24").reformat(format=clip.pix_fmt)


def _mux_sound(container: av.container.OutputContainer, track: av.audio.stream.AudioStream, sound: Sound) -> None:
    samples = tone(sound)
    first = round(sound.start * sound.rate)
    for at in range(0, len(samples), 1024):
        block = np.ascontiguousarray(samples[at : at + 1024].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=sound.layout)
        frame.sample_rate, frame.pts, frame.time_base = sound.rate, first + at, Fraction(1, sound.rate)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))
