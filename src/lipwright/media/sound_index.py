"""Where each AAC packet of a file sounds, counted in samples as `decode_audio` counts them, found without decoding.

One pass over the packets. Only those up to the first that is heard are decoded, because how much of it is left out
(priming) is known to the decoder alone. From there on every packet is 1024 samples, and the timestamps are judged by
the same rules as in `media.audio`: holes are counted, small disagreements are not.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Discard
from numpy.typing import NDArray

from lipwright.media.aac import FRAME, LARGEST, AacConfig, config_of, unwrapped, window_code
from lipwright.media.audio import HOLE, Entry, declared_length, excess_of
from lipwright.media.guard import AS_VIDEO, Limits, Purpose, open_media
from lipwright.media.probe import audio_stream
from lipwright.media.timing import audio_at, packets_of

_LEAD = 64  # packets among which the first that is heard must be
_BEFORE = 3  # packets decoded before the first that counts: the overlap, and some for decoders that keep more
_AFTER = 16  # packets at the beginning that decoding is not begun after, because edit lists are about them
_HEAD = 640  # bytes of a packet that are looked at


class Unplaced(Exception):
    """It cannot be told without decoding where the packets sound; the text says why, to follow "because"."""


@dataclass(frozen=True, slots=True)
class SoundIndex:
    """The packets of one AAC stream in order.

    Attributes:
        stream: index of the stream in the container.
        pts: raw timestamps, rising.
        positions: (n,) int64, rising: the sample that the 1024 of each packet start with; 0 is the first heard.
        windows: a `media.aac.window_code` for each packet.
        config: what the stream is.
        wrapped: each packet has an ADTS header before its sound.
        length: how many samples `decode_audio` gives; up to a packet too few where the container does not tell.
        rate: samples per second.
        origin: stream time in seconds of sample 0.
        enterable: decoding can begin anywhere, because the container tells exactly where each packet is.
    """

    stream: int
    pts: array[int]
    positions: NDArray[np.int64]
    windows: bytes
    config: AacConfig
    wrapped: bool
    length: int
    rate: int
    origin: Fraction
    enterable: bool

    def entry(self, sample: int) -> Entry | None:
        """Where to begin decoding to get `sample` soon; None if that is the beginning, or not possible."""
        number = int(np.searchsorted(self.positions, sample, "right")) - 1
        if not self.enterable or number < _AFTER:
            return None
        return Entry(self.pts[number - _BEFORE], self.pts[number], int(self.positions[number]), self.origin)


def index_sound(
    path: str | os.PathLike[str], stream: int, purpose: Purpose = AS_VIDEO, limits: Limits | None = None
) -> SoundIndex:
    """The index of AAC stream number `stream` of a file.

    Raises:
        Unplaced: the stream is not so regular that it could be told.
        VideoInaccessible, AudioInaccessible, MediaError, AudioInvalid: as `open_media`.
    """
    with open_media(path, purpose, limits) as container:
        track = only(container, stream)
        context = track.codec_context
        header = context.extradata
        config = config_of(header) if header else None
        lead, lead_samples, lead_pts = -1, 0, 0
        pts: array[int] = array("q")
        windows = bytearray()
        trimmed = -1
        for packet in packets_of(container, track):
            if not packet.size:
                continue
            if packet.pts is None:
                raise Unplaced("its packets have no timestamps")
            number = len(pts)
            pts.append(packet.pts)
            if header:
                sound = bytes(memoryview(packet)[:_HEAD]) if packet.size <= LARGEST else b""
            else:
                told, sound = unwrapped(bytes(packet)) or (None, b"")
                config = config or told
                sound = sound if told == config else b""
            windows.append(window_code(sound, context.channels))
            if lead < 0:
                lead_samples, lead_pts = _heard(track, packet)
                lead = number if lead_samples else -1
                if lead < 0 and number >= _LEAD:
                    raise Unplaced("none of its first packets is heard")
            elif packet.is_discard:
                raise Unplaced("its edit list leaves out sound in the middle")
            elif packet.has_sidedata("skip_samples"):
                if trimmed >= 0:
                    raise Unplaced("its packets are trimmed in the middle")
                trimmed = number
        if lead < 0 or config is None:
            raise Unplaced("none of it is heard" if config else "its form is not known")
        if 0 <= trimmed < len(pts) - 1:
            raise Unplaced("its packets are trimmed in the middle")
        assert track.time_base is not None
        ticks = np.frombuffer(pts, np.int64)
        if (np.diff(ticks) <= 0).any():
            raise Unplaced("the timestamps of its packets do not rise")
        per_tick = track.time_base * context.sample_rate
        positions = _positions(ticks, lead, lead_samples, lead_pts, per_tick, round(HOLE * context.sample_rate))
        if (np.diff(positions) <= 0).any():
            raise Unplaced("its packets overlap")
        count = int(positions[-1]) + FRAME
        declared = declared_length(container, track)
        # Only MP4 tells how many samples of the last packet are meant.
        length = count - FRAME if declared is None or trimmed >= 0 else count - excess_of(count, declared)
        exact = not {"mp4", "matroska"}.isdisjoint(container.format.name.split(","))
        origin = lead_pts * track.time_base
        rate = context.sample_rate
    return SoundIndex(stream, pts, positions, bytes(windows), config, not header, length, rate, origin, exact)


def aac_index(
    path: str | os.PathLike[str], purpose: Purpose = AS_VIDEO, limits: Limits | None = None
) -> SoundIndex | None:
    """The index of the sound that `decode_audio` gives, or None if it is not AAC or not regular.

    Raises:
        VideoInaccessible, AudioInaccessible, MediaError, AudioInvalid: as `open_media`.
    """
    with open_media(path, purpose, limits) as container:
        stream = audio_stream(container)
        if stream is None or stream.codec_context.name != "aac":
            return None
        number = stream.index
    try:
        return index_sound(path, number, purpose, limits)
    except Unplaced:
        return None


def only(container: av.container.InputContainer, index: int) -> AudioStream:
    """Audio stream `index`; of the others the demuxer may skip what it can."""
    for stream in container.streams:
        if stream.index != index:
            stream.discard = Discard.all
    return audio_at(container, index)


def _heard(track: AudioStream, packet: av.Packet[AudioStream]) -> tuple[int, int]:
    """How many samples of `packet` are heard, and the raw time of the first."""
    try:
        frames = [frame for frame in track.decode(packet) if frame.samples]
    except (av.FFmpegError, OSError):
        raise Unplaced("its first packets are damaged") from None
    if not frames:
        return 0, 0
    frame = frames[0]
    if len(frames) > 1 or frame.samples > FRAME or frame.pts is None or frame.time_base != track.time_base:
        raise Unplaced("its packets do not hold 1024 samples each")
    return frame.samples, frame.pts


def _positions(
    ticks: NDArray[np.int64], lead: int, samples: int, first: int, per_tick: Fraction, hole: int
) -> NDArray[np.int64]:
    """Where each packet starts, as `media.audio` places the frames."""
    positions = (np.arange(len(ticks), dtype=np.int64) - lead) * FRAME - (FRAME - samples)
    later = slice(lead + 1, None)
    times = (ticks[later] - first).astype(np.float64) * float(per_tick)
    if (np.abs(times - positions[later]) <= hole - 1).all():
        return positions
    count = samples
    for number in range(lead + 1, len(ticks)):
        off = round((int(ticks[number]) - first) * per_tick) - count
        if off > hole:
            count += off
        positions[number] = count
        if off < -hole:
            positions[number] = count + off
            count -= min(FRAME, -off)
        count += FRAME
    return positions
