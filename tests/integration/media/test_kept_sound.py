"""The source's own AAC packets in the output wherever its sound is untouched, and clean joins around the rest."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import Sound, cfr, make_clip, make_wav
from tests.synthetic.sounds import make_aac, make_sine_aac, music, repeated, rustle, speech

from lipwright.errors import MediaError
from lipwright.media.audio import Samples, decode_audio
from lipwright.media.encoding import AudioTarget, Scales, audio_target
from lipwright.media.info import MediaInfo
from lipwright.media.kept_sound import SplicedSound
from lipwright.media.mix import SoundMix
from lipwright.media.mp4 import Mp4File, SoundTrack
from lipwright.media.probe import probe
from lipwright.media.sound_index import SoundIndex, index_sound
from lipwright.timeline.edl import Original, Silence, SoundSpan, Span, Speech

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

    def errors(self, below: float | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean square error against the mix, and mean square of the mix, of the samples that each packet stands for.

        Zero where they are not all heard. Only what is `below` that many cycles per sample counts, if given.
        """
        count = min(len(self.out.decoded), len(self.wanted))
        found = np.zeros((2, len(self.out.times)))
        for number, at in enumerate(self.out.times):
            if at >= 0 and at + FRAME <= count:
                wanted = self.wanted[at : at + FRAME].astype(np.float64)
                for row, part in enumerate((self.out.decoded[at : at + FRAME] - wanted, wanted)):
                    spectrum = np.fft.rfft(part, axis=0)
                    if below is not None:
                        spectrum[round(below * FRAME) :] = 0
                    found[row, number] = (np.fft.irfft(spectrum, axis=0) ** 2).mean()
        return found[0], found[1]


def spliced(
    source: Path,
    spans: list[SoundSpan],
    duration: object,
    voice: Path,
    folder: Path,
    *,
    step: Fraction = Fraction(1, 25),
) -> Spliced:
    """Write the sound of `spans` over `source`, in steps as pictures would be written."""
    info = probe(source)
    length = Fraction(str(duration))

    def mix() -> SoundMix:
        return SoundMix(spans, length, audio_target(info.audio)[0], {"a": voice}, (source, info))

    path = folder / "out.mp4"
    sound = write(path, mix(), source, info, length, step=step)
    wanted = np.concatenate(list(mix().blocks()))
    return Spliced(Packets.of(path), wanted, sound)


def output(path: Path, target: AudioTarget) -> Mp4File:
    """A file with a stream of pictures, of which none come."""
    file = Mp4File(path, Scales(25, 25 * target.rate, True))
    video = file.container.add_stream("mpeg4", rate=25)
    video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
    return file


def write(
    path: Path,
    mix: SoundMix,
    source: Path,
    info: MediaInfo,
    length: Fraction,
    *,
    copy: bool = True,
    step: Fraction = Fraction(1, 25),
) -> SplicedSound:
    file = output(path, mix.target)
    sound = SplicedSound(file, mix, (source, info), copy=copy)
    for number in range(int(length / step)):
        sound.up_to((number + 1) * step)
    sound.finish()
    file.close()
    mix.close()
    return sound


@dataclass(frozen=True)
class Kept:
    """Which packets of an output are the source's, by number; and the first of each run of packets of one origin."""

    copied: NDArray[np.bool_]
    joins: list[int]

    @classmethod
    def of(cls, out: Packets, source: Packets) -> Kept:
        theirs = set(source.payloads)
        copied = np.array([payload in theirs for payload in out.payloads])
        edges = np.flatnonzero(np.diff(copied.astype(int))) + 1
        # All encoders write silence the same: a few packets amid others that are equal are not copies.
        for first, stop in pairwise([0, *edges.tolist(), len(copied)]):
            if stop - first < 8 and copied[first]:
                copied[first:stop] = False
        return cls(copied, (np.flatnonzero(np.diff(copied.astype(int))) + 1).tolist())


def check(result: Spliced, source: Path, *, rate: int) -> Kept:
    """What holds for every output: one grid, exact length, copies that decode to the original, joins like the rest."""
    out, total = result.out, len(result.wanted)
    start = out.times[0]
    assert out.times == [start + FRAME * i for i in range(len(out.times))]
    assert out.durations[:-1] == [FRAME] * (len(out.times) - 1)
    assert out.times[-1] + out.durations[-1] == total
    assert len(out.decoded) == total
    assert result.sound.copied_seconds + result.sound.encoded_seconds == Fraction(total, rate)
    kept = Kept.of(out, Packets.of(source))
    heard = [min(total, at + FRAME) - max(0, at) for at in out.times]
    same = sum(max(0, samples) for samples, copied in zip(heard, kept.copied, strict=True) if copied)
    # Beside a copy, what is encoded anew may by chance be the same, too.
    assert 0 <= Fraction(same, rate) - result.sound.copied_seconds <= 2 * len(kept.joins) * Fraction(FRAME, rate)
    errors, energy = result.errors()
    pure = kept.copied.copy()
    pure[1:] &= kept.copied[:-1]
    pure[[at < 0 or at + FRAME > total for at in out.times]] = False
    assert errors[pure].max() < 1e-12
    for join in kept.joins:
        if 2 < join < len(errors) - 2:
            beside = errors[max(0, join - 6) : join + 7][~pure[max(0, join - 6) : join + 7]]
            loud = energy[join - 2 : join + 3].max()
            # Not worse than the encoded sound beside it, or 30 dB below what sounds there.
            assert errors[join] <= max(2 * np.median(beside), loud * 1e-3)
    return kept


def voice(folder: Path) -> Path:
    """4 s of other speech."""
    return make_wav(folder / "s.wav", speech(48000, "mono", 4, seed=5), 48000)


@pytest.mark.parametrize("kind", MATERIAL)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize(("rate", "bits"), [(48000, 64), (48000, 128), (44100, 160)])
def test_untouched_packets_keep_their_bytes_and_place(
    tmp_path: Path, kind: str, layout: str, rate: int, bits: int
) -> None:
    source = make_aac(tmp_path / "in.mp4", MATERIAL[kind](rate, layout, 6), rate, bits * 1000)
    result = spliced(source, replaced(6, 2, "3.5"), 6, voice(tmp_path), tmp_path)
    kept = check(result, source, rate=rate)
    before, out = Packets.of(source), result.out
    assert out.times[0] == before.times[0] == -FRAME
    same = [payload == other for payload, other in zip(out.payloads, before.payloads, strict=True)]
    own = np.flatnonzero(~np.array(same))
    # One run, which holds the edit and at most a second around it.
    assert own.tolist() == list(range(own[0], own[-1] + 1))
    assert kept.joins == [own[0], own[-1] + 1]
    assert rate < out.times[own[0]] <= 2 * rate
    assert 3.5 * rate - FRAME <= out.times[own[-1]] < 4.5 * rate
    assert result.sound.reason is None


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_windows_of_another_shape_are_met(tmp_path: Path, layout: str) -> None:
    source = make_sine_aac(tmp_path / "in.mp4", rustle(48000, layout, 6), 48000, 128_000)
    result = spliced(source, replaced("5.9", 2, 3), "5.9", voice(tmp_path), tmp_path)
    kept = check(result, source, rate=48000)
    assert result.sound.reason is None
    first, last = kept.joins[0], kept.joins[1] - 1
    assert result.out.times[first] > 2 * 48000 - 8 * FRAME
    assert result.out.times[last] < 3 * 48000 + 8 * FRAME


CLIPS = ["grid3_turns", "latentsync_demo1", "lp_s18_silentface", "retalk_1", "vv_interview", "whitehouse_hamilton"]


@pytest.mark.parametrize("name", CLIPS)
def test_sound_of_other_encoders(clips: Path, tmp_path: Path, name: str) -> None:
    source = clips / f"{name}.mp4"
    info = probe(source)
    assert info.audio is not None
    length = Fraction(int(info.audio.duration * 25), 25)
    result = spliced(source, replaced(length, "2.4", "3.2"), length, voice(tmp_path), tmp_path)
    before, out = Packets.of(source), result.out
    late = round(info.audio.start * info.audio.rate)
    kept = Kept.of(out, before)
    assert result.sound.reason is None
    assert result.sound.encoded_seconds < 2
    assert set(np.diff(out.times)) == {FRAME}
    assert len(out.decoded) == len(result.wanted)
    # Priming is cut off the same way, so that everything is heard when it was.
    offset = out.times[0] - before.times[0] if before.times[0] <= 0 else -before.times[0]
    assert offset == late == 0 or before.times[0] > 0
    for at, payload, copied in zip(out.times, out.payloads, kept.copied, strict=True):
        if copied:
            assert before.payloads[before.times.index(at - offset)] == payload
    # Noise that the decoder makes up is other noise every time: only what is below it can be compared.
    low = Fraction(3000, info.audio.rate)
    errors, energy = result.errors(float(low))
    for join in kept.joins:
        if 2 < join < len(errors) - 2:
            assert errors[join] <= energy[join - 2 : join + 3].max() * 10**-2.5 + 1e-9


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".flv", ".avi", ".mov"])
def test_other_containers(tmp_path: Path, suffix: str) -> None:
    source = make_aac(tmp_path / f"in{suffix}", music(44100, "stereo", 6), 44100, 128_000)
    with_header = make_aac(tmp_path / "in.mp4", music(44100, "stereo", 6), 44100, 128_000)
    result = spliced(source, replaced("5.5", 2, 3), "5.5", voice(tmp_path), tmp_path)
    kept = check(result, with_header, rate=44100)
    assert result.sound.reason is None
    assert kept.copied.mean() > 0.7


MANY: dict[str, tuple[list[SoundSpan], str, int]] = {
    # Segments close to each other are one run; those further apart keep what is between.
    "close": (
        [
            SoundSpan(span(0, 2), Original(Fraction(0))),
            SoundSpan(span(2, "2.5"), Speech("a", Fraction(0))),
            SoundSpan(span("2.5", 3), Original(Fraction("2.5"))),
            SoundSpan(span(3, "3.5"), Speech("a", Fraction(1))),
            SoundSpan(span("3.5", "5.5"), Original(Fraction("3.5"))),
            SoundSpan(span("5.5", 6), Silence()),
            SoundSpan(span(6, 8), Original(Fraction(6))),
        ],
        "8",
        3,
    ),
    "first": ([SoundSpan(span(0, 1), Speech("a", Fraction(0))), SoundSpan(span(1, 8), Original(Fraction(1)))], "8", 1),
    "last": ([SoundSpan(span(0, 5), Original(Fraction(0))), SoundSpan(span(5, 8), Speech("a", Fraction(0)))], "8", 1),
    "from the middle": (
        [
            SoundSpan(span(0, 3), Original(Fraction("2.02"))),
            SoundSpan(span(3, 4), Speech("a", Fraction(0))),
            SoundSpan(span(4, 5), Original(Fraction("6.02"))),
        ],
        "5",
        2,
    ),
    # Background is not the original as it is, whatever its level.
    "background": (
        [
            SoundSpan(span(0, 2), Original(Fraction(0))),
            SoundSpan(span(2, 4), Speech("a", Fraction(0))),
            SoundSpan(span(2, 4), Original(Fraction(2)), 0.3),
            SoundSpan(span(4, 8), Original(Fraction(4))),
        ],
        "8",
        2,
    ),
    # 64 packets of 1024 samples at 48 kHz are 1 + 137/375 s.
    "played again": (
        [
            SoundSpan(span(0, 4), Original(Fraction(0))),
            SoundSpan(span(4, 7), Original(4 - Fraction(64 * 1024, 48000))),
            SoundSpan(span(7, 8), Speech("a", Fraction(0))),
        ],
        "8",
        2,
    ),
    "left out": (
        [SoundSpan(span(0, 3), Original(Fraction(0))), SoundSpan(span(3, 6), Original(3 + Fraction(1024 * 70, 48000)))],
        "6",
        2,
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_plans_of_many_kinds(tmp_path: Path, name: str) -> None:
    spans, duration, stretches = MANY[name]
    source = make_aac(tmp_path / "in.mp4", speech(48000, "stereo", 8), 48000, 160_000)
    result = spliced(source, spans, duration, voice(tmp_path), tmp_path)
    kept = check(result, source, rate=48000)
    assert result.sound.reason is None
    runs = np.diff(np.concatenate([[0], kept.copied.astype(int), [0]]))
    assert (runs == 1).sum() == stretches


def test_sound_moved_by_less_than_a_packet_is_encoded_and_told(tmp_path: Path) -> None:
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 8), 48000, 160_000)
    spans = [
        SoundSpan(span(0, 2), Original(Fraction(0))),
        SoundSpan(span(2, 3), Speech("a", Fraction(0))),
        SoundSpan(span(3, 8), Original(Fraction(3) - Fraction(1, 100))),
    ]
    result = spliced(source, spans, 8, voice(tmp_path), tmp_path)
    kept = check(result, source, rate=48000)
    assert result.sound.reason is not None
    assert result.sound.reason.startswith("2.0 s")
    # The longer stretch is kept, and the output begins with our own priming on its grid.
    assert (result.out.times[0] - 480) % FRAME == 0
    assert -2 * FRAME < result.out.times[0] <= -FRAME
    assert not kept.copied[: 2 * 48000 // FRAME].any()
    assert result.sound.copied_seconds > Fraction("4.8")


def test_sound_that_is_late_or_ends_early(tmp_path: Path) -> None:
    late = Sound(start=Fraction(3, 10), duration=Fraction(4))
    source = make_clip(tmp_path / "in.mp4", cfr(Fraction(25), 120, options={"preset": "ultrafast"}, sound=late))
    info = probe(source)
    assert info.audio is not None
    assert info.audio.start > 0
    result = spliced(source, replaced("4.8", 2, "2.5"), "4.8", voice(tmp_path), tmp_path)
    assert set(np.diff(result.out.times)) == {FRAME}
    assert len(result.out.decoded) == len(result.wanted) == 4.8 * 48000
    assert result.sound.copied_seconds > 3
    assert np.abs(result.out.decoded - result.wanted)[: 2 * 48000].max() < 0.02


def test_it_does_not_matter_in_which_steps_it_is_written(tmp_path: Path) -> None:
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 6), 48000, 128_000)
    spans, other = replaced(6, 2, 3), voice(tmp_path)
    coarse = spliced(source, spans, 6, other, tmp_path, step=Fraction(3))
    fine = spliced(source, spans, 6, other, tmp_path, step=Fraction(1001, 60000))
    assert coarse.out.payloads == fine.out.payloads
    assert coarse.out.times == fine.out.times


def test_it_does_not_run_far_ahead(tmp_path: Path) -> None:
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 8), 48000, 128_000)
    info = probe(source)
    target = AudioTarget(48000, "stereo", 2)
    mix = SoundMix(replaced(8, 3, 4), Fraction(8), target, {"a": voice(tmp_path)}, (source, info))
    file = output(tmp_path / "o.mp4", target)
    sound = SplicedSound(file, mix, (source, info))
    for time in range(1, 8):
        sound.up_to(Fraction(time))
        assert time <= sound.copied_seconds + sound.encoded_seconds < time + Fraction(1, 10)
    sound.close()
    file.abort()
    mix.close()


REFUSED: dict[str, tuple[Sound, str | None]] = {
    "not wanted": (Sound(), None),
    "other codec": (Sound(codec="libmp3lame"), "mp3"),
    "surround": (Sound(layout="5.1"), "5.1"),
    "other rate": (Sound(rate=96000), "converted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_nothing_is_copied_all_is_as_the_sound_track_alone_makes_it(tmp_path: Path, name: str) -> None:
    kind, word = REFUSED[name]
    source = make_clip(tmp_path / "in.mp4", cfr(Fraction(25), 50, options={"preset": "ultrafast"}, sound=kind))
    info, other = probe(source), voice(tmp_path)
    target = audio_target(info.audio)[0]

    def mix() -> SoundMix:
        return SoundMix(replaced(2, "0.5", 1), Fraction(2), target, {"a": other}, (source, info))

    sound = write(tmp_path / "o.mp4", mix(), source, info, Fraction(2), copy=word is not None)
    file = output(tmp_path / "plain.mp4", target)
    track = SoundTrack(file, target)
    for block in mix().blocks():
        track.add(block)
    track.finish()
    file.close()
    one, two = Packets.of(tmp_path / "o.mp4"), Packets.of(tmp_path / "plain.mp4")
    assert (one.times, one.payloads, one.durations) == (two.times, two.payloads, two.durations)
    assert (sound.copied_seconds, sound.encoded_seconds) == (0, 2)
    assert (sound.reason is None) == (word is None)
    assert word is None or word in str(sound.reason)


def test_a_video_without_sound_or_with_nothing_untouched_needs_no_reason(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4", cfr(Fraction(25), 25, options={"preset": "ultrafast"}))
    other = voice(tmp_path)
    spans = [SoundSpan(span(0, 1), Speech("a", Fraction(0)))]
    target = AudioTarget(48000, "mono", 1)
    mix = SoundMix(spans, Fraction(1), target, {"a": other}, (silent, probe(silent)))
    sound = write(tmp_path / "o.mp4", mix, silent, probe(silent), Fraction(1), copy=True)
    assert (sound.copied_seconds, sound.encoded_seconds, sound.reason) == (0, 1, None)
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 2), 48000, 128_000)
    result = spliced(source, [SoundSpan(span(0, 1), Speech("a", Fraction(0)))], 1, other, tmp_path)
    assert (result.sound.copied_seconds, result.sound.encoded_seconds, result.sound.reason) == (0, 1, None)


def test_damaged_packets_are_not_copied_and_nothing_moves(tmp_path: Path) -> None:
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 8), 48000, 128_000)
    whole = Packets.of(source)
    with av.open(str(source)) as container:
        spots = [(packet.pos or 0, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(source.read_bytes())
    for pos, size in spots[100:102]:
        data[pos : pos + size] = b"\xff" * size
    source.write_bytes(data)
    result = spliced(source, replaced(8, 5, 6), 8, voice(tmp_path), tmp_path)
    kept = Kept.of(result.out, whole)
    assert not kept.copied[100:102].any()
    assert kept.copied[:98].all()
    assert kept.copied[110:220].all()
    assert kept.copied[310:370].all()
    assert result.out.times == whole.times
    after = slice(110 * FRAME, 4 * 48000)
    assert np.allclose(result.out.decoded[after], whole.decoded[after], atol=1e-6)


def test_packets_that_are_not_what_they_were_taken_for_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misplaced(*args: object) -> SoundIndex:
        index = index_sound(*args)  # type: ignore[arg-type]
        return replace(index, positions=index.positions + FRAME, enterable=False)

    monkeypatch.setattr("lipwright.media.kept_sound.index_sound", misplaced)
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 6), 48000, 128_000)
    result = spliced(source, replaced(6, 3, 4), 6, voice(tmp_path), tmp_path)
    assert result.sound.reason is not None
    assert "join" in result.sound.reason
    # Nothing is gone over to any more.
    errors, energy = result.errors()
    assert (errors[150:278] <= energy[148:276].max() * 1e-2).all()


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    source = make_aac(tmp_path / "in.mp4", music(48000, "stereo", 6), 48000, 128_000)
    info = probe(source)
    target = AudioTarget(48000, "stereo", 2)
    mix = SoundMix(replaced(6, 3, 4), Fraction(6), target, {"a": voice(tmp_path)}, (source, info))
    file = output(tmp_path / "o.mp4", target)
    sound = SplicedSound(file, mix, (source, info))
    make_aac(source, music(48000, "stereo", 1), 48000, 128_000)
    with pytest.raises(MediaError, match="changed"):
        sound.finish()
    sound.close()
    file.abort()
    mix.close()


def test_memory_does_not_grow_with_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.media.mix._WINDOW", 1)
    some, other = make_aac(tmp_path / "some.mp4", music(48000, "stereo", 4), 48000, 128_000), voice(tmp_path)

    def peak(times: int) -> int:
        source = repeated(tmp_path / "in.mp4", some, times)
        info = probe(source)
        seconds = 4 * times
        spans = [
            SoundSpan(span(0, 2), Original(Fraction(0))),
            SoundSpan(span(2, 3), Speech("a", Fraction(0))),
            SoundSpan(span(3, seconds - 2), Original(Fraction(3))),
            SoundSpan(span(seconds - 2, seconds - 1), Speech("a", Fraction(0))),
            SoundSpan(span(seconds - 1, seconds), Original(Fraction(seconds - 1))),
        ]
        mix = SoundMix(spans, Fraction(seconds), AudioTarget(48000, "stereo", 2), {"a": other}, (source, info))
        tracemalloc.start()
        try:
            sound = write(tmp_path / "o.mp4", mix, source, info, Fraction(seconds))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sound.copied_seconds > seconds - 4
        return most

    # 17 bytes for each packet, and what making arrays of them takes for a moment.
    assert peak(40) < peak(10) + 30 * 188 * 150
