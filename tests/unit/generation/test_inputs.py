"""Inputs as local files, speakers as boxes, engines by name, speech in parts."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import make_wav
from tests.unit.quality.faces import track_of

from lipwright.errors import AudioInaccessible, FaceSelectionInvalid, UnsupportedModel, VideoInaccessible
from lipwright.faces.analysis import FaceAnalysis
from lipwright.generation import listen
from lipwright.generation.engine import engine_named, engine_names
from lipwright.generation.inputs import audio_path, local_path, video_path
from lipwright.generation.listen import heard_speech, runs
from lipwright.generation.speakers import boxes_at, boxes_of_track, pointed_on_still
from lipwright.generation.wav import wav_bytes
from lipwright.progress import Progress
from lipwright.speech.visemes import VISEMES, VisemeTrack
from lipwright.timeline.grid import FrameGrid, Span
from lipwright.timeline.options import BoxPerFrame, Options, PointOnFrame
from lipwright.timeline.plan import plan
from lipwright.timeline.request import AudioInput, GenerationRequest, SegmentRequest, VisualInput


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("a b.mp4", Path("a b.mp4")),
        ("/x/%20y.mp4", Path("/x/%20y.mp4")),
        ("file:///x/a%20b.mp4", Path("/x/a b.mp4")),
        ("file://localhost/x.mp4", Path("/x.mp4")),
        ("file://elsewhere/x.mp4", None),
        ("https://example.com/x.mp4", None),
        ("ftp://example.com/x.mp4", None),
        ("concat:a.mp4|b.mp4", Path("concat:a.mp4|b.mp4")),
        ("", None),
        ("a\0b", None),
    ],
)
def test_only_local_files_are_files(url: str, path: Path | None) -> None:
    assert local_path(url) == path


def test_what_is_not_local_is_named() -> None:
    with pytest.raises(VideoInaccessible, match=r"https://x/v\.mp4"):
        video_path(VisualInput(url="https://x/v.mp4"))
    with pytest.raises(VideoInaccessible, match="asset 12"):
        video_path(VisualInput(asset_id="12"))
    with pytest.raises(AudioInaccessible, match="'hi' is 's3://x'"):
        audio_path(AudioInput(url="s3://x", ref="hi"))


def test_a_wav_holds_the_samples_it_was_given() -> None:
    samples = np.array([[0.0, 1.0], [-1.0, 2.0]], np.float32)
    with wave.open(io.BytesIO(wav_bytes(samples, 8000))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 2)
        assert np.frombuffer(file.readframes(2), "<i2").tolist() == [0, 32767, -32767, 32767]


def whole(*_: object) -> Callable[[], FaceAnalysis]:
    track = track_of(np.full(3, 0.1))
    return lambda: FaceAnalysis((track,), (), (320, 240), ((0, 5),))


def test_boxes_of_a_face_by_number() -> None:
    boxes = boxes_at(5, whole())("face:1")
    assert isinstance(boxes, BoxPerFrame)
    assert [box is not None for box in boxes.boxes] == [True, True, True, False, False]
    assert boxes == boxes_of_track(track_of(np.full(3, 0.1)), 5)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("face:7", r"no face 7; the faces of the video are 1\."),
        ("face:x", "no face x"),
        ("https://x/b.json", "only files of this machine"),
        ("no.json", "cannot be read"),
        ("broken.json", "not JSON"),
    ],
)
def test_boxes_that_are_not_there(url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(FaceSelectionInvalid, match=said):
        boxes_at(5, whole())(url)


def test_boxes_from_a_file(tmp_path: Path) -> None:
    document = {"bounding_boxes": [[0, 1, 2, 3], None]}
    (tmp_path / "b.json").write_text(json.dumps(document))
    assert boxes_at(2, whole())(str(tmp_path / "b.json")) == document


def test_a_box_on_a_still_is_a_point_on_it() -> None:
    boxed = Options(speaker=BoxPerFrame(((10.0, 20.0, 30.0, 60.0),)))
    absent = Options(speaker=BoxPerFrame((None,)))
    segments = tuple(
        SegmentRequest(Span(Fraction(0), Fraction(1)), "a", options=one) for one in (boxed, absent, Options())
    )
    request = pointed_on_still(GenerationRequest(VisualInput("v"), (), segments, boxed))
    assert request.options.speaker == PointOnFrame(0, 20.0, 40.0)
    assert [s.options.speaker for s in request.segments] == [PointOnFrame(0, 20.0, 40.0), absent.speaker, None]


def test_engines_by_name() -> None:
    assert engine_names()[0] == "exemplar"
    assert engine_named("exemplar").name == "exemplar"
    with pytest.raises(UnsupportedModel, match="'magic'; it has to be one of exemplar"):
        engine_named("magic")


def loud_is_open(samples: np.ndarray, progress: Progress | None = None) -> VisemeTrack:
    """A recogniser that hears `aa` in anything loud."""
    rows = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    loud = np.abs(rows).max(axis=1) > 0.1
    probabilities = np.zeros((len(rows), len(VISEMES)), np.float32)
    probabilities[np.arange(len(rows)), np.where(loud, VISEMES.index("aa"), 0)] = 1.0
    return VisemeTrack(probabilities, loud.astype(np.float32), np.ones(len(rows), np.float32), "energy")


def test_only_the_used_part_of_an_audio_is_heard_and_stays_on_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []

    def recognise(samples: np.ndarray, progress: Progress | None = None) -> VisemeTrack:
        heard.append(len(samples))
        return loud_is_open(samples)

    monkeypatch.setattr(listen, "recognise", recognise)
    samples = np.zeros(16000 * 30, np.float32)
    samples[16000 * 11 : 16000 * 12] = 0.5
    path = make_wav(tmp_path / "a.wav", samples, 16000)
    grid = FrameGrid(tuple(range(100)), Fraction(1, 25), 100)
    request = GenerationRequest(
        VisualInput("v"),
        (AudioInput("a", ref="a"),),
        (SegmentRequest(Span(Fraction(0), Fraction(2)), "a", Span(Fraction(10), Fraction(12))),),
    )
    edl = plan(grid, {"a": Fraction(30)}, request)
    track = heard_speech(edl, {"a": path}, Progress())["a"]
    assert heard == [4 * 16000]
    assert runs(track) == [(0.0, 11.0, "sil"), (11.0, 12.0, "aa"), (12.0, 13.0, "sil")]
