"""Sound counted and assembled to the sample."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.synthetic import Sound, cfr, make_clip, make_wav, tone

from lipwright.errors import AudioInvalid
from lipwright.media.audio import Samples, audio_length, decode_audio, load_mono, resampled
from lipwright.media.encoding import AudioTarget, audio_target
from lipwright.media.guard import AS_VIDEO
from lipwright.media.info import MediaInfo
from lipwright.media.mix import SoundMix
from lipwright.media.probe import probe
from lipwright.timeline.edl import Original, Silence, SoundSpan, Span, Speech

FADE = 384  # 8 ms at 48 kHz
FAST = {"preset": "ultrafast"}
STEREO = AudioTarget(48000, "stereo", 2)


def whole(path: Path, *args: object) -> Samples:
    return np.concatenate(list(decode_audio(path, *args)))  # type: ignore[arg-type]


def span(start: object, stop: object) -> Span:
    return Span(Fraction(str(start)), Fraction(str(stop)))


def noise(seconds: float, channels: int, seed: int, level: float = 0.2) -> Samples:
    rng = np.random.default_rng(seed)
    return (rng.uniform(-level, level, (round(seconds * 48000), channels))).astype(np.float32)


@pytest.fixture
def video(tmp_path: Path) -> tuple[Path, MediaInfo, Samples]:
    """A 4 s clip with stereo sound, its description and its decoded sound."""
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 100, options=FAST, sound=Sound(duration=Fraction(4))))
    return path, probe(path), whole(path)


def mixed(spans: list[SoundSpan], duration: object, speech: dict[str, Path], video: object = None) -> Samples:
    pair = None if video is None else (video[0], video[1])  # type: ignore[index]
    mix = SoundMix(spans, Fraction(str(duration)), STEREO, speech, pair)
    out = np.concatenate(list(mix.blocks()))
    mix.close()
    return out


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("count", [1, 1000, 12345, 50001])
def test_length_is_exact(tmp_path: Path, rate: int, count: int) -> None:
    path = make_wav(tmp_path / "a.wav", np.full(count, 0.1, np.float32), rate)
    assert audio_length(path) == Fraction(count, rate)
    assert len(whole(path)) == count


@pytest.mark.parametrize(("from_rate", "to_rate"), [(16000, 48000), (44100, 48000), (48000, 16000), (24000, 44100)])
def test_resampling_keeps_length_place_and_shape(from_rate: int, to_rate: int) -> None:
    count = from_rate * 2 + 17
    sine = np.sin(2 * np.pi * 500 * np.arange(count) / from_rate).astype(np.float32)[:, None]
    pieces = iter(np.split(sine, [100, 5000, 5001, 20000]))
    out = np.concatenate(list(resampled(pieces, from_rate, to_rate, "mono")))[:, 0]
    assert len(out) == round(Fraction(count * to_rate, from_rate))
    wanted = np.sin(2 * np.pi * 500 * np.arange(len(out)) / to_rate)
    assert np.abs(out - wanted)[500:-500].max() < 1e-4


def test_wav_samples_come_back_exactly(tmp_path: Path) -> None:
    samples = np.round(noise(0.5, 2, 1) * 32768) / 32768
    path = make_wav(tmp_path / "a.wav", samples.astype(np.float32), 48000)
    assert np.array_equal(whole(path), samples.astype(np.float32))


@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".m4a"), ("libmp3lame", ".mp3"), ("flac", ".flac")])
def test_priming_and_padding_are_removed(tmp_path: Path, codec: str, suffix: str) -> None:
    sound = Sound(44100, "mono", codec, Fraction(3, 2))
    samples = tone(sound)
    samples[:22050] = 0
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100, layout="mono")
        for at in range(0, len(samples), 1152):
            block = np.ascontiguousarray(samples[at : at + 1152].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, at, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    got = whole(path)[:, 0]
    assert abs(len(got) - len(samples)) <= 64  # movie ticks of this muxer are milliseconds
    assert abs(int(np.argmax(np.abs(got) > 0.1)) - 22050) < 150
    assert np.abs(got[30000:60000] - samples[30000:60000, 0]).max() < 0.05


def test_mono_crop_for_recognisers(tmp_path: Path) -> None:
    samples = np.stack([tone(Sound(layout="mono"))[:, 0], np.zeros(96000, np.float32)], -1)
    path = make_wav(tmp_path / "a.wav", samples, 48000)
    full = load_mono(path)
    assert full.shape == (32000,)
    assert full.dtype == np.float32
    crop = load_mono(path, 16000, Fraction(1, 2), Fraction(1, 4))
    assert np.array_equal(crop, full[8000:12000])
    assert len(load_mono(path, 16000, Fraction(3))) == 0
    assert len(load_mono(path, 16000, Fraction(3, 2), Fraction(5))) == 8000


def test_holes_left_by_damage_are_silence_and_nothing_moves(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 50, options=FAST, sound=Sound(duration=Fraction(2))))
    before = whole(path)
    with av.open(str(path)) as container:
        spots = [(p.pos, p.size) for p in container.demux(audio=0) if p.size]
    data = bytearray(path.read_bytes())
    for pos, size in spots[30:40]:
        data[pos : pos + size] = bytes([0xFF]) * size
    path.write_bytes(data)
    after = whole(path)
    assert abs(len(after) - len(before)) < 1024
    assert np.allclose(after[60000:90000], before[60000:90000], atol=1e-3)
    for pos, size in spots:
        data[pos : pos + size] = bytes([0xFF]) * size
    path.write_bytes(data)
    with pytest.raises(AudioInvalid):
        whole(path)


def test_the_original_alone_is_the_original(video: tuple[Path, MediaInfo, Samples]) -> None:
    spans = [SoundSpan(span(0, "1.3"), Original(Fraction(0))), SoundSpan(span("1.3", 4), Original(Fraction("1.3")))]
    assert np.array_equal(mixed(spans, 4, {}, video), video[2][:192000])


def test_fades_never_touch_what_is_outside_the_segment(tmp_path: Path, video: tuple[Path, MediaInfo, Samples]) -> None:
    speech = make_wav(tmp_path / "s.wav", noise(2, 1, 2), 48000)
    spans = [
        SoundSpan(span(0, 1), Original(Fraction(0))),
        SoundSpan(span(1, 2), Speech("a", Fraction("0.5"))),
        SoundSpan(span(2, 3), Silence()),
        SoundSpan(span(3, 4), Original(Fraction(3))),
    ]
    out = mixed(spans, 4, {"a": speech}, video)
    original, spoken = video[2], whole(speech)
    assert len(out) == 192000
    assert np.array_equal(out[:48000], original[:48000])
    assert np.array_equal(out[144000:], original[144000:192000])
    inside = slice(48000 + FADE, 96000 - FADE)
    both = np.repeat(spoken[24000 + FADE : 72000 - FADE], 2, axis=1)
    assert np.array_equal(out[inside], both)
    assert not out[96000 : 144000 - FADE].any()
    # At the joins nothing steps by more than the sounds themselves move.
    for join in (48000, 144000 - FADE):
        assert np.abs(np.diff(out[join - 2 : join + 2], axis=0)).max() < 0.25
    assert np.abs(out[95990:96000]).max() < 0.02


def test_equal_power_across_a_join(tmp_path: Path, video: tuple[Path, MediaInfo, Samples]) -> None:
    speech = make_wav(tmp_path / "s.wav", np.full(96000, 0.2, np.float32), 48000)
    spans = [SoundSpan(span(0, 1), Original(Fraction(0))), SoundSpan(span(1, 2), Speech("a", Fraction(0)))]
    out = mixed(spans, 2, {"a": speech}, video)
    at = np.arange(FADE)
    through = (at + 0.5) / FADE
    up, down = np.sin(np.pi / 2 * through), np.cos(np.pi / 2 * through)
    wanted = 0.2 * up + video[2][48000 : 48000 + FADE, 0] * down
    assert np.abs(out[48000 : 48000 + FADE, 0] - wanted).max() < 1e-3


def test_background_and_two_speakers_are_added(tmp_path: Path, video: tuple[Path, MediaInfo, Samples]) -> None:
    one = make_wav(tmp_path / "1.wav", noise(4, 1, 3), 48000)
    two = make_wav(tmp_path / "2.wav", noise(4, 1, 4), 48000)
    spans = [
        SoundSpan(span(0, 1), Original(Fraction(0))),
        SoundSpan(span(1, 3), Speech("a", Fraction(0))),
        SoundSpan(span(1, 3), Original(Fraction(1)), 0.25),
        SoundSpan(span(2, 3), Speech("b", Fraction(1))),
        SoundSpan(span(3, 4), Original(Fraction(3))),
    ]
    out = mixed(spans, 4, {"a": one, "b": two}, video)
    a, b, original = whole(one), whole(two), video[2]
    early = slice(48000 + FADE, 96000)
    assert np.allclose(out[early], a[FADE:48000] + 0.25 * original[early], atol=1e-6)
    late = slice(96000 + FADE, 144000 - FADE)
    wanted = a[48000 + FADE : 96000 - FADE] + b[48000 + FADE : 96000 - FADE] + 0.25 * original[late]
    assert np.allclose(out[late], wanted, atol=1e-6)
    assert np.array_equal(out[:48000], original[:48000])
    assert np.array_equal(out[144000:], original[144000:192000])


def test_only_sums_are_limited(tmp_path: Path) -> None:
    loud = make_wav(tmp_path / "1.wav", np.full(48000, 0.97, np.float32), 48000)
    spans = [SoundSpan(span(0, 1), Speech("a", Fraction(0)))]
    assert np.allclose(mixed(spans, 1, {"a": loud})[FADE:-FADE], 0.97, atol=1e-4)
    twice = [*spans, SoundSpan(span(0, 1), Speech("b", Fraction(0)))]
    out = mixed(twice, 1, {"a": loud, "b": loud})
    assert np.abs(out).max() <= 1.0
    assert out[24000, 0] > 0.97


def test_speech_beyond_its_end_is_silence_and_late_sound_stays_late(tmp_path: Path) -> None:
    short = make_wav(tmp_path / "1.wav", np.full(24000, 0.5, np.float32), 48000)
    out = mixed([SoundSpan(span(0, 2), Speech("a", Fraction(0)))], 2, {"a": short})
    assert len(out) == 96000
    assert not out[24000:].any()
    late = Sound(start=Fraction(1, 5), duration=Fraction(1))
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 50, options=FAST, sound=late))
    info = probe(path)
    assert info.audio is not None
    out = mixed([SoundSpan(span(0, 2), Original(Fraction(0)))], 2, {}, (path, info))
    first = round(info.audio.start * 48000)
    assert not out[:first].any()
    assert np.array_equal(out[first : first + 40000], whole(path)[:40000])
    assert abs(int(np.argmax(np.abs(out[:, 0]) > 0.1)) - 9600) < 100


def test_jumping_back_is_exact(video: tuple[Path, MediaInfo, Samples], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.media.mix._WINDOW", 1)
    spans = [
        SoundSpan(span(0, 3), Original(Fraction(0))),
        SoundSpan(span(3, 5), Original(Fraction("0.5"))),
        SoundSpan(span(5, 6), Original(Fraction("0.25"))),
    ]
    out = mixed(spans, 6, {}, video)
    original = video[2]
    assert np.array_equal(out[:144000], original[:144000])
    # Noise that AAC leaves to the decoder is other noise when it is decoded again from elsewhere; here 80 dB down.
    assert np.allclose(out[144000 + FADE : 240000], original[24000 + FADE : 120000], atol=5e-4)
    assert np.allclose(out[240000 + FADE :], original[12000 + FADE : 60000], atol=5e-4)


def test_taken_piece_by_piece_or_at_once_it_is_the_same(tmp_path: Path, video: tuple[Path, MediaInfo, Samples]) -> None:
    speech = make_wav(tmp_path / "s.wav", noise(2, 1, 2), 48000)
    spans = [
        SoundSpan(span(0, "1.01"), Original(Fraction(0))),
        SoundSpan(span("1.01", "2.5"), Speech("a", Fraction("0.1"))),
        SoundSpan(span("2.5", 4), Original(Fraction("2.5"))),
    ]
    at_once = mixed(spans, 4, {"a": speech}, video)
    mix = SoundMix(spans, Fraction(4), STEREO, {"a": speech}, (video[0], video[1]))
    step = Fraction(1001, 30000)
    pieces = [mix.up_to(step * (i + 1)) for i in range(121)]
    assert np.array_equal(np.concatenate(pieces), at_once)


@pytest.mark.parametrize(("layout", "channels", "heard"), [("mono", 1, [0]), ("stereo", 2, [0, 1]), ("5.1", 6, [2])])
def test_mono_speech_takes_its_place_at_full_level(
    tmp_path: Path, layout: str, channels: int, heard: list[int]
) -> None:
    speech = make_wav(tmp_path / "s.wav", np.full(48000, 0.5, np.float32), 48000)
    mix = SoundMix(
        [SoundSpan(span(0, 1), Speech("a", Fraction(0)))],
        Fraction(1),
        AudioTarget(48000, layout, channels),
        {"a": speech},
    )
    out = np.concatenate(list(mix.blocks()))
    assert out.shape == (48000, channels)
    for channel in range(channels):
        assert out[24000, channel] == (0.5 if channel in heard else 0.0)


def test_targets_keep_what_aac_has_and_tell_the_rest(tmp_path: Path) -> None:
    def target(rate: int, layout: str) -> tuple[AudioTarget, tuple[str, ...]]:
        path = make_wav(tmp_path / "t.wav", np.zeros((100, av.AudioLayout(layout).nb_channels), np.float32), rate)
        return audio_target(probe(path).audio)

    assert target(44100, "stereo") == (AudioTarget(44100, "stereo", 2), ())
    assert target(22050, "mono") == (AudioTarget(22050, "mono", 1), ())
    high, notes = target(96000, "stereo")
    assert high.rate == 48000
    assert len(notes) == 1
    assert target(88200, "mono")[0].rate == 44100
    assert target(37800, "mono")[0].rate == 44100
    wide, notes = target(48000, "7.1")
    assert (wide.layout, len(notes)) == ("5.1", 1)
    assert audio_target(None)[0] == AudioTarget(48000, "mono", 1)


def test_a_real_clip_decodes_the_same_twice(clips: Path) -> None:
    path = clips / "retalk_1.mp4"
    first, second = whole(path, None, None, AS_VIDEO), whole(path)
    assert np.array_equal(first, second)
    info = probe(path)
    assert info.audio is not None
    assert abs(len(first) / info.audio.rate - float(info.audio.duration)) < 1024 / 44100
