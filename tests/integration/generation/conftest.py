"""A generation without models: faces and speech are given, the engine paints a square, everything else is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import Sound, Synthetic, cfr, make_clip, make_wav
from tests.unit.quality.faces import track_of

from lipwright.engines.base import Edit, EngineJob, FrameTask, MouthRenderer, PassReason
from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.track import FaceTrack
from lipwright.generation import generate as module
from lipwright.generation import scene
from lipwright.generation.ranges import Range
from lipwright.media.info import MediaInfo
from lipwright.media.picture import Picture
from lipwright.quality.channel import Drive
from lipwright.quality.measure import FrameMeter
from lipwright.quality.readings import FrameReading
from lipwright.speech.visemes import VISEMES, VisemeTrack

FAST = {"preset": "ultrafast", "g": "15"}
SIZE = (160, 128)


@dataclass
class SquareEngine:
    """Paints a square of its own over the mouth; remembers its jobs; fails where it is told to."""

    name: str = "square"
    jobs: list[EngineJob] = field(default_factory=list)
    fails_at: frozenset[int] = frozenset()
    passes_at: frozenset[int] = frozenset()
    refuses: Exception | None = None
    on_frame: Callable[[int], None] = lambda output: None

    def prepare(self, job: EngineJob) -> MouthRenderer:
        if self.refuses is not None:
            raise self.refuses
        self.jobs.append(job)
        return _Square(self, job.track.id)


@dataclass
class _Square:
    engine: SquareEngine
    face: int

    def render(self, task: FrameTask, picture: Picture) -> Edit | PassReason:
        self.engine.on_frame(task.output)
        if task.output in self.engine.fails_at:
            raise ZeroDivisionError("boom")
        if task.output in self.engine.passes_at:
            return PassReason.TURNED_AWAY
        left = 30 + 60 * (self.face - 1)
        yuv = np.full((20, 30, 3), 128.0, np.float32)
        yuv[..., 0] = 235.0 if task.speech_time is not None else 16.0
        return Edit((left, 80, left + 30, 100), yuv, np.ones((20, 30), np.float32), np.zeros((478, 3), np.float32))


def flat_visemes(seconds: float) -> VisemeTrack:
    """Speech that is all `aa`."""
    rows = round(seconds * 100)
    probabilities = np.zeros((rows, len(VISEMES)), np.float32)
    probabilities[:, VISEMES.index("aa")] = 1.0
    return VisemeTrack(probabilities, np.ones(rows, np.float32), np.ones(rows, np.float32), "whisper-head")


@dataclass
class Stage:
    """The stand-ins of one test: which faces are found, and at which source frames."""

    folder: Path
    engine: SquareEngine = field(default_factory=SquareEngine)
    faces: Sequence[FaceTrack] = ()
    cuts: tuple[int, ...] = ()
    analysed: list[Sequence[Range]] = field(default_factory=list)

    def clip(self, clip: Synthetic | None = None, name: str = "in.mp4") -> Path:
        """A synthetic video; three seconds at 25 fps with stereo sound unless told otherwise."""
        made = clip or cfr(
            Fraction(25), 75, width=SIZE[0], height=SIZE[1], options=FAST, sound=Sound(duration=Fraction(3))
        )
        return make_clip(self.folder / name, made)

    def speech(self, seconds: float, name: str = "speech.wav", pitch: float = 200.0) -> Path:
        """A tone for speech."""
        time = np.arange(round(seconds * 16000)) / 16000
        return make_wav(self.folder / name, (0.2 * np.sin(2 * np.pi * pitch * time)).astype(np.float32), 16000)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage with one face on the first two thousand frames."""
    made = Stage(tmp_path, faces=[track_of(np.full(2000, 0.05), scale=30.0, centre=(60.0, 60.0))])

    def faces_on(path: Path, info: MediaInfo, ranges: Sequence[Range], *_: object) -> FaceAnalysis:
        made.analysed.append(ranges)
        return FaceAnalysis(tuple(made.faces), made.cuts, SIZE, tuple(ranges))

    def meter(drives: Sequence[Drive], keep: Callable[[FrameReading], None]) -> FrameMeter:
        return FrameMeter(drives, keep, reader=lambda picture, crop: None)

    monkeypatch.setattr(module, "faces_on", faces_on)
    monkeypatch.setattr(module, "FrameMeter", meter)
    monkeypatch.setattr(
        scene,
        "heard_speech",
        lambda edl, paths, *_: {ref: flat_visemes(60) for ref in paths},
    )
    return made
