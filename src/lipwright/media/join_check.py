"""Whether a join of AAC packets sounds right, told by decoding the few packets around it.

The windows tell where packets of two encoders fit (`media.aac.fit`). This makes sure of what they cannot tell: that the
packets are of the sound they were taken for, and that the encoder did well just there (FFmpeg's now and then spoils the
packet after an attack, by an error only 10 dB below the sound). Only frequencies up to 3.5 kHz are compared: above,
encoders replace noise by instructions to make some up, of which every decoding is different.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from lipwright.media.aac import FRAME
from lipwright.media.encoding import AudioTarget

_HIGHEST = 3500  # Hz
_GOOD = 10**-2.6
"""Error that is always good enough, of the energy beside it; encoding leaves about 10**-4."""
_LIKE = 6.0
"""Times the error of encoded sound nearby that a join may have."""
_BAD = 10**-1.2
_SILENT = 1e-9  # mean square of samples that nobody hears


def sounds_right(
    payloads: Sequence[bytes], config: bytes, target: AudioTarget, wanted: NDArray[np.float32], encoded: range
) -> bool:
    """Whether `payloads` decode to `wanted` about as well as encoded sound does.

    Args:
        payloads: consecutive packets around the join.
        config: their AudioSpecificConfig.
        target: their rate and layout.
        wanted: (1024 * (len(payloads) - 1), channels), what all but the first of them should give.
        encoded: numbers of those payloads that are wholly amid encoded ones, for comparison; may be empty.
    """
    got = _decoded(payloads, config, target)
    if got is None or got.shape != wanted.shape:
        return False
    error, sound = _energies(got - wanted, target.rate), _energies(wanted, target.rate)
    # A window reaches from one packet into the next, so what is loud beside a block lets errors into it.
    loud = np.maximum(np.maximum(sound, np.roll(sound, 2)), np.roll(sound, -2)) + _SILENT
    usual = [error[2 * (number - 1)] for number in encoded if number > 0]
    allowed = np.maximum(loud * _GOOD, _LIKE * float(np.median(usual)) if usual else 0.0)
    return bool((error <= np.minimum(allowed, loud * _BAD)).all())


def _energies(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Mean square below the highest frequency of overlapping blocks: [2 * i] is about packet i."""
    window = np.hanning(FRAME)
    blocks = np.stack([samples[at : at + FRAME] for at in range(0, len(samples) - FRAME + 1, FRAME // 2)])
    spectrum = np.fft.rfft(blocks * window[None, :, None], axis=1)
    kept = spectrum[:, : max(2, round(_HIGHEST * FRAME / rate))]
    power = 2 * (kept.real**2 + kept.imag**2).sum(axis=1).mean(axis=1)
    return np.asarray(power / (FRAME * (window**2).sum()), np.float64)


def _decoded(payloads: Sequence[bytes], config: bytes, target: AudioTarget) -> NDArray[np.float32] | None:
    """(n, channels) of all packets but the first, whose overlap is missing; None if they do not decode."""
    context = av.CodecContext.create("aac", "r")
    assert isinstance(context, AudioCodecContext)
    context.extradata = config
    context.sample_rate, context.layout = target.rate, target.layout
    parts = []
    try:
        for payload in payloads:
            parts.append([frame.to_ndarray().T for frame in context.decode(av.Packet(payload))])
    except (av.FFmpegError, OSError):
        return None
    rest = [block for blocks in parts[1:] for block in blocks]
    return np.concatenate(rest) if rest else None
