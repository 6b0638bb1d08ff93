"""Every frame where it belongs: timestamps, order, random access, backwards; for every kind of clip."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.synthetic import Sound, Synthetic, cfr, make_clip, number_of, vfr

from lipwright.errors import MediaError
from lipwright.media.probe import probe
from lipwright.media.reader import VideoReader, open_reader

B_FRAMES = {"bf": "3", "g": "20", "preset": "ultrafast", "x264-params": "scenecut=0:open-gop=1:b-adapt=0:log-level=0"}
H264 = {"preset": "ultrafast", "g": "15"}
HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20:pools=1"}

CLIPS: dict[str, tuple[str, Callable[[], Synthetic]]] = {
    "23.976": (".mp4", lambda: cfr(Fraction(24000, 1001), 60, options=H264)),
    "25": (".mp4", lambda: cfr(Fraction(25), 60, options=H264)),
    "29.97": (".mp4", lambda: cfr(Fraction(30000, 1001), 60, options=H264)),
    "50": (".mp4", lambda: cfr(Fraction(50), 60, options=H264)),
    "60 b-frames, open groups": (".mp4", lambda: cfr(Fraction(60), 90, options=B_FRAMES)),
    "vfr": (".mp4", lambda: vfr(70, options=H264)),
    "vfr b-frames": (".mp4", lambda: vfr(70, options=B_FRAMES)),
    "late picture": (".mp4", lambda: cfr(Fraction(30), 60, 1, options=B_FRAMES, sound=Sound())),
    "late sound": (".mp4", lambda: cfr(Fraction(25), 50, options=H264, sound=Sound(start=Fraction(1, 5)))),
    "matroska": (".mkv", lambda: cfr(Fraction(25), 60, options=B_FRAMES, sound=Sound())),
    "mpeg-ts": (".ts", lambda: cfr(Fraction(25), 60, options=B_FRAMES, sound=Sound())),
    "mpeg-1": (".mpg", lambda: cfr(Fraction(25), 60, codec="mpeg1video", options={"bf": "2", "g": "12", "b": "2M"})),
    "mpeg-2": (".mpg", lambda: cfr(Fraction(30000, 1001), 60, codec="mpeg2video", options={"bf": "2", "b": "3M"})),
    "mpeg-4 in avi": (".avi", lambda: cfr(Fraction(25), 60, codec="mpeg4", options={"bf": "2", "b": "2M"})),
    "vp8 webm": (".webm", lambda: cfr(Fraction(25), 60, codec="libvpx", options={"auto-alt-ref": "1", "b": "1M"})),
    "vp9 webm": (".webm", lambda: cfr(Fraction(25), 40, codec="libvpx-vp9", options={"deadline": "realtime"})),
    "10-bit hevc": (".mov", lambda: cfr(Fraction(25), 40, codec="libx265", pix_fmt="yuv420p10le", options=HEVC)),
    "10-bit h264": (".mp4", lambda: cfr(Fraction(25), 40, pix_fmt="yuv420p10le", options=H264)),
    "4:2:2": (".mp4", lambda: cfr(Fraction(25), 40, pix_fmt="yuv422p", options=H264)),
    "4:4:4 odd size": (".mp4", lambda: cfr(Fraction(25), 40, pix_fmt="yuv444p", width=129, height=97, options=H264)),
    "motion jpeg, full range": (".mov", lambda: cfr(Fraction(25), 30, codec="mjpeg", pix_fmt="yuvj420p")),
    "turned 90": (".mp4", lambda: cfr(Fraction(25), 40, rotation=90, options=H264)),
    "turned 180": (".mp4", lambda: cfr(Fraction(25), 40, rotation=180, options=H264)),
    "turned 270": (".mp4", lambda: cfr(Fraction(25), 40, rotation=270, options=H264)),
    "4:2:2 turned 90": (".mp4", lambda: cfr(Fraction(25), 40, rotation=90, pix_fmt="yuv422p", options=H264)),
}


@pytest.fixture(scope="module", params=CLIPS, ids=list(CLIPS))
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Synthetic]:
    suffix, make = CLIPS[request.param]
    spec = make()
    return make_clip(tmp_path_factory.mktemp("clip") / f"clip{suffix}", spec), spec


def numbers(frames: list[object]) -> list[int | None]:
    return [number_of(frame.picture.planes[0]) for frame in frames]  # type: ignore[attr-defined]


def test_times_and_pictures_are_those_that_were_made(clip: tuple[Path, Synthetic]) -> None:
    path, spec = clip
    info = probe(path)
    assert info.video is not None
    video = info.video
    # Containers with coarse ticks (1 ms, 1/90000 s) can only be right to within one tick; MP4 and MOV are exact.
    slack = Fraction(0) if path.suffix in (".mp4", ".mov") else max(video.clock.time_base, Fraction(1, 90000))
    sound = spec.sound.start if spec.sound else spec.times[0]
    if path.suffix == ".mkv" or path.suffix == ".ts":
        slack += Fraction(1024, 48000)  # priming is not declared exactly there, and presentation starts with it
    origin = min(spec.times[0], sound)
    assert video.frames == len(spec.pts)
    assert [abs(video.time(i) - (at - origin)) <= slack for i, at in enumerate(spec.times)] == [True] * video.frames
    assert abs(video.end - (spec.end - origin)) <= max(slack, Fraction(1, 500) if path.suffix == ".webm" else slack)
    with VideoReader(path, info) as reader:
        frames = list(reader.frames())
    assert numbers(frames) == list(range(video.frames))
    assert not any(frame.damaged for frame in frames)
    assert [frame.pts for frame in frames] == list(video.grid.pts)
    assert [frame.time for frame in frames] == [video.time(i) for i in range(video.frames)]
    height, width = frames[0].picture.planes[0].shape
    assert (video.width, video.height) == (width, height)
    assert video.layout == frames[0].picture.layout
    assert video.matrix == frames[0].picture.matrix


def test_any_order_gives_the_same_pictures(clip: tuple[Path, Synthetic]) -> None:
    path, _ = clip
    info = probe(path)
    assert info.video is not None
    count = info.video.frames
    with open_reader(path, info) as reader:
        straight = [frame.picture for frame in reader.frames()]
        rng = np.random.default_rng(3)
        for index in [int(i) for i in rng.integers(0, count, 8)] + [0, count - 1]:
            assert reader.at(index).picture.same(straight[index])
        backwards = list(reader.reversed(3, count - 2))
        assert [frame.index for frame in backwards] == list(range(count - 3, 2, -1))
        assert all(frame.picture.same(straight[frame.index]) for frame in backwards)
        walk = [5, 6, 6, 7, 20, 19, 18, 18, 17, 18, 2, 3, count - 1, 0, 1, *range(12, 4, -1), 25]
        walked = list(reader.sequence(iter(walk)))
        assert [frame.index for frame in walked] == walk
        assert all(frame.picture.same(straight[frame.index]) for frame in walked)
        assert [frame.index for frame in reader.at_many([9, 4, 9])] == [9, 4, 9]
        assert [frame.index for frame in reader.frames(10, 13)] == [10, 11, 12]


def test_facts_of_a_vfr_clip(tmp_path: Path) -> None:
    spec = vfr(40, options=H264)
    video = probe(make_clip(tmp_path / "v.mp4", spec)).video
    assert video is not None
    assert not video.constant_rate
    assert video.average_rate == Fraction(39) / (spec.times[-1] - spec.times[0])


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(50), Fraction(60)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_constant_rate_is_known_exactly(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    video = probe(make_clip(tmp_path / f"v{suffix}", cfr(rate, 30, options=H264))).video
    assert video is not None
    assert video.constant_rate
    assert video.average_rate == rate


def test_colour_shape_of_pixels_and_sound_are_told(tmp_path: Path) -> None:
    spec = cfr(
        Fraction(25),
        10,
        options=H264,
        pix_fmt="yuv420p10le",
        rotation=90,
        colour=(9, 16, 9, 1),
        sample_aspect_ratio=Fraction(4, 3),
        sound=Sound(44100, "5.1", duration=Fraction(1)),
    )
    info = probe(make_clip(tmp_path / "v.mp4", spec))
    assert info.video is not None
    assert info.audio is not None
    colour = info.video.colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.full_range) == (9, 16, 9, False)
    assert info.video.matrix == "bt2020"
    assert info.video.sample_aspect_ratio == Fraction(3, 4)
    assert (info.video.rotation, info.video.width, info.video.height) == (90, 96, 128)
    assert info.video.bit_depth == 10
    assert (info.audio.rate, info.audio.layout, info.audio.channels) == (44100, "5.1", 6)
    assert info.audio.start == 0


def test_late_sound_has_a_start(tmp_path: Path) -> None:
    spec = cfr(Fraction(25), 25, options=H264, sound=Sound(start=Fraction(1, 5), duration=Fraction(1, 2)))
    info = probe(make_clip(tmp_path / "v.mp4", spec))
    assert info.audio is not None
    # A late track starts with its encoder's priming, which is not cut off there but is silence before the sound.
    assert info.audio.start == Fraction(1, 5) - Fraction(1024, 48000)
    assert info.origin == 0


def test_an_edit_list_that_cuts_into_a_group_of_pictures(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 60, options={"g": "30", "preset": "ultrafast", "bf": "0"}))
    skipped = 7
    data = bytearray(path.read_bytes())
    at = data.find(b"elst") + 4
    count, duration, media_time = struct.unpack_from(">IIi", data, at + 4)
    assert (count, media_time) == (1, 0)
    ticks = 12800 // 25
    struct.pack_into(">Ii", data, at + 8, duration - skipped * 40, media_time + skipped * ticks)
    path.write_bytes(data)
    info = probe(path)
    assert info.video is not None
    with VideoReader(path, info) as reader:
        assert numbers(list(reader.frames())) == list(range(skipped, 60))
        assert number_of(reader.at(0).picture.planes[0]) == skipped
        assert number_of(reader.at(30).picture.planes[0]) == skipped + 30
    assert info.video.time(0) == 0
    assert info.video.time(3) == Fraction(3, 25)


def _damage(path: Path, which: range) -> None:
    """Overwrite the payload of the given packets with noise."""
    with av.open(str(path)) as container:
        spots = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for i in which:
        pos, size = spots[i]
        assert pos is not None
        data[pos + 4 : pos + size] = bytes([0xFF]) * (size - 4)
    path.write_bytes(data)


def test_frames_that_do_not_decode_are_repeats_of_the_one_before(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "10", "bf": "0"}
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 50, codec="libx264", options=options))
    _damage(path, range(20, 30))
    info = probe(path)
    assert info.video is not None
    assert info.video.frames == 50
    with VideoReader(path, info) as reader:
        frames = list(reader.frames())
        assert reader.at(24).damaged
    assert [frame.index for frame in frames] == list(range(50))
    assert [frame.index for frame in frames if frame.damaged] == list(range(20, 30))
    assert numbers(frames)[:20] == list(range(20))
    assert numbers(frames)[30:] == list(range(30, 50))


def test_a_video_of_which_nothing_decodes_is_an_error(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 30, options=H264))
    _damage(path, range(30))
    with pytest.raises(MediaError, match="cannot be decoded"):
        probe(path)


def test_a_truncated_file_gives_what_it_has(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mkv", cfr(Fraction(25), 100, options=H264))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    info = probe(path)
    assert info.video is not None
    assert 20 < info.video.frames < 100
    with VideoReader(path, info) as reader:
        shown = numbers(list(reader.frames()))
    assert shown[:-2] == list(range(len(shown)))[:-2]


def test_a_long_group_is_walked_backwards_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.media.reader._BACKWARD_BYTES", 5 * 128 * 96 * 3 // 2)
    path = make_clip(tmp_path / "v.mp4", cfr(Fraction(25), 60, options={"g": "250", "preset": "ultrafast"}))
    info = probe(path)
    with open_reader(path, info) as reader:
        assert numbers(list(reader.reversed())) == list(range(59, -1, -1))


def test_real_clips_count_and_seek_exactly(clips: Path) -> None:
    expected = {"grid_bbaf2n.mpg": 75, "retalk_1.mp4": 135, "whitehouse_hamilton.mp4": 275}
    for name, count in expected.items():
        info = probe(clips / name)
        assert info.video is not None
        assert info.video.frames == count
        with open_reader(clips / name, info) as reader:
            straight = [frame.picture for frame in reader.frames(0, 60)]
            for index in (41, 3, 59, 20):
                assert reader.at(index).picture.same(straight[index])
    vfr_info = probe(clips / "retalk_1.mp4").video
    assert vfr_info is not None
    assert not vfr_info.constant_rate
    assert vfr_info.time(0) == Fraction(507, 15360)
