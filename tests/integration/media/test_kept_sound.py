"""The source's own AAC packets in the output wherever its sound is untouched, and clean joins around the rest."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import make_wav
from tests.synthetic.sounds import make_aac, music, speech

from lipwright.media.audio import Samples, decode_audio
from lipwright.media.encoding import Scales, audio_target
from lipwright.media.info import MediaInfo
from lipwright.media.kept_sound import SplicedSound
from lipwright.media.mix import SoundMix
from lipwright.media.mp4 import Mp4File
from lipwright.media.probe import probe
from lipwright.timeline.edl import Original, SoundSpan, Span, Speech

FRAME = 1024
MATERIAL = {"music": music, "speech": speech}


def span(start: object, stop: object) -> Span:
    return Span(Fraction(str(start)), Fraction(str(stop)))


def replaced(duration: object, start: object, stop: object) -> list[SoundSpan]:
    """The original with speech "a" instead from `start` to `stop`."""
    return [
        SoundSpan(span(0, start), Original(Fraction(0))),
        SoundSpan(span(start, stop), Speech("a", Fraction(0))),
        SoundSpan(span(stop, duration), Original(Fraction(str(stop)))),
    ]


@dataclass(frozen=True)
class Packets:
    """The sound packets of a file: presentation time in samples, payload and duration; and all of it decoded."""

    times: list[int]
    payloads: list[bytes]
    durations: list[int]
    decoded: Samples

    @classmethod
    def of(cls, path: Path) -> Packets:
        with av.open(str(path)) as container:
            track = container.streams.audio[0]
            found = [packet for packet in container.demux(track) if packet.size]
            assert track.time_base == Fraction(1, track.codec_context.sample_rate)
            assert [packet.dts for packet in found] == [packet.pts for packet in found]
            return cls(
                [packet.pts or 0 for packet in found],
                [bytes(packet) for packet in found],
                [packet.duration or 0 for packet in found],
                np.concatenate(list(decode_audio(path))),
            )


@dataclass(frozen=True)
class Spliced:
    """An output: its packets, the samples that the mix asked for, and the writer."""

    out: Packets
    wanted: Samples
    sound: SplicedSound

    def errors(self) -> NDArray[np.float64]:
        """Mean square error of the samples of each packet that is heard, against the mix."""
        count = min(len(self.out.decoded), len(self.wanted))
        squares = ((self.out.decoded[:count].astype(np.float64) - self.wanted[:count]) ** 2).mean(axis=1)
        times = np.array(self.out.times)
        heard = times[(times >= 0) & (times + FRAME <= count)]
        return np.array([squares[at : at + FRAME].mean() for at in heard])


def spliced(
    source: Path, spans: list[SoundSpan], duration: object, voice: Path, folder: Path, *, copy: bool = True
) -> Spliced:
    """Write the sound of `spans` over `source`, in steps as pictures would be written."""
    info = probe(source)
    length = Fraction(str(duration))

    def mix() -> SoundMix:
        return SoundMix(spans, length, audio_target(info.audio)[0], {"a": voice}, (source, info))

    path = folder / "out.mp4"
    sound = write(path, mix(), source, info, length, copy=copy)
    wanted = np.concatenate(list(mix().blocks()))
    return Spliced(Packets.of(path), wanted, sound)


def write(path: Path, mix: SoundMix, source: Path, info: MediaInfo, length: Fraction, *, copy: bool) -> SplicedSound:
    file = Mp4File(path, Scales(25, 25 * mix.target.rate, True))
    video = file.container.add_stream("mpeg4", rate=25)
    video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
    sound = SplicedSound(file, mix, (source, info), copy=copy)
    for step in range(int(length * 25)):
        sound.up_to(Fraction(step + 1, 25))
    sound.finish()
    file.close()
    mix.close()
    return sound


@pytest.mark.parametrize("kind", MATERIAL)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize(("rate", "bits"), [(48000, 64), (48000, 128), (44100, 96), (44100, 160)])
def test_untouched_packets_keep_their_bytes_and_place(
    tmp_path: Path, kind: str, layout: str, rate: int, bits: int
) -> None:
    samples = MATERIAL[kind](rate, layout, 6)
    source = make_aac(tmp_path / "in.mp4", samples, rate, bits * 1000)
    voice = make_wav(tmp_path / "s.wav", speech(48000, "mono", 2, seed=5), 48000)
    result = spliced(source, replaced(6, 2, "3.5"), 6, voice, tmp_path)
    before = Packets.of(source)
    out = result.out
    assert out.times == [-FRAME + FRAME * i for i in range(len(out.times))]
    assert out.durations[:-1] == [FRAME] * (len(out.times) - 1)
    assert out.times[-1] + out.durations[-1] == 6 * rate
    own = [i for i, pair in enumerate(zip(out.payloads, before.payloads, strict=False)) if pair[0] != pair[1]]
    # One stretch, which holds the edit and at most a second around it.
    assert own == list(range(own[0], own[-1] + 1))
    assert rate < out.times[own[0]] <= 2 * rate
    assert 3.5 * rate - FRAME <= out.times[own[-1]] < 4.5 * rate
    assert result.sound.reason is None
    assert result.sound.copied_seconds + result.sound.encoded_seconds == 6
    assert result.sound.encoded_seconds == Fraction(len(own) * FRAME, rate)
    # What was copied decodes to what it was; the joins are as good as what is encoded anew.
    errors = result.errors()
    first, last = own[0] - 1, own[-1] - 1  # packet 0 is not heard
    assert errors[: first - 1].max() < 1e-12
    assert errors[last + 2 : -1].max() < 1e-12
    for join in (first, last + 1):
        beside = errors[first + 1 : first + 5] if join == first else errors[last - 4 : last]
        assert errors[join] <= 2 * beside.max()
