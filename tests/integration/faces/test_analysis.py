"""Face analysis with the real models, on real clips and on a still that moves in a known way."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.faces.conftest import ArrayPixels, ArraySource

from lipwright.errors import Cancelled
from lipwright.faces import topology
from lipwright.faces.activity import OriginalSound
from lipwright.faces.analysis import FaceAnalysis, analyse
from lipwright.faces.canonical import canonical_face
from lipwright.faces.detector import FaceDetector
from lipwright.faces.mesh import FaceMesh
from lipwright.faces.pose import head_pose, rotation_from
from lipwright.faces.roi import from_landmarks, take_patch
from lipwright.faces.speaker import choose_speaker
from lipwright.faces.store import Store
from lipwright.faces.track import FaceTrack
from lipwright.media.audio import load_mono
from lipwright.media.picture import Picture
from lipwright.media.probe import probe
from lipwright.media.reader import Frame, open_reader
from lipwright.models.registry import model_path
from lipwright.progress import CancelToken, Progress, ProgressEvent
from lipwright.speech.openness import openness
from lipwright.speech.recognise import recognise
from lipwright.timeline.options import ActiveSpeaker

U8 = NDArray[np.uint8]


@dataclass
class Clip:
    """A clip's reader that counts what is read."""

    path: Path
    read: int = 0

    def __post_init__(self) -> None:
        self.info = probe(self.path)
        assert self.info.video is not None
        self.grid = self.info.video.grid

    def __len__(self) -> int:
        return len(self.grid.pts)

    @property
    def times(self) -> NDArray[np.float64]:
        return np.array([float(p * self.grid.time_base) for p in self.grid.pts])

    def frames(self, start: int, stop: int) -> Iterator[Frame]:
        with open_reader(self.path, self.info) as reader:
            for frame in reader.frames(start, stop):
                self.read += 1
                yield frame


@pytest.fixture(scope="module")
def portrait() -> U8:
    """The public-domain NASA portrait; its face is about 90 px wide at (225, 130)."""
    return np.asarray(cv2.cvtColor(cv2.imread(str(model_path("astronaut.png"))), cv2.COLOR_BGR2RGB), np.uint8)


def moving_still(portrait: U8, moves: NDArray[np.float64], size: int = 480) -> tuple[list[U8], NDArray[np.float64]]:
    """The portrait under (n, 4) moves (dx, dy, turn, zoom) with grain; and the (n, 2, 3) maps from it to each frame."""
    rng = np.random.default_rng(0)
    pictures, maps = [], []
    for dx, dy, turn, zoom in moves:
        cos, sin = 1.8 * zoom * np.cos(turn), 1.8 * zoom * np.sin(turn)
        x, y = size / 2 + dx - (cos * 225 - sin * 130), size / 2 + dy - (sin * 225 + cos * 130)
        maps.append([[cos, -sin, x], [sin, cos, y]])
        seen = cv2.warpAffine(
            portrait, np.array(maps[-1]), (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        pictures.append(np.clip(seen + rng.normal(0, 0.7, seen.shape), 0, 255).astype(np.uint8))
    return pictures, np.array(maps)


def sway(count: int) -> NDArray[np.float64]:
    t = np.arange(count) / 25
    return np.stack(
        [
            24 * np.sin(2.2 * t) + 6 * np.sin(8 * t),
            10 * np.sin(3.1 * t + 1),
            0.1 * np.sin(2.5 * t),
            1 + 0.06 * np.sin(1.6 * t),
        ],
        axis=1,
    )


def lip_jitter(landmarks: NDArray[np.float32], maps: NDArray[np.float64]) -> float:
    """Frame-to-frame rms of the outer lips, the known motion taken out, in % of the face's width."""
    inverse = [cv2.invertAffineTransform(m) for m in maps]
    at_rest = np.array([p[:, :2] @ m[:, :2].T + m[:, 2] for p, m in zip(landmarks, inverse, strict=True)])
    width = np.linalg.norm(at_rest[0, 234] - at_rest[0, 454])
    steps = np.diff(at_rest[:, list(topology.OUTER_LIPS)], axis=0)
    return float(100 * np.sqrt((steps**2).sum(axis=-1).mean()) / width)


@pytest.mark.parametrize(("moving", "bound"), [(False, 0.045), (True, 0.16)])
def test_two_passes_jitter_less_than_one(portrait: U8, moving: bool, bound: float) -> None:
    moves = sway(50) if moving else np.tile([0.0, 0, 0, 1], (50, 1))
    pictures, maps = moving_still(portrait, moves)
    (track,) = analyse(ArraySource(pictures), [(0, 50)]).tracks
    assert track.frames.tolist() == list(range(50))
    mesh, region = FaceMesh(), track.crops[0].astype(np.float64)
    one_pass = []
    for picture in pictures:
        patch = take_patch(ArrayPixels(picture), region)
        assert patch is not None
        one_pass.append(mesh(patch, region).landmarks)
        region = from_landmarks(one_pass[-1])
    two = lip_jitter(track.landmarks(slice(None)), maps)
    assert two < (0.85 if moving else 1.0) * lip_jitter(np.stack(one_pass), maps)
    assert two < bound


def test_landmarks_do_not_depend_on_how_the_picture_is_shifted(portrait: U8) -> None:
    """No constant offset hides in the crop arithmetic: the mirrored picture has the mirrored landmarks."""
    pictures, _ = moving_still(portrait, np.tile([0.0, 0, 0, 1], (6, 1)))
    mirrored = [np.ascontiguousarray(p[:, ::-1]) for p in pictures]
    (a,), (b,) = (analyse(ArraySource(p), [(0, 6)]).tracks for p in (pictures, mirrored))
    middle = [10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 0, 13, 14, 17, 152]
    total = a.landmarks([3])[0, middle, 0] + b.landmarks([3])[0, middle, 0]
    assert total.mean() == pytest.approx(479.0, abs=1.0)


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, 0, 0), (-35, 5, 0), (0, 20, 10), (10, -15, -20)])
def test_pose_of_the_rotated_canonical_head(angles: tuple[float, float, float]) -> None:
    face = canonical_face()
    seen = (20 * face.points @ rotation_from(*angles).T + [640, 360, 0]).astype(np.float32)
    seen[list(topology.LIPS)] += 30  # speech must not turn the head
    pose = head_pose(seen)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx(angles, abs=1e-3)


def test_opposite_lip_points_lie_opposite_on_the_canonical_head() -> None:
    points = canonical_face().points
    upper, lower = points[list(topology.UPPER_INNER)], points[list(topology.LOWER_INNER)]
    assert np.abs(upper[:, 0] - lower[:, 0]).max() < 0.25
    assert (lower[:, 1] > upper[:, 1] - 0.1).all()
    assert points[topology.MOUTH_LEFT, 0] < points[topology.MOUTH_RIGHT, 0]


def test_small_faces_are_found_on_tiles(portrait: U8) -> None:
    canvas = np.full((720, 1280, 3), 120, np.uint8)
    small = cv2.resize(portrait, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas[400:656, 900:1156] = small
    found = FaceDetector().detect(ArrayPixels(canvas))
    assert len(found) == 1
    assert (found[0].box[:2] + found[0].box[2:]) / 2 == pytest.approx([1012, 461], abs=12)


def test_a_wall_has_no_face() -> None:
    rng = np.random.default_rng(1)
    wall = np.clip(120 + rng.normal(0, 12, (360, 640, 3)), 0, 255).astype(np.uint8)
    result = analyse(ArraySource([wall] * 12), [(0, 12)])
    assert result.tracks == ()
    assert result.size == (640, 360)


def test_a_face_lost_for_a_moment_keeps_its_id(portrait: U8) -> None:
    pictures, _ = moving_still(portrait, np.tile([0.0, 0, 0, 1], (40, 1)))
    for hidden in pictures[20:24]:
        hidden[150:330, 160:320] = 0
    (track,) = analyse(ArraySource(pictures), [(0, 40)]).tracks
    assert track.frames.tolist() == list(range(40))
    assert set(np.flatnonzero(track.interpolated)) >= {21, 22}
    assert not track.interpolated[:19].any()
    assert not track.interpolated[26:].any()


def test_a_cut_ends_tracks_and_the_same_set_up_resumes_them(portrait: U8) -> None:
    here, _ = moving_still(portrait, np.tile([0.0, 0, 0, 1], (15, 1)))
    away, _ = moving_still(portrait[:, ::-1], np.tile([70.0, 60, 0, 1.5], (12, 1)))
    away = [255 - a // 3 for a in away]
    result = analyse(ArraySource([*here, *away, *here]), [(0, 42)])
    assert result.cuts == (15, 27)
    first = result.tracks[0]
    assert first.frames[0] == 0
    assert first.frames[-1] == 41
    assert not np.isin(np.arange(15, 27), first.frames).any()


TURNS = {(5, 70): 0, (80, 145): 2, (155, 220): 1}
"""Ranges of grid3_turns.mp4 in which one person speaks, and who: 0 left, 1 centre, 2 right."""


@pytest.fixture(scope="module")
def turns(clips: Path) -> tuple[Clip, FaceAnalysis]:
    clip = Clip(clips / "grid3_turns.mp4")
    return clip, analyse(clip, list(TURNS))


def test_three_people_are_three_tracks_over_all_ranges(turns: tuple[Clip, FaceAnalysis]) -> None:
    _, result = turns
    assert result.size == (1080, 288)
    assert result.cuts == ()
    assert [t.id for t in result.tracks] == [1, 2, 3]
    assert all(t.frames.tolist() == [f for a, b in TURNS for f in range(a, b)] for t in result.tracks)
    assert sorted(int(np.median(t.crops[:, 0])) // 360 for t in result.tracks) == [0, 1, 2]
    assert all((t.presence > 0.9).all() for t in result.tracks)
    assert max(float(t.covered.max()) for t in result.tracks) < 0.5


def test_who_speaks_when(turns: tuple[Clip, FaceAnalysis]) -> None:
    clip, result = turns
    visemes = recognise(load_mono(clip.path))
    sound = OriginalSound(openness(visemes), visemes.speech)
    for turn, place in TURNS.items():
        pick = choose_speaker(result, ActiveSpeaker(), [turn], sound=sound, times=clip.times)
        assert pick.how == "talking"
        assert pick.track is not None
        assert int(np.median(pick.track.crops[:, 0])) // 360 == place


def _covered(track: FaceTrack, frames: range) -> float:
    rows = [r for f in frames if (r := track.row(f)) >= 0]
    return float((track.covered[rows] > 0.5).mean())


def test_hands_before_a_mouth_are_noticed(clips: Path) -> None:
    clip = Clip(clips / "vv_interview.mp4")
    result = analyse(clip, [(330, 420)])
    right = max(result.tracks, key=lambda t: float(np.median(t.crops[:, 0])))
    left = min(result.tracks, key=lambda t: float(np.median(t.crops[:, 0])))
    assert _covered(right, range(394, 398)) >= 0.5
    assert _covered(right, range(335, 370)) == 0.0
    assert _covered(left, range(330, 420)) <= 0.01


def test_cuts_between_stage_and_audience(clips: Path) -> None:
    clip = Clip(clips / "whitehouse_hamilton.mp4")
    result = analyse(clip, [(60, 100), (205, 225)])
    assert result.cuts == (82, 211)
    for track in result.tracks:
        for cut in result.cuts:
            rows = np.searchsorted(track.frames, [cut - 1, cut])
            both = track.row(cut - 1) >= 0 and track.row(cut) >= 0
            assert not both or np.abs(np.diff(track.crops[rows, :2], axis=0)).max() < 40


def test_a_second_analysis_reads_only_what_is_missing(clips: Path, tmp_path: Path) -> None:
    clip = Clip(clips / "grid_bbaf2n.mpg")
    first = analyse(clip, [(10, 30)], cache=Store(tmp_path / "s"))
    assert clip.read == 20
    again = analyse(clip, [(12, 28)], cache=Store(tmp_path / "s"))
    assert clip.read == 20
    assert (again.tracks[0].landmarks(slice(None)) == first.tracks[0].landmarks(slice(2, 18))).all()
    more = analyse(clip, [(10, 40)], cache=Store(tmp_path / "s"))
    assert clip.read == 30
    (track,) = more.tracks
    assert track.frames.tolist() == list(range(10, 40))
    # No seam where the ranges meet, beyond what the head itself moves.
    steps = np.linalg.norm(np.diff(track.landmarks(slice(None))[:, list(topology.STABLE), :2], axis=0), axis=-1)
    assert steps.mean(axis=1)[19] < 3 * np.median(steps.mean(axis=1)) + 0.3


def test_the_same_video_gives_the_same_numbers(clips: Path) -> None:
    clip = Clip(clips / "grid_lwbsza.mpg")
    a, b = (analyse(clip, [(0, 25)]).tracks[0] for _ in range(2))
    assert (a.quantised == b.quantised).all()
    assert (a.crops == b.crops).all()


def test_progress_is_told_and_cancelling_leaves_nothing(clips: Path, tmp_path: Path) -> None:
    clip, token, told = Clip(clips / "grid_brbk7n.mpg"), CancelToken(), list[ProgressEvent]()

    def listen(event: ProgressEvent) -> None:
        told.append(event)
        if event.done == 12:
            token.cancel()

    store = Store(tmp_path / "s")
    with pytest.raises(Cancelled):
        analyse(clip, [(0, 40)], progress=Progress(listen, token), cache=store)
    assert [e.done for e in told] == list(range(1, 13))
    assert {(e.phase, e.total) for e in told} == {("faces", 40)}
    assert list(store.folder.iterdir()) == []


def test_memory_holds_a_few_pictures_however_long_the_range(clips: Path) -> None:
    clip = Clip(clips / "grid_bbaf2n.mpg")
    alive: weakref.WeakSet[_Watched] = weakref.WeakSet()
    most = 0

    class Watching:
        def frames(self, start: int, stop: int) -> Iterator[_WatchedFrame]:
            nonlocal most
            for frame in clip.frames(start, stop):
                watched = _Watched(frame.picture)
                alive.add(watched)
                yield _WatchedFrame(frame.index, frame.time, watched)
                del watched
                gc.collect(0)
                most = max(most, len(alive))

    analyse(Watching(), [(0, 60)])
    assert most <= 6


class _Watched:
    """A picture that can be counted."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.width, self.height = picture.width, picture.height

    def to_rgb(self, box: Sequence[int] | None = None, scale: float = 1.0) -> U8:
        return self._picture.to_rgb(box, scale)

    def to_grey(self, size: tuple[int, int]) -> U8:
        return self._picture.to_grey(size)


@dataclass(frozen=True)
class _WatchedFrame:
    index: int
    time: Fraction
    picture: _Watched
