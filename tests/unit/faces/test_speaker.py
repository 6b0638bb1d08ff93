"""Choosing a segment's face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.errors import FaceSelectionInvalid
from lipwright.faces.activity import OriginalSound
from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.speaker import choose_speaker, frames_needed
from lipwright.faces.track import FaceTrack
from lipwright.timeline.options import ActiveSpeaker, BoxPerFrame, PointOnFrame, Prominent

N = 100
TIMES = np.arange(N) / 25


def analysis(*tracks: FaceTrack) -> FaceAnalysis:
    return FaceAnalysis(tracks, (), (1280, 720), ((0, N),))


@pytest.fixture
def pair(make_track: Callable) -> FaceAnalysis:
    """Face 1 on the left throughout, face 2, smaller, on the right from frame 40."""
    return analysis(
        make_track(1, range(N), centre=(300, 300), side=200), make_track(2, range(40, N), centre=(900, 300), side=150)
    )


def test_prominent_is_the_largest_on_these_frames(pair: FaceAnalysis) -> None:
    pick = choose_speaker(pair, Prominent(), [(0, N)])
    assert pick.track is pair.tracks[0]
    assert pick.warning is None


def test_prominent_looks_at_the_segment_only(make_track: Callable) -> None:
    faces = analysis(make_track(1, range(50), side=250), make_track(2, range(50, N), side=100))
    pick = choose_speaker(faces, Prominent(), [(60, 80)])
    assert pick.track is faces.tracks[1]


def test_no_face_is_no_track() -> None:
    for choice in (Prominent(), ActiveSpeaker()):
        assert choose_speaker(analysis(), choice, [(0, 10)]).track is None


def test_a_point_picks_the_face_under_it(pair: FaceAnalysis) -> None:
    pick = choose_speaker(pair, PointOnFrame(50, 910, 320), [(0, N)])
    assert pick.track is pair.tracks[1]


def test_a_point_on_nothing_says_what_is_there(pair: FaceAnalysis) -> None:
    with pytest.raises(
        FaceSelectionInvalid, match=r"no face at \(600, 100\) on frame 50.*face 1 at x .*face 2 at x"
    ) as e:
        choose_speaker(pair, PointOnFrame(50, 600, 100), [(0, N)], field="segments[2].speaker")
    assert e.value.faults[0].field == "segments[2].speaker"


def test_a_point_on_a_frame_without_the_face(pair: FaceAnalysis) -> None:
    with pytest.raises(FaceSelectionInvalid, match="faces on it: face 1"):
        choose_speaker(pair, PointOnFrame(10, 900, 300), [(0, N)])


def test_a_face_pointed_at_elsewhere_that_is_not_in_the_segment(pair: FaceAnalysis) -> None:
    pick = choose_speaker(pair, PointOnFrame(50, 900, 300), [(0, 30)])
    assert pick.track is None
    assert "frames 0-29" in (pick.warning or "")


def test_the_frame_pointed_at_must_be_analysed() -> None:
    assert frames_needed(PointOnFrame(120, 1, 1)) == ((117, 124),)
    assert frames_needed(Prominent()) == ()


def test_boxes_pick_the_face_they_lie_on(pair: FaceAnalysis) -> None:
    box = (840.0, 230.0, 960.0, 370.0)
    pick = choose_speaker(pair, BoxPerFrame((None,) * 60 + (box,) * 40), [(50, N)])
    assert pick.track is pair.tracks[1]
    assert pick.absent == ((50, 60),)


def test_null_boxes_mean_that_nobody_speaks(pair: FaceAnalysis) -> None:
    pick = choose_speaker(pair, BoxPerFrame((None,) * N), [(0, 20)])
    assert pick.track is None
    assert pick.absent == ((0, 20),)
    assert pick.warning is None


def test_boxes_on_no_face_are_reported(pair: FaceAnalysis) -> None:
    pick = choose_speaker(pair, BoxPerFrame(((0.0, 0.0, 50.0, 50.0),) * N), [(0, 20)])
    assert pick.track is None
    assert "no face" in (pick.warning or "")


def syllables(seed: int, delay: float = 0.0) -> NDArray[np.float64]:
    """Openness 0..1 at 100 Hz: syllables of uneven length and height."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int(N / 25 * 100))
    at = 0.1
    while at < N / 25 - 0.3:
        width = rng.uniform(0.12, 0.3)
        t = np.arange(len(out)) / 100 - at - delay
        out += rng.uniform(0.4, 1.0) * np.clip(np.sin(np.pi * t / width), 0, None) * ((t > 0) & (t < width))
        at += width + rng.uniform(0.0, 0.15)
    return out


def gaps(openness: NDArray[np.float64], size: float = 14.0) -> NDArray[np.float64]:
    """Lip gaps of a mouth that says it, on the video's frames."""
    return 1.0 + size * np.interp(TIMES, np.arange(len(openness)) / 100, openness)


def sound_of(openness: NDArray[np.float64]) -> OriginalSound:
    return OriginalSound(openness.astype(np.float32), np.ones(len(openness), np.float32))


@pytest.mark.parametrize("delay", [-0.1, 0.0, 0.12])
def test_the_talker_is_found_though_smaller_and_out_of_sync(make_track: Callable, delay: float) -> None:
    heard = syllables(1)
    faces = analysis(
        make_track(1, range(N), side=260, gaps=gaps(syllables(2))),
        make_track(2, range(N), side=120, gaps=gaps(syllables(1, delay))),
    )
    pick = choose_speaker(faces, ActiveSpeaker(), [(0, N)], sound=sound_of(heard), times=TIMES)
    assert pick.track is faces.tracks[1]
    assert pick.how == "talking"
    assert (pick.margin or 0) > 0.2


def test_a_still_mouth_in_step_by_chance_does_not_win(make_track: Callable) -> None:
    heard = syllables(1)
    rng = np.random.default_rng(0)
    faces = analysis(
        make_track(1, range(N), gaps=gaps(heard, 0.4)),
        make_track(2, range(N), gaps=gaps(heard) + rng.normal(0, 2.0, N)),
    )
    pick = choose_speaker(faces, ActiveSpeaker(), [(0, N)], sound=sound_of(heard), times=TIMES)
    assert pick.track is faces.tracks[1]


def test_nobody_in_step_falls_back_with_a_warning(make_track: Callable) -> None:
    faces = analysis(make_track(1, range(N), gaps=np.ones(N)), make_track(2, range(N), gaps=np.ones(N)))
    pick = choose_speaker(faces, ActiveSpeaker(), [(0, N)], sound=sound_of(syllables(1)), times=TIMES)
    assert pick.track is faces.tracks[0]
    assert "not clear" in (pick.warning or "")


def test_without_sound_the_most_prominent_speaks(pair: FaceAnalysis) -> None:
    pick = choose_speaker(pair, ActiveSpeaker(), [(40, N)])
    assert pick.track is pair.tracks[0]
    assert "no sound" in (pick.warning or "")


def test_a_lone_face_speaks_without_asking(make_track: Callable) -> None:
    faces = analysis(make_track(1, range(N)))
    pick = choose_speaker(faces, ActiveSpeaker(), [(0, N)], sound=sound_of(syllables(1)), times=TIMES)
    assert pick.track is faces.tracks[0]
    assert pick.warning is None
