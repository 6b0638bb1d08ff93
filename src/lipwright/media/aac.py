"""AAC-LC from inside, as far as putting packets of two encoders one after the other needs it.

A packet holds the spectrum of a window of 2048 samples; each window overlaps the next by half, and only the sum of two
neighbours is sound again: the aliasing of one cancels that of the other (Princen, Johnson and Bradley, "Subband/
transform coding using filter bank designs based on time domain aliasing cancellation", ICASSP 1987). So where packets
of two streams meet, the sum comes out right if both are made of the same sound there and the two halves that overlap
have the same slope; where only the shapes of long slopes differ, our own packet can be made to suit.

The slope is told at the very beginning of a packet (ISO/IEC 14496-3, 4.4.2.1 and 4.6.11): `window_sequence` says
whether either half is long or short, `window_shape` is the shape of the second half, and the first half has the shape
that the packet before told. Nothing else of a packet depends on those before it: noise that a decoder makes up
(perceptual noise substitution) differs from decoder to decoder in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from lipwright.media.bits import BitReader
from lipwright.media.encoding import AAC_OPTIONS, AudioTarget, bit_rate

FRAME = 1024
"""Samples by which one packet advances."""

LARGEST = 8191
"""Bytes of the largest packet there may be: what the frame length of an ADTS header can tell."""

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LC = 2
_SBR = 5
_SYNC_EXTENSION = 0x2B7
_SCE, _CPE, _DSE, _FIL = 0, 1, 4, 6
_HEAD = 600  # bytes looked at; data and fill elements that come before the sound are rarely longer
_LONG, _START, _SHORT, _STOP = range(4)


@dataclass(frozen=True, slots=True)
class AacConfig:
    """An AudioSpecificConfig.

    Attributes:
        object_type: 2 is AAC-LC.
        rate: samples per second of the core.
        channels: channel configuration; 0 if the stream describes its channels itself.
        short: frames have 960 samples instead of 1024.
        extended: spectral band replication is announced.
    """

    object_type: int
    rate: int
    channels: int
    short: bool
    extended: bool

    @property
    def plain(self) -> bool:
        """Whether packets are AAC-LC of 1024 samples and nothing more."""
        return self.object_type == _LC and self.channels > 0 and not self.short and not self.extended


def config_of(header: bytes) -> AacConfig | None:
    """What an AudioSpecificConfig says; None if it is too short or in a form that is not known here."""
    bits = BitReader(header)
    try:
        object_type, index = bits.bits(5), bits.bits(4)
        if index >= len(_RATES) or object_type == 31:
            return None
        channels, short, core = bits.bits(4), bits.flag(), bits.flag()
        if core:
            return None
        bits.flag()
    except EOFError:
        return None
    try:
        extended = bits.bits(11) == _SYNC_EXTENSION and bits.bits(5) == _SBR and bits.flag()
    except EOFError:
        extended = False
    return AacConfig(object_type, _RATES[index], channels, short, extended)


def unwrapped(packet: bytes) -> tuple[AacConfig, bytes] | None:
    """What a packet with an ADTS header says and holds; None if it is not one with a single block of sound."""
    bits = BitReader(packet[:7])
    try:
        sync, _, layer, bare, object_type = bits.bits(12), bits.flag(), bits.bits(2), bits.flag(), bits.bits(2) + 1
        index, _, channels, _, length = bits.bits(4), bits.flag(), bits.bits(3), bits.bits(4), bits.bits(13)
        _, more = bits.bits(11), bits.bits(2)
    except EOFError:
        return None
    if sync != 0xFFF or layer or more or index >= len(_RATES) or length != len(packet):
        return None
    return AacConfig(object_type, _RATES[index], channels, False, False), packet[7 if bare else 9 :]


class Window(NamedTuple):
    """The window of a packet, the same in all its channels: which slopes are short, and the shape of the second."""

    left_short: bool
    right_short: bool
    shape: int

    @property
    def code(self) -> int:
        """As a small number, for `windows_from`."""
        return self.left_short | self.right_short << 1 | self.shape << 2


# By window_sequence and window_shape as they are in a packet.
_CODES = tuple(
    Window(sequence in (_SHORT, _STOP), sequence in (_START, _SHORT), shape).code
    for sequence in range(4)
    for shape in range(2)
)
UNKNOWN = 254
"""Instead of a window's code: the channels have a window each, and the second is out of reach."""
FOREIGN = 255
"""Instead of a window's code: the packet does not begin as one of that many channels does."""


def window_from(code: int) -> Window | None:
    """The window of a code; None for `UNKNOWN` and `FOREIGN`."""
    return Window(bool(code & 1), bool(code & 2), code >> 2) if code < 8 else None


def window_code(payload: bytes, channels: int) -> int:
    """The code of the window of a packet with 1 or 2 channels, or `UNKNOWN` or `FOREIGN`."""
    if not 0 < len(payload) <= LARGEST:
        return FOREIGN
    # Nearly all packets begin with their sound, and then it is at hand.
    if channels == 1 and len(payload) > 2 and not payload[0] >> 5:
        return _CODES[payload[2] >> 5]
    if channels == 2 and len(payload) > 1 and payload[0] >> 5 == _CPE and payload[0] & 1:
        return _CODES[payload[1] >> 4 & 7]
    bits = BitReader(payload[:_HEAD])
    try:
        if not _to_window(bits, channels):
            return UNKNOWN
        return _CODES[bits.bits(3)]
    except EOFError:
        return FOREIGN


def reshaped(payload: bytes, channels: int, shape: int) -> bytes:
    """A packet whose window is known, with another shape of the second half."""
    bits = BitReader(payload[:_HEAD])
    _to_window(bits, channels)
    bits.bits(2)
    place, mask = bits.position // 8, 0x80 >> bits.position % 8
    byte = payload[place] | mask if shape else payload[place] & ~mask
    return payload[:place] + bytes([byte]) + payload[place + 1 :]


def _to_window(bits: BitReader, channels: int) -> bool:
    """Moves to where the window of all channels is told; False if each has its own. `EOFError` if it is foreign."""
    element = _first_sound(bits)
    if element != (_SCE if channels == 1 else _CPE):
        raise EOFError("It is no packet of that many channels")
    bits.bits(4)
    if element == _CPE and not bits.bits(1):
        return False
    if element == _SCE:
        bits.bits(8)
    bits.bits(1)
    return True


def _first_sound(bits: BitReader) -> int:
    """Skips data and fill elements; the kind of the element after them."""
    while True:
        element = bits.bits(3)
        if element == _FIL:
            count = bits.bits(4)
            if count == 15:
                count += bits.bits(8) - 1
            bits.bits(8 * count)
        elif element == _DSE:
            bits.bits(4)
            aligned, count = bits.bits(1), bits.bits(8)
            if count == 255:
                count += bits.bits(8)
            if aligned:
                bits.bits(-bits.position % 8)
            bits.bits(8 * count)
        else:
            return element


class Fit(Enum):
    """How well packets of two streams meet."""

    NOT = 0
    RESHAPED = 1  # if the sound between them is encoded for the other's slope, see `reshaping`
    EXACT = 2


def fit(before: Window | None, own: Window | None, first: Window | None) -> Fit:
    """How packet `first` may follow `before` of another stream, instead of `own` of its own stream."""
    if before is None or own is None or first is None or before.right_short != first.left_short:
        return Fit.NOT
    if before.shape == own.shape:
        return Fit.EXACT
    return Fit.NOT if before.right_short else Fit.RESHAPED


def reshaping(samples: NDArray[np.float32], own: int, wanted: int, *, rising: bool) -> NDArray[np.float32]:
    """Samples that an encoder must be given so that a decoder with another slope gets `samples` out of its packet.

    An encoder multiplies the 1024 samples of half a window by its slope and folds them on themselves, which leaves only
    half as many numbers; the decoder unfolds those and multiplies by its own slope. So there are many ways to change
    the samples that lead to the fold which the other slope would have made; this is the smallest.

    Args:
        samples: (1024, channels) of the half window.
        own: `Window.shape` with which the encoder works there.
        wanted: the shape with which it will be decoded.
        rising: the first half of a window (else the second).
    """
    slopes = [_slope(shape) if rising else _slope(shape)[::-1] for shape in (own, wanted)]
    sign = -1.0 if rising else 1.0
    exact = samples.astype(np.float64)
    folded = [exact * slope[:, None] for slope in slopes]
    folded = [part + sign * part[::-1] for part in folded]
    return (exact + slopes[0][:, None] * (folded[1] - folded[0])).astype(np.float32)


def _slope(shape: int) -> NDArray[np.float64]:
    """The rising half of a long window (ISO/IEC 14496-3, 4.6.11.3.2): 0 a sine, 1 Kaiser-Bessel derived, alpha 4."""
    if shape == 0:
        return np.asarray(np.sin(np.pi / (4 * FRAME) * (2 * np.arange(FRAME) + 1)), np.float64)
    total = np.cumsum(np.kaiser(FRAME + 1, 4 * np.pi))
    return np.asarray(np.sqrt(total[:-1] / total[-1]), np.float64)


class Coded(NamedTuple):
    """A packet of our own encoder."""

    payload: bytes
    window: Window | None


class AacEncoder:
    """FFmpeg's AAC encoder as the output's sound track uses it, started anew somewhere on the output's packet grid."""

    def __init__(self, target: AudioTarget) -> None:
        self._target = target
        context = av.CodecContext.create("aac", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout, context.format = target.rate, target.layout, "fltp"
        context.bit_rate = bit_rate(target)
        context.options = dict(AAC_OPTIONS)
        context.time_base = Fraction(1, target.rate)
        self._context = context
        self._fed = 0

    @property
    def config(self) -> bytes:
        """The AudioSpecificConfig."""
        if not self._context.is_open:
            self._context.open()
        return self._context.extradata or b""

    def add(self, samples: NDArray[np.float32]) -> list[Coded]:
        """Feed (n, channels) samples, n = 1024 except for the last; the packets that are done.

        The first packet belongs to the 1024 samples before the first that was fed, so its window ends with those.
        """
        planar = np.ascontiguousarray(samples.T, np.float32)
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=self._target.layout)
        frame.sample_rate = self._target.rate
        frame.pts, frame.time_base = self._fed, Fraction(1, self._target.rate)
        self._fed += len(samples)
        return self._coded(self._context.encode(frame))

    def finish(self) -> list[Coded]:
        """The packets that are left."""
        return self._coded(self._context.encode(None))

    def _coded(self, packets: Iterable[av.Packet]) -> list[Coded]:  # type: ignore[type-arg]
        coded = []
        for packet in packets:
            payload = bytes(packet)
            coded.append(Coded(payload, window_from(window_code(payload, self._target.channels))))
        return coded
