"""An excerpt: the frames and the sound of some ranges, one after the other."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from benchmarks.service.material import make_talk

from lipwright.errors import MediaError
from lipwright.generation.excerpt import write_excerpt
from lipwright.media.audio import decode_audio
from lipwright.media.encoding import AudioTarget, VideoTarget
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.media.writer import OutputWriter
from lipwright.timeline.grid import Span

RATE = 48_000


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of pictures whose sound is a tone that changes every half second."""
    folder = tmp_path_factory.mktemp("video")
    make_talk(folder / "silent.mp4", 2.0, 128)
    info = probe(folder / "silent.mp4")
    assert info.video is not None
    at = np.arange(2 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * (300 + 400 * np.floor(at * 2)) * at)).astype(np.float32)
    path = folder / "toned.mp4"
    target = AudioTarget(RATE, "mono", 1)
    with (
        open_reader(folder / "silent.mp4", info) as reader,
        OutputWriter(path, VideoTarget.like(info.video), target) as writer,
    ):
        for frame in reader.frames():
            writer.add_picture(frame.picture, frame.time, Fraction(1, 25))
        writer.add_audio(tone[:, None])
        writer.close()
    return path


def test_it_holds_the_frames_and_the_sound_of_its_ranges(video: Path, tmp_path: Path) -> None:
    spans = [Span(Fraction(1, 2), Fraction(1)), Span(Fraction(3, 2), Fraction(9, 5))]
    length = write_excerpt(video, spans, tmp_path / "cut.mp4")
    whole, cut = probe(video), probe(tmp_path / "cut.mp4")
    assert whole.video is not None
    assert cut.video is not None
    first = [whole.video.grid.nearest_edge(span.start) for span in spans]
    stop = [whole.video.grid.nearest_edge(span.stop) for span in spans]
    wanted = [index for a, b in zip(first, stop, strict=True) for index in range(a, b)]
    assert cut.video.frames == len(wanted) == 21
    assert length == Fraction(21, 25)
    with open_reader(video, whole) as source, open_reader(tmp_path / "cut.mp4", cut) as made:
        for frame, index in zip(made.frames(), wanted, strict=True):
            here, there = (one.picture.planes[0].astype(float) for one in (frame, source.at(index)))
            assert np.abs(here - there).mean() < 2
    sound = np.concatenate([block[:, 0] for block in decode_audio(tmp_path / "cut.mp4", RATE, "mono")])
    for start, pitch in ((0.1, 700), (0.56, 1500)):
        part = sound[round(start * RATE) : round((start + 0.2) * RATE)]
        spectrum = np.abs(np.fft.rfft(part))
        assert np.argmax(spectrum) * RATE / len(part) == pytest.approx(pitch, abs=10)


def test_ranges_beyond_the_video_are_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no frame"):
        write_excerpt(video, [Span(Fraction(5), Fraction(6))], tmp_path / "cut.mp4")
    assert not (tmp_path / "cut.mp4").exists()
