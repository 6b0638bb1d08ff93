"""Copied packets, whatever is asked for: segments anywhere, many of them, and modes that move what follows."""

from __future__ import annotations

from fractions import Fraction

import pytest
from tests.integration.generation.conftest import SIZE, Stage
from tests.integration.generation.copies import asked, checked, made
from tests.integration.generation.test_copied import FRAMES, clip
from tests.synthetic import Sound, cfr, make_clip

from lipwright.generation.asked import Choices, build_request

# A key frame every 25 frames, that is every second.
SEGMENTS = {
    "at the start": [(0, 10)],
    "at the end": [(FRAMES - 10, FRAMES)],
    "from a key frame": [(50, 60)],
    "up to a key frame": [(40, 50)],
    "from one frame before a key frame": [(49, 60)],
    "up to one frame after a key frame": [(40, 51)],
    "a single group": [(25, 50)],
    "a single frame": [(30, 31)],
    "two": [(5, 10), (60, 65)],
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_segments_anywhere(stage: Stage, name: str) -> None:
    source = make_clip(stage.folder / "in.mp4", clip())
    outcome = checked(stage, source, asked(stage, source, [(a / 25, b / 25) for a, b in SEGMENTS[name]]))
    outcome.holds_all_but(*SEGMENTS[name])


def test_forty_segments(stage: Stage) -> None:
    rate, frames = Fraction(5), 500
    options = {"preset": "ultrafast", "x264-params": "keyint=5:scenecut=0:bframes=2:b-adapt=0"}
    source = make_clip(
        stage.folder / "in.mp4",
        cfr(
            rate,
            frames,
            width=SIZE[0],
            height=SIZE[1],
            options=options,
            sound=Sound(16000, "mono", duration=Fraction(100)),
        ),
    )
    edited = [(first, first + 2) for first in range(3, frames, 12)][:40]
    outcome = checked(stage, source, asked(stage, source, [(a / 5, b / 5) for a, b in edited]))
    outcome.holds_all_but(*edited, shortest=5)
    assert sum(number is not None for number in outcome.kept) > 200


@pytest.mark.parametrize(
    ("mode", "said", "moved"),
    [("cut_off", 0.52, -12), ("loop", 1.6, 15), ("bounce", 1.6, 15), ("silence", 0.6, 0), ("remap", 1.6, 15)],
)
def test_what_is_moved_is_copied_too(stage: Stage, mode: str, said: float, moved: int) -> None:
    source = make_clip(stage.folder / "in.mp4", clip(frames=120))
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2.6)], Choices(sync_mode=mode), [said]))
    copied = [(place, number) for place, number in enumerate(outcome.kept) if number is not None]
    before = [(place, number) for place, number in copied if place < 40]
    after = [(place, number) for place, number in copied if place >= 40]
    assert [place for place, _ in before] == [number for _, number in before] == list(range(len(before)))
    assert len(before) >= 36
    assert [number for _, number in after] == list(range(75, 120))
    assert {place - number for place, number in after} == {moved}
    # Times are those of the source, moved as a whole.
    steps = {outcome.packets[place].pts - outcome.source[number].pts for place, number in after}
    assert steps == {Fraction(moved, 25)}


def test_a_whole_video_sync_copies_nothing(stage: Stage) -> None:
    source = make_clip(stage.folder / "in.mp4", clip())
    outcome = made(stage, build_request(source, stage.speech(FRAMES / 25)), "out.mp4", False, "draft")
    assert outcome.report.encoding is not None
    assert outcome.report.encoding.copied_frames == 0
    because = "No part of the output is a second or more of the video as it was."
    assert outcome.report.encoding.full_because == because
