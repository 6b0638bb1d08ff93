"""Sound like music and like speech, and AAC files of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def music(rate: int, layout: str, seconds: float, seed: int = 0) -> Samples:
    """Plucked notes with overtones and a click on every second beat: (n, channels) float32."""
    rng = np.random.default_rng(seed)
    count = round(rate * seconds)
    sound = np.zeros(count)
    for beat, at in enumerate(range(0, count, round(rate * 0.31))):
        time = np.arange(min(count - at, rate)) / rate
        pitch = 220 * 2 ** (rng.integers(0, 24) / 12)
        swell = 0.12 * np.minimum(time / 0.004, 1) * np.exp(-4 * time)
        sound[at : at + len(time)] += swell * sum(np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 9))
        if beat % 2:
            sound[at : at + len(time)] += 0.1 * np.exp(-60 * time) * rng.standard_normal(len(time))
    return _spread(sound, rate, layout)


def speech(rate: int, layout: str, seconds: float, seed: int = 0) -> Samples:
    """A voice-like buzz in syllables with hisses between them: (n, channels) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(110 + 20 * np.sin(2 * np.pi * 0.7 * time + seed)) / rate
    buzz = sum(np.sin(phase * h) / h**1.2 for h in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time + seed) + 0.3, 0, 1)
    hiss = rng.standard_normal(len(time)) * np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1)
    return _spread(0.15 * buzz * syllables + 0.03 * hiss, rate, layout)


def rustle(rate: int, layout: str, seconds: float, seed: int = 0) -> Samples:
    """Steady noise that swells at the beginning and fades at the end, without any attack: (n, channels) float32."""
    count = round(rate * seconds) // 1024 * 1024
    noise = np.convolve(np.random.default_rng(seed).standard_normal(count), np.hanning(8) / 4, "same")
    time = np.arange(count) / rate
    swell = np.clip(2 * np.minimum(time, time[-1] - time) - 0.1, 0, 1) ** 2
    channels = av.AudioLayout(layout).nb_channels
    return np.stack([0.1 * noise * swell * (1 - 0.2 * c) for c in range(channels)], -1).astype(np.float32)


def make_aac(path: Path, samples: Samples, rate: int, bit_rate: int, **options: str) -> Path:
    """Write (n, channels) as FFmpeg's AAC; the container is told by the suffix.

    Without noise substitution, unless asked for: it makes every decoder invent its own noise.
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(str(path), "w") as container:
        track = container.add_stream(
            "aac", rate=rate, layout=layout, format="fltp", options={"aac_pns": "0", **options}
        )
        track.codec_context.bit_rate = bit_rate
        for at in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[at : at + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def repeated(path: Path, source: Path, times: int) -> Path:
    """Write the sound packets of `source` again and again: long sound that costs little to make."""
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        track = container.streams.audio[0]
        copied = output.add_stream_from_template(track)
        payloads = [bytes(packet) for packet in container.demux(track) if packet.size]
        for number in range(times * len(payloads)):
            packet = av.Packet(payloads[number % len(payloads)])
            packet.stream, packet.time_base = copied, Fraction(1, track.codec_context.sample_rate)
            packet.pts = packet.dts = (number - 1) * 1024
            packet.duration, packet.is_keyframe = 1024, True
            output.mux(packet)
    return path


def make_sine_aac(path: Path, samples: Samples, rate: int, bit_rate: int) -> Path:
    """Like `make_aac`, but with sine windows throughout, as some encoders write it; `samples` must have no attacks.

    FFmpeg's encoder has only Kaiser-Bessel windows for steady sound. It is given sound whose folds with those are what
    the folds of `samples` with sine windows would be, and then the bit that tells the shape is changed in each packet.
    """
    half = np.arange(1024)
    kaiser = np.cumsum(np.i0(4 * np.pi * np.sqrt(1 - (2 * np.arange(1025) / 1024 - 1) ** 2)))
    own, sine = np.sqrt(kaiser[:-1] / kaiser[-1])[:, None], np.sin(np.pi / 2048 * (half + 0.5))[:, None]
    changed = np.zeros_like(samples[: len(samples) // 1024 * 1024])
    for at in range(0, len(changed), 1024):
        part = samples[at : at + 1024].astype(np.float64)
        # Every half window is the second of one packet (folded evenly) and the first of the next (oddly).
        even = sine[::-1] * part + sine * part[::-1]
        odd = sine * part - sine[::-1] * part[::-1]
        changed[at : at + 1024] = own[::-1] * even + own * odd
    plain = make_aac(path.with_suffix(".plain.mp4"), changed, rate, bit_rate)
    with av.open(str(plain)) as source, av.open(str(path), "w") as container:
        track = source.streams.audio[0]
        copied = container.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.size:
                container.mux(_as_sine(packet, samples.shape[1], copied))
    plain.unlink()
    return path


def _as_sine(packet: av.Packet, channels: int, stream: av.audio.stream.AudioStream) -> av.Packet:
    bits = "".join(f"{byte:08b}" for byte in bytes(packet))
    at = 0
    while bits[at : at + 3] == "110":  # what FFmpeg puts before its first packet
        count = int(bits[at + 3 : at + 7], 2)
        at += 7 + 8 * count if count < 15 else 15 + 8 * (14 + int(bits[at + 7 : at + 15], 2))
    at += 16 if channels == 1 else 9
    if bits[at : at + 3] != "001":
        raise ValueError("The sound has attacks")
    bits = bits[: at + 2] + "0" + bits[at + 3 :]
    payload = int(bits, 2).to_bytes(packet.size, "big")
    changed = av.Packet(payload)
    changed.stream, changed.time_base = stream, packet.time_base
    changed.pts, changed.dts, changed.duration, changed.is_keyframe = packet.pts, packet.dts, packet.duration, True
    return changed


def _spread(sound: NDArray[np.float64], rate: int, layout: str) -> Samples:
    """`sound` in every channel at its own level, with a hum of its own."""
    time = np.arange(len(sound)) / rate
    channels = av.AudioLayout(layout).nb_channels
    return np.stack(
        [sound * (1 - 0.2 * c) + 0.02 * np.sin(2 * np.pi * (300 + 90 * c) * time) for c in range(channels)], -1
    ).astype(np.float32)
