"""Memory does not grow with the length of the media."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import Sound, cfr, make_clip, make_wav, tone

from lipwright.media.encoding import AudioTarget, VideoTarget
from lipwright.media.mix import SoundMix
from lipwright.media.probe import probe
from lipwright.media.reader import Frame, VideoReader, open_reader
from lipwright.media.writer import OutputWriter
from lipwright.timeline.edl import SoundSpan, Span, Speech

FRAMES = 500
BYTES = 128 * 96 * 3 // 2


def peak(work: Callable[[], object]) -> int:
    """The most memory that `work` holds at once, bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("m") / "v.mp4", cfr(Fraction(25), FRAMES, options={"preset": "ultrafast"}))


WALKS: dict[str, Callable[[VideoReader], Iterator[Frame]]] = {
    "forward": lambda reader: reader.frames(),
    "backward": lambda reader: reader.reversed(),
    "bounce": lambda reader: reader.sequence([*range(FRAMES), *range(FRAMES - 2, 0, -1)]),
}


@pytest.mark.parametrize("walk", WALKS)
def test_reading_holds_a_few_frames(clip: Path, walk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.media.reader._BACKWARD_BYTES", 20 * BYTES)
    info = probe(clip)

    def work() -> None:
        with open_reader(clip, info) as reader:
            count = sum(1 for _ in WALKS[walk](reader))
            assert count >= FRAMES

    assert peak(work) < 60 * BYTES < FRAMES * BYTES // 8


def test_mixing_and_writing_hold_a_few_seconds(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.media.mix._WINDOW", 1)
    seconds = 30
    speech = make_wav(tmp_path / "s.wav", tone(Sound(duration=Fraction(seconds))), 48000)
    info = probe(clip)
    assert info.video is not None
    target = VideoTarget.like(info.video, Fraction(1, 25))
    stereo = AudioTarget(48000, "stereo", 2)
    spans = [SoundSpan(Span(Fraction(0), Fraction(seconds)), Speech("a", Fraction(0)))]
    with open_reader(clip, info) as reader:
        picture = reader.at(0).picture

    def work() -> None:
        mix = SoundMix(spans, Fraction(seconds), stereo, {"a": speech})
        with OutputWriter(tmp_path / "o.mp4", target, stereo, quality="draft") as writer:
            for i in range(seconds * 5):
                writer.add_picture(picture, Fraction(i, 5), Fraction(1, 5))
                writer.add_audio(mix.up_to(Fraction(i + 1, 5)))
            writer.close()
        mix.close()

    whole = seconds * 48000 * 2 * np.dtype(np.float32).itemsize
    assert peak(work) < whole // 6
