"""What is written is what was asked for, to the tick and the sample; and complete or absent."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.synthetic import Sound, Synthetic, cfr, make_clip, number_of, tone, vfr

from lipwright.errors import OutputError
from lipwright.media.atomic import PendingFile
from lipwright.media.audio import decode_audio
from lipwright.media.encoding import AudioTarget, VideoTarget, audio_target
from lipwright.media.info import MediaInfo, VideoInfo
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.media.writer import OutputWriter

FAST = {"preset": "ultrafast"}


def copy(source: Path, target: Path, **choices: object) -> tuple[MediaInfo, MediaInfo, OutputWriter]:
    """Write a source's frames and sound with our writer; both descriptions and the closed writer."""
    info = probe(source)
    assert info.video is not None
    video = info.video
    audio = audio_target(info.audio)[0] if info.audio else None
    with (
        open_reader(source, info) as reader,
        OutputWriter(target, VideoTarget.like(video), audio, quality="draft", **choices) as writer,  # type: ignore[arg-type]
    ):
        sound = iter(decode_audio(source)) if audio else iter(())
        for frame in reader.frames():
            after = video.time(frame.index + 1) if frame.index + 1 < video.frames else video.end
            writer.add_picture(frame.picture, frame.time, after - frame.time)
            block = next(sound, None)
            if block is not None:
                writer.add_audio(block)
        for block in sound:
            writer.add_audio(block)
        writer.close()
    return info, probe(target), writer


def times(video: VideoInfo) -> list[Fraction]:
    return [video.time(i) for i in range(video.frames)]


CASES: dict[str, Synthetic] = {
    "23.976": cfr(Fraction(24000, 1001), 30, options=FAST),
    "29.97": cfr(Fraction(30000, 1001), 30, options=FAST, sound=Sound(44100, "mono", duration=Fraction(1001, 1000))),
    "50": cfr(Fraction(50), 50, options=FAST, sound=Sound(48000, duration=Fraction(1))),
    "60": cfr(Fraction(60), 30, options=FAST),
    "vfr": vfr(40, options=FAST),
    "late picture": cfr(Fraction(30), 30, 1, options=FAST, sound=Sound(44100, duration=Fraction(1))),
    "turned": cfr(Fraction(25), 20, rotation=90, sample_aspect_ratio=Fraction(4, 3), options=FAST),
    "10 bits, hdr": cfr(Fraction(25), 20, pix_fmt="yuv420p10le", colour=(9, 16, 9, 1), options=FAST),
    "odd size": cfr(Fraction(25), 20, pix_fmt="yuv444p", width=129, height=97, options=FAST),
    "5.1": cfr(Fraction(25), 25, options=FAST, sound=Sound(48000, "5.1", duration=Fraction(1))),
    "full range": cfr(Fraction(25), 20, codec="mjpeg", pix_fmt="yuvj420p", colour=(1, 1, 5, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_times_tags_and_shape_are_kept(tmp_path: Path, name: str) -> None:
    source = make_clip(tmp_path / "in.mov", CASES[name])
    before, after, writer = copy(source, tmp_path / "out.mp4")
    assert writer.rounded == 0
    assert before.video is not None
    assert after.video is not None
    assert times(after.video) == times(before.video)
    assert after.video.end == before.video.end
    assert after.video.sample_aspect_ratio == before.video.sample_aspect_ratio
    assert after.video.bit_depth == before.video.bit_depth
    assert after.video.rotation == 0
    assert after.video.layout.full_range == before.video.layout.full_range
    tags = after.video.colour
    wanted = before.video.colour
    assert (tags.primaries, tags.transfer, tags.matrix) == (wanted.primaries, wanted.transfer, wanted.matrix)
    even = (before.video.width + before.video.width % 2, before.video.height + before.video.height % 2)
    assert (after.video.width, after.video.height) == even
    if before.audio is not None:
        assert after.audio is not None
        assert (after.audio.rate, after.audio.layout) == (before.audio.rate, before.audio.layout)
        assert after.audio.start == 0
    with open_reader(tmp_path / "out.mp4", after) as reader:
        assert [number_of(f.picture.planes[0]) for f in reader.frames()] == list(range(before.video.frames))
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_sound_comes_back_in_place_and_of_the_right_length(tmp_path: Path) -> None:
    target = AudioTarget(48000, "stereo", 2)
    video = VideoTarget.like(_still_video(tmp_path), Fraction(1, 25))
    samples = tone(Sound(duration=Fraction(2)))
    samples[:24000] = 0
    with OutputWriter(tmp_path / "o.mp4", video, target) as writer:
        with open_reader(tmp_path / "s.mp4", probe(tmp_path / "s.mp4")) as reader:
            picture = reader.at(0).picture
        for i in range(50):
            writer.add_picture(picture, Fraction(i, 25), Fraction(1, 25))
            writer.add_audio(samples[i * 1920 : (i + 1) * 1920])
        writer.close()
    heard = np.concatenate(list(decode_audio(tmp_path / "o.mp4")))
    assert abs(len(heard) - len(samples)) < 1024
    onset = int(np.argmax(np.abs(heard[:, 0]) > 0.1))
    assert abs(onset - 24000) < 200
    steady = slice(40000, 80000)
    assert np.abs(heard[steady] - samples[steady]).max() < 0.03
    info = probe(tmp_path / "o.mp4")
    assert info.audio is not None
    assert info.video is not None
    assert abs(info.audio.duration - info.video.end) < Fraction(1024, 48000)


def _still_video(tmp_path: Path) -> VideoInfo:
    video = probe(make_clip(tmp_path / "s.mp4", cfr(Fraction(25), 2, options=FAST))).video
    assert video is not None
    return video


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", cfr(Fraction(25), 30, options=FAST, sound=Sound(duration=Fraction(1))))
    copy(source, tmp_path / "a.mp4")
    copy(source, tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_conversions_are_deliberate_and_told(tmp_path: Path) -> None:
    deep = make_clip(tmp_path / "deep.mp4", cfr(Fraction(25), 5, pix_fmt="yuv422p10le", options=FAST))
    for choices, expected in (
        ({}, "yuv420p10le"),
        ({"keep_chroma": True}, "yuv422p10le"),
        ({"compatible": True}, "yuv420p"),
    ):
        _, after, writer = copy(deep, tmp_path / "o.mp4", **choices)
        assert after.video is not None
        assert after.video.pixel_format == expected
        assert bool(writer.notes) == (expected != "yuv422p10le")
    odd = make_clip(tmp_path / "odd.mp4", cfr(Fraction(25), 5, pix_fmt="yuv444p", width=99, height=97, options=FAST))
    _, _, writer = copy(odd, tmp_path / "o.mp4")
    assert any("99x97" in note and "100x98" in note for note in writer.notes)


def test_a_comment_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", cfr(Fraction(25), 5, options=FAST))
    copy(source, tmp_path / "o.mp4", comment="lips edited 0-2 s")
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.metadata["comment"] == "lips edited 0-2 s"


def test_times_that_31_bits_cannot_hold_are_rounded_and_that_is_told(tmp_path: Path) -> None:
    video = replace(VideoTarget.like(_still_video(tmp_path)), time_base=Fraction(1, 7919 * 7907 * 7901))
    with open_reader(tmp_path / "s.mp4", probe(tmp_path / "s.mp4")) as reader:
        picture = reader.at(0).picture
    with OutputWriter(tmp_path / "o.mp4", video) as writer:
        for i in range(4):
            writer.add_picture(picture, Fraction(i, 7919), Fraction(1, 7919))
        writer.close()
        assert any("rounded" in note for note in writer.notes)
        assert writer.rounded == 3
    after = probe(tmp_path / "o.mp4").video
    assert after is not None
    assert all(abs(after.time(i) - Fraction(i, 7919)) < Fraction(1, 10**6) for i in range(4))


def test_abort_exceptions_and_misuse_leave_nothing(tmp_path: Path) -> None:
    video = VideoTarget.like(_still_video(tmp_path))
    with open_reader(tmp_path / "s.mp4", probe(tmp_path / "s.mp4")) as reader:
        picture = reader.at(0).picture
    (tmp_path / "s.mp4").unlink()
    with OutputWriter(tmp_path / "o.mp4", video) as writer:
        writer.add_picture(picture, Fraction(0), Fraction(1, 25))
        assert list(tmp_path.iterdir()) == []  # unnamed while it is written
    assert list(tmp_path.iterdir()) == []
    with OutputWriter(tmp_path / "o.mp4", video) as writer:
        writer.add_picture(picture, Fraction(1, 25), Fraction(1, 25))
        with pytest.raises(ValueError, match="after the frame before"):
            writer.add_picture(picture, Fraction(1, 25), Fraction(1, 25))
    with pytest.raises(ValueError, match="no sound"), OutputWriter(tmp_path / "o.mp4", video) as writer:
        writer.add_audio(np.zeros((5, 1), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    video = VideoTarget.like(_still_video(tmp_path))
    with open_reader(tmp_path / "s.mp4", probe(tmp_path / "s.mp4")) as reader:
        picture = reader.at(0).picture
    target = tmp_path / "o.mp4"
    target.write_bytes(b"old")
    with OutputWriter(target, video) as writer:
        writer.add_picture(picture, Fraction(0), Fraction(1, 25))
    assert target.read_bytes() == b"old"
    with OutputWriter(target, video) as writer:
        writer.add_picture(picture, Fraction(0), Fraction(1, 25))
        writer.close()
        writer.close()  # harmless
    assert probe(target).video is not None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.mp4", "s.mp4"]


def test_where_it_cannot_be_written_one_sentence(tmp_path: Path) -> None:
    video = VideoTarget.like(_still_video(tmp_path))
    for path, word in ((tmp_path / "no" / "o.mp4", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(OutputError, match=word):
            OutputWriter(path, video)


def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk."""
    script = """
        import resource, signal, sys
        from fractions import Fraction
        from pathlib import Path
        import numpy as np
        from lipwright.errors import OutputError
        from lipwright.media.encoding import VideoTarget
        from lipwright.media.picture import Picture
        from lipwright.media.pixels import LAYOUTS
        from lipwright.media.writer import OutputWriter
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        rng = np.random.default_rng(1)
        target = VideoTarget(320, 240, LAYOUTS["yuv420p"], Fraction(1, 25), Fraction(25))
        try:
            with OutputWriter(Path(sys.argv[1]) / "o.mp4", target) as writer:
                for i in range(60):
                    planes = [rng.integers(0, 255, s).astype(np.uint8) for s in ((240, 320), (120, 160), (120, 160))]
                    writer.add_picture(Picture(tuple(planes), LAYOUTS["yuv420p"]), Fraction(i, 25), Fraction(1, 25))
                writer.close()
        except OutputError as error:
            print(error.message)
            sys.exit(3)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3, done.stderr
    assert "could not be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_kill_leaves_nothing(tmp_path: Path) -> None:
    script = """
        import sys, time
        from fractions import Fraction
        from pathlib import Path
        import numpy as np
        from lipwright.media.encoding import VideoTarget
        from lipwright.media.picture import Picture
        from lipwright.media.pixels import LAYOUTS
        from lipwright.media.writer import OutputWriter
        rng = np.random.default_rng(1)
        target = VideoTarget(320, 240, LAYOUTS["yuv420p"], Fraction(1, 25), Fraction(25))
        writer = OutputWriter(Path(sys.argv[1]) / "o.mp4", target)
        for i in range(10000):
            planes = [rng.integers(0, 255, s).astype(np.uint8) for s in ((240, 320), (120, 160), (120, 160))]
            writer.add_picture(Picture(tuple(planes), LAYOUTS["yuv420p"]), Fraction(i, 25), Fraction(1, 25))
            if i == 80:
                print("writing", flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"writing\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait(timeout=20)
    assert list(tmp_path.iterdir()) == []


def test_without_unnamed_files_a_hidden_name_is_used_and_cleaned_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PendingFile, "_open_unnamed", lambda self, folder: -1)
    with PendingFile(tmp_path / "a.txt") as pending:
        pending.write(b"half")
        assert [p.name.startswith(".a.txt.") for p in tmp_path.iterdir()] == [True]
    assert list(tmp_path.iterdir()) == []
    with PendingFile(tmp_path / "a.txt") as pending:
        pending.write(b"whole")
        pending.commit()
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"whole")]


def test_a_failing_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    pending = PendingFile(tmp_path / "a.txt")
    pending.write(b"x")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        pending.commit()
    assert list(tmp_path.iterdir()) == []
