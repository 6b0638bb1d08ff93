"""Where each packet of sound is, without decoding; and decoding that begins midway and is exact all the same."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.synthetic import cfr, make_clip, make_wav
from tests.synthetic.sounds import make_aac, music, rustle, speech

from lipwright.media.audio import Entry, Samples, SeekFailed, decode_audio
from lipwright.media.encoding import AudioTarget
from lipwright.media.guard import AS_VIDEO
from lipwright.media.info import AudioInfo, MediaInfo
from lipwright.media.join_check import sounds_right
from lipwright.media.mix import SoundMix
from lipwright.media.probe import probe
from lipwright.media.sound_index import Unplaced, aac_index, index_sound
from lipwright.timeline.edl import Original, Silence, SoundSpan, Span, Speech

FRAME = 1024


def whole(path: Path, entry: Entry | None = None) -> Samples:
    return np.concatenate(list(decode_audio(path, None, None, AS_VIDEO, None, entry)))


def span(start: object, stop: object) -> Span:
    return Span(Fraction(str(start)), Fraction(str(stop)))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".flv", ".avi"])
@pytest.mark.parametrize(("rate", "layout"), [(48000, "stereo"), (44100, "mono"), (22050, "stereo"), (48000, "5.1")])
def test_positions_are_where_decoding_has_them(tmp_path: Path, suffix: str, rate: int, layout: str) -> None:
    if suffix == ".flv" and layout == "5.1":
        pytest.skip("FLV has no such layout")
    path = make_aac(tmp_path / f"a{suffix}", music(rate, layout, 3), rate, 96_000)
    decoded = whole(path)
    index = aac_index(path)
    assert index is not None
    assert (np.diff(index.positions) == FRAME).all()
    assert index.positions[0] in (-FRAME, 0)
    assert 0 <= len(decoded) - index.length <= FRAME
    assert index.config.rate == rate
    assert index.wrapped == (suffix == ".ts")
    # The packets decoded one by one give what is at their positions.
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        packets = [packet for packet in container.demux(track) if packet.size]
        assert [packet.pts for packet in packets] == list(index.pts)
        at = 60
        frames = [frame for packet in packets[at - 2 : at + 1] for frame in track.decode(packet)]
    last = frames[-1].to_ndarray().T
    position = int(index.positions[at])
    assert np.array_equal(last, decoded[position : position + FRAME])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_decoding_from_midway_gives_the_same_samples(tmp_path: Path, suffix: str, layout: str) -> None:
    path = make_aac(tmp_path / f"a{suffix}", speech(44100, layout, 6), 44100, 96_000)
    decoded = whole(path)
    index = aac_index(path)
    assert index is not None
    for sample in (30_000, 30_719, 30_720, 100_001, len(decoded) - 5000):
        entry = index.entry(sample)
        assert entry is not None
        assert sample - FRAME < entry.position <= sample
        assert np.array_equal(whole(path, entry), decoded[entry.position :])
    assert index.entry(500) is None
    assert index.entry(-(10**6)) is None


def test_made_up_noise_is_other_noise_of_the_same_loudness(tmp_path: Path) -> None:
    path = make_aac(tmp_path / "a.mp4", rustle(44100, "mono", 6), 44100, 48_000, aac_pns="1")
    decoded = whole(path)
    index = aac_index(path)
    assert index is not None
    entry = index.entry(100_000)
    assert entry is not None
    again, linear = whole(path, entry)[:80_000], decoded[entry.position : entry.position + 80_000]
    assert not np.array_equal(again, linear)
    low, wanted = (np.abs(np.fft.rfft(part[:, 0]))[: 80_000 * 3000 // 44100] for part in (again, linear))
    assert np.abs(low - wanted).max() < 0.02 * wanted.max()
    assert abs((again**2).mean() / (linear**2).mean() - 1) < 0.1


def test_containers_that_are_not_exact_are_not_entered(tmp_path: Path) -> None:
    path = make_aac(tmp_path / "a.ts", music(48000, "stereo", 3), 48000, 96_000)
    index = aac_index(path)
    assert index is not None
    assert index.entry(100_000) is None


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = make_aac(tmp_path / "a.mp4", music(48000, "stereo", 3), 48000, 96_000)
    for lead in (51_201, 10**9):
        with pytest.raises(SeekFailed):
            whole(path, Entry(lead, lead + FRAME, lead + FRAME, Fraction(0)))


def test_other_codecs_and_odd_streams_have_no_index(tmp_path: Path) -> None:
    assert aac_index(make_wav(tmp_path / "a.wav", np.zeros(5000, np.float32), 48000)) is None
    silent = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 5, options={"preset": "ultrafast"}))
    assert aac_index(silent) is None
    path = make_aac(tmp_path / "a.mp4", music(48000, "stereo", 3), 48000, 96_000)
    data = bytearray(path.read_bytes())
    with av.open(io.BytesIO(data)) as container:
        spots = [(packet.pos or 0, packet.size) for packet in container.demux(audio=0) if packet.size]
    for pos, size in spots:
        data[pos : pos + size] = b"\xff" * size
    path.write_bytes(data)
    with pytest.raises(Unplaced):
        index_sound(path, 0)


def test_one_lost_packet_moves_nothing(tmp_path: Path) -> None:
    path = make_aac(tmp_path / "a.mp4", music(48000, "stereo", 3), 48000, 96_000)
    before = whole(path)
    with av.open(str(path)) as container:
        spots = [(packet.pos or 0, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    pos, size = spots[50]
    data[pos : pos + size] = b"\xff" * size
    path.write_bytes(data)
    after = whole(path)
    assert len(after) == len(before)
    assert np.array_equal(after[: 49 * FRAME], before[: 49 * FRAME])
    assert np.array_equal(after[52 * FRAME :], before[52 * FRAME :])
    assert not after[49 * FRAME : 50 * FRAME].any()


def test_far_ahead_and_back_the_mix_enters_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.media.mix._WINDOW", 1)
    monkeypatch.setattr("lipwright.media.mix._AHEAD", 1)
    path = make_aac(tmp_path / "a.mp4", music(48000, "stereo", 12), 48000, 128_000)
    info, decoded = probe(path), whole(path)
    entered: list[Entry | None] = []

    def counting(*args: object) -> object:
        entered.append(args[5])  # type: ignore[arg-type]
        return decode_audio(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("lipwright.media.mix.decode_audio", counting)
    spans = [
        SoundSpan(span(0, 1), Original(Fraction(8))),
        SoundSpan(span(1, 2), Original(Fraction(2))),
        SoundSpan(span(2, 3), Original(Fraction(11))),
    ]
    mix = SoundMix(spans, Fraction(3), AudioTarget(48000, "stereo", 2), {}, (path, info))
    out = np.concatenate(list(mix.blocks()))
    mix.close()
    fade = 384
    assert np.array_equal(out[:48000], decoded[8 * 48000 : 9 * 48000])
    assert np.array_equal(out[48000 + fade : 96000], decoded[2 * 48000 + fade : 3 * 48000])
    assert np.array_equal(out[96000 + fade :], decoded[11 * 48000 + fade : 12 * 48000])
    assert len(entered) == 3
    assert None not in entered
    # Taken from the middle it is the same, too.
    mix = SoundMix([SoundSpan(span(0, 12), Original(Fraction(0)))], Fraction(12), mix.target, {}, (path, info))
    assert np.array_equal(mix.up_to(Fraction(1)), decoded[:48000])
    mix.skip_to(400_000)
    assert mix.at == 400_000
    mix.skip_to(10)
    assert np.array_equal(mix.up_to(Fraction(9)), decoded[400_000 : 9 * 48000])
    mix.close()


def test_untouched_is_what_the_original_is_and_as_much_of_it_as_there_is(tmp_path: Path) -> None:
    path = make_wav(tmp_path / "v.wav", np.random.default_rng(1).uniform(-0.3, 0.3, (8 * 8000, 1)), 8000)
    other = make_wav(tmp_path / "s.wav", np.random.default_rng(2).uniform(-0.3, 0.3, 8 * 8000), 8000)
    original = whole(path)
    info = MediaInfo("v", "wav", 1, None, AudioInfo(0, "pcm_s16le", 8000, "mono", 1, Fraction(0), Fraction(8)))
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        spans: list[SoundSpan] = []
        at = 0
        while at < 6000:
            stop = at + int(rng.integers(10, 900))
            output = Span(Fraction(at, 1000), Fraction(stop, 1000))
            place = Fraction(at if rng.random() < 0.6 else int(rng.integers(0, 3000)), 1000)
            kind = rng.integers(0, 6)
            if kind <= 2:
                spans.append(SoundSpan(output, Original(place)))
            elif kind == 3:
                spans.append(SoundSpan(output, Silence()))
            else:
                spans.append(SoundSpan(output, Speech("a", place)))
                if kind == 5:
                    spans.append(SoundSpan(output, Original(place), 1.0 if rng.random() < 0.5 else 0.4))
            at = stop
        target = AudioTarget(8000, "mono", 1)
        mix = SoundMix(spans, Fraction(at, 1000), target, {"a": other}, (path, info))
        ranges = mix.untouched()
        out = np.concatenate(list(mix.blocks()))
        mix.close()
        padded = np.concatenate([original, np.zeros((len(out), 1), np.float32)])
        found += len(ranges)
        told = np.zeros(len(out), bool)
        for part in ranges:
            assert part.start < part.stop
            assert not told[part.start : part.stop].any()
            told[part.start : part.stop] = True
            assert np.array_equal(out[part.start : part.stop], padded[part.start + part.shift : part.stop + part.shift])
            # The samples just outside are something else, unless they are by chance or nothing is outside.
            for edge in (part.start - 1, part.stop):
                if 0 <= edge < len(out) and not told[edge] and not any(r.start <= edge < r.stop for r in ranges):
                    assert out[edge, 0] != padded[edge + part.shift, 0]
    assert found > 50


def test_a_join_is_checked_by_ear(tmp_path: Path) -> None:
    samples = music(48000, "stereo", 3)
    path = make_aac(tmp_path / "a.mp4", samples, 48000, 128_000)
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        config = track.codec_context.extradata or b""
        payloads = [bytes(packet) for packet in container.demux(track) if packet.size]
    target = AudioTarget(48000, "stereo", 2)
    decoded = whole(path)

    def right(packets: list[bytes], wanted: Samples = decoded[50 * FRAME : 55 * FRAME]) -> bool:
        return sounds_right(packets, config, target, wanted, range(4, 6))

    assert right(payloads[50:56])  # packet n holds samples from (n - 1) * 1024 on
    assert right(payloads[50:56], samples[50 * FRAME : 55 * FRAME])
    assert not right(payloads[51:57])
    assert not right([*payloads[50:53], payloads[20], *payloads[54:56]])
    assert not right([*payloads[50:53], b"\xff" * 200, *payloads[54:56]])
    quieter = decoded[50 * FRAME : 55 * FRAME].copy()
    quieter[2 * FRAME : 3 * FRAME] *= 0.7
    assert not right(payloads[50:56], quieter)
    # What decoders make up above 3.5 kHz does not count.
    time = np.arange(5 * FRAME)[:, None] / 48000
    hiss = decoded[50 * FRAME : 55 * FRAME] + np.float32(0.05) * np.sin(2 * np.pi * 8000 * time).astype(np.float32)
    assert right(payloads[50:56], hiss)
