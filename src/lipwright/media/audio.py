"""Sound of a file as float samples, counted exactly.

FFmpeg removes encoder priming and padding where the container declares them; what is left is placed by its timestamps:
sample 0 is the first sample that is heard, holes left by damaged packets are filled with silence, overlaps are dropped.
Small disagreements between timestamps and sample count are rounding of the container (Matroska and MPEG tick in
milliseconds or 90 kHz) and are ignored, so that no click is ever inserted into sound that is whole. Resampling is done
by libswresample with a long filter, and the number of samples is made exactly length x rate.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from lipwright.errors import AudioInvalid, DurationExceeded
from lipwright.media.guard import AS_AUDIO, Limits, Purpose, open_media
from lipwright.media.info import layout_name
from lipwright.media.probe import audio_stream
from lipwright.media.timing import packets_of

Samples = NDArray[np.float32]

# A gap in the timestamps longer than this is a hole, a shorter one is rounding.
HOLE = Fraction(1, 20)
_LOST = Fraction(1, 200)  # the same where packets did not decode, so that each of them leaves a hole
_PADDING = 4096
# Twice libswresample's default filter length: flat to within 0.1 dB up to 97 % of the lower Nyquist frequency.
_RESAMPLER = {"filter_size": "64", "cutoff": "0.98"}


class SeekFailed(Exception):
    """The file cannot be entered at an `Entry`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A place where decoding may begin instead of at the beginning; `media.sound_index` tells such places.

    Attributes:
        lead: raw timestamp of the packet to begin with, a few before the first that counts.
        pts: raw timestamp of the first packet that counts.
        position: number of the first sample it holds.
        origin: stream time in seconds of sample 0.
    """

    lead: int
    pts: int
    position: int
    origin: Fraction


def decode_audio(
    path: str | os.PathLike[str],
    rate: int | None = None,
    layout: str | None = None,
    purpose: Purpose = AS_AUDIO,
    limits: Limits | None = None,
    entry: Entry | None = None,
) -> Iterator[Samples]:
    """The first sound stream of a file from its first audible sample on, in blocks of (n, channels) float32.

    From `entry` on the samples are the same as if everything before had been decoded, except for noise that AAC leaves
    to the decoder to make up (perceptual noise substitution): that is of the same loudness, but other noise.

    Args:
        path: a local file.
        rate: samples per second to give; the stream's own if None.
        layout: channel layout to mix to; the stream's own if None.
        purpose: decides the class of the errors (a video's own sound, or an audio input).
        limits: how long the sound may be.
        entry: where to begin; only without change of the rate.

    Raises:
        AudioInaccessible, AudioInvalid: it cannot be opened, has no sound, or nothing of it decodes.
        SeekFailed: the file has no packet where `entry` says; nothing was given yet.
    """
    limits = limits or Limits()
    with open_media(path, purpose, limits) as container:
        stream = audio_stream(container)
        name = Path(path).name
        if stream is None:
            raise purpose.broken(f"{name!r} holds no sound that can be decoded.")
        own_rate = stream.codec_context.sample_rate
        whole = _placed(_frames(container, stream, entry), own_rate, layout, limits, name, entry)
        blocks = _trimmed(whole, declared_length(container, stream), entry.position if entry else 0)
        out_rate = rate or own_rate
        if out_rate != own_rate:
            if entry is not None:
                raise ValueError("Sound cannot be entered midway while its rate is changed")
            blocks = resampled(blocks, own_rate, out_rate, layout or _layout_of(stream))
        empty = True
        for block in blocks:
            empty = False
            yield block
        if empty and entry is None:
            raise AudioInvalid(f"The sound of {name!r} cannot be decoded: its content is damaged or empty.")


def audio_length(path: str | os.PathLike[str], limits: Limits | None = None) -> Fraction:
    """The exact length in seconds of the sound of a file, by decoding all of it.

    Raises:
        AudioInaccessible, AudioInvalid: as `decode_audio`.
    """
    with open_media(path, AS_AUDIO, limits) as container:
        stream = audio_stream(container)
        if stream is None:
            raise AudioInvalid(f"{Path(path).name!r} holds no sound that can be decoded.")
        rate = stream.codec_context.sample_rate
    return Fraction(sum(len(block) for block in decode_audio(path, limits=limits)), rate)


def load_mono(
    path: str | os.PathLike[str],
    rate: int = 16000,
    start: Fraction = Fraction(0),
    duration: Fraction | None = None,
    purpose: Purpose = AS_AUDIO,
    limits: Limits | None = None,
) -> Samples:
    """A stretch of a file's sound as (n,) float32 mono samples, for recognisers.

    Args:
        path: a local file.
        rate: samples per second.
        start: seconds to leave out at the beginning.
        duration: seconds to give, at most; None means to the end.
        purpose: decides the class of the errors.
        limits: how long the sound may be.
    """
    first = round(start * rate)
    last = None if duration is None else first + round(duration * rate)
    parts: list[Samples] = []
    at = 0
    for block in decode_audio(path, rate, "mono", purpose, limits):
        parts.append(block[max(0, first - at) : None if last is None else max(0, last - at), 0])
        at += len(block)
        if last is not None and at >= last:
            break
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def resampled(blocks: Iterator[Samples], from_rate: int, to_rate: int, layout: str) -> Iterator[Samples]:
    """`blocks` of (n, channels) at another rate, without delay; n samples become round(n * to_rate / from_rate)."""
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=to_rate, options=_RESAMPLER)
    taken = given = 0
    held: Samples | None = None  # the last block waits until the total is known

    for block in blocks:
        taken += len(block)
        frame = _frame(block, from_rate, layout)
        frame.pts, frame.time_base = taken - len(block), Fraction(1, from_rate)
        for out in resampler.resample(frame):
            if held is not None:
                given += len(held)
                yield held
            held = _samples_of(out)
    tail = [_samples_of(out) for out in resampler.resample(None)] if taken else []
    total = round(Fraction(taken * to_rate, from_rate))
    rest = [part for part in ([held] if held is not None else []) + tail if len(part)]
    for part in rest:
        part = part[: max(0, total - given)]
        given += len(part)
        if len(part):
            yield part
    if given < total:
        channels = av.AudioLayout(layout).nb_channels
        yield np.zeros((total - given, channels), np.float32)


def _frame(block: Samples, rate: int, layout: str) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame


def _samples_of(frame: av.AudioFrame) -> Samples:
    """(n, channels) of a planar float frame."""
    return np.ascontiguousarray(frame.to_ndarray().T, np.float32)


def _layout_of(stream: AudioStream) -> str:
    context = stream.codec_context
    return layout_name(context.layout.name, context.channels)


def _frames(
    container: av.container.InputContainer, stream: AudioStream, entry: Entry | None
) -> Iterator[av.AudioFrame | None]:
    """Every frame that decodes, from `entry` on; None for a packet that does not."""
    first = None
    if entry is not None:
        try:
            container.seek(entry.lead, stream=stream)
        except (av.FFmpegError, OSError):
            raise SeekFailed(entry) from None
        first = entry.lead
    for packet in packets_of(container, stream):
        if first is not None:
            if packet.pts is None or packet.pts > first:
                raise SeekFailed(entry)
            if packet.pts < first:
                continue
            first = None
        try:
            frames = stream.decode(packet if packet.size else None)
        except av.EOFError:
            return
        except (av.FFmpegError, OSError):
            yield None
            continue
        for frame in frames:
            if frame.samples and (entry is None or (frame.pts is not None and frame.pts >= entry.pts)):
                yield frame
    if first is not None:
        raise SeekFailed(entry)


def _placed(
    frames: Iterator[av.AudioFrame | None],
    rate: int,
    layout: str | None,
    limits: Limits,
    name: str,
    entry: Entry | None,
) -> Iterator[Samples]:
    """The samples of `frames` one after the other, holes filled and overlaps dropped according to their timestamps."""
    most = round(limits.max_duration * rate)
    start = entry.origin if entry else None
    count = entry.position if entry else 0
    unify = _Unifier(rate, layout)
    lost = False
    for frame in frames:
        if frame is None:
            lost = True
            continue
        block = unify.samples(frame)
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base
            start = time if start is None else start
            off = round((time - start) * rate) - count
            hole = round(rate * (_LOST if lost else HOLE))
            if off > hole and count + off <= most:
                yield from _silence(off, block.shape[1])
                count += off
            elif off < -hole:
                block = block[-off:]
        lost = False
        if count + len(block) > most:
            longest = float(limits.max_duration)
            raise DurationExceeded(f"The sound of {name!r} lasts longer than {longest:g} s, which is the most allowed.")
        count += len(block)
        if len(block):
            yield block


def declared_length(container: av.container.InputContainer, stream: AudioStream) -> int | None:
    """How many samples an MP4 track says it has; its last packet may hold more, which FFmpeg does not cut off."""
    if "mp4" not in container.format.name.split(",") or not stream.duration or not stream.time_base:
        return None
    return round(stream.duration * stream.time_base * stream.codec_context.sample_rate)


def excess_of(count: int, declared: int) -> int:
    """How many of `count` decoded samples are the encoder's padding at the end."""
    excess = count - declared
    return excess if 0 < excess <= _PADDING else 0


def _trimmed(blocks: Iterator[Samples], declared: int | None, first: int) -> Iterator[Samples]:
    """`blocks` without the encoder's padding at the end: what goes up to `_PADDING` samples beyond `declared`.

    They begin with sample number `first`.
    """
    if declared is None:
        yield from blocks
        return
    held: deque[Samples] = deque()
    count, waiting = first, 0
    for block in blocks:
        held.append(block)
        count += len(block)
        waiting += len(block)
        while waiting - len(held[0]) > _PADDING:
            waiting -= len(held[0])
            yield held.popleft()
    excess = excess_of(count, declared)
    for block in held:
        keep = min(len(block), max(0, waiting - excess)) if excess else len(block)
        waiting -= len(block)
        if keep:
            yield block[:keep]


def _silence(count: int, channels: int) -> Iterator[Samples]:
    while count > 0:
        step = min(count, 1 << 16)
        yield np.zeros((step, channels), np.float32)
        count -= step


class _Unifier:
    """Brings every frame to float samples in one layout; a stream may change its format on the way."""

    def __init__(self, rate: int, layout: str | None) -> None:
        self._rate, self._layout = rate, layout
        self._resampler: av.AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None

    def samples(self, frame: av.AudioFrame) -> Samples:
        """(n, channels) float32 of `frame`."""
        own = layout_name(frame.layout.name, frame.layout.nb_channels)
        self._layout = self._layout or own
        if frame.format.name == "fltp" and own == self._layout and frame.sample_rate == self._rate:
            return _samples_of(frame)
        form = (frame.format.name, own, frame.sample_rate)
        if self._resampler is None or form != self._format:
            self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
            self._format = form
        named = av.AudioFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name, layout=own)
        named.sample_rate = frame.sample_rate
        parts = [_samples_of(out) for out in self._resampler.resample(named)]
        channels = av.AudioLayout(self._layout).nb_channels
        return np.concatenate([np.zeros((0, channels), np.float32), *parts])
