"""Which frames of a video show another mouth than its source, and whether it is its source at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
import pytest
from tests.unit.quality.faces import head, placed, track_of

from lipwright.faces.topology import OUTER_LIPS
from lipwright.media.picture import Picture
from lipwright.media.pixels import LAYOUTS
from lipwright.media.reader import VideoReader
from lipwright.quality.origin import STRANGE, edited, strangeness, with_gaps


@dataclass(frozen=True)
class Frame:
    index: int
    picture: Picture
    time: Fraction = Fraction(0)
    damaged: bool = False


@dataclass(frozen=True)
class Pictures:
    """Pictures in memory as a reader."""

    pictures: Sequence[Picture]

    def __len__(self) -> int:
        return len(self.pictures)

    def sequence(self, indices: Iterable[int]) -> Iterator[Frame]:
        return (Frame(i, self.pictures[i]) for i in indices)

    def frames(self, start: int, stop: int) -> Iterator[Frame]:
        return self.sequence(range(start, stop))


def video(seed: int, frames: int, mouth: range = range(0), noise: float = 0.0) -> VideoReader:
    """A grey texture that stays, encoded with `noise`, with a mouth 20 levels darker on the frames of `mouth`."""
    texture = np.random.default_rng(seed).uniform(60, 180, (15, 20)).repeat(16, 0).repeat(16, 1)
    lips = placed(head(), np.eye(3))[list(OUTER_LIPS), :2]
    (x0, y0), (x1, y1) = lips.min(axis=0).astype(int), lips.max(axis=0).astype(int)
    rng = np.random.default_rng(seed + 1)
    pictures = []
    for index in range(frames):
        luma = texture + rng.normal(0, noise, texture.shape) if noise else texture.copy()
        if index in mouth:
            luma[y0:y1, x0:x1] -= 20
        chroma = np.full((120, 160), 128, np.uint8)
        pictures.append(Picture((luma.round().clip(0, 255).astype(np.uint8), chroma, chroma), LAYOUTS["yuv420p"]))
    return cast("VideoReader", Pictures(pictures))


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_the_frames_with_another_mouth_are_found_through_the_losses_of_encoding(noise: float) -> None:
    track = track_of(np.full(120, 0.05))
    found = edited(video(1, 120, range(40, 70), noise), video(1, 120), track, 0.04)
    assert np.flatnonzero(found).tolist() == list(range(40, 70))


def test_the_source_itself_differs_nowhere() -> None:
    assert not edited(video(1, 30), video(1, 30), track_of(np.full(30, 0.05)), 0.04).any()


def test_a_source_is_told_from_a_stranger_whatever_the_order_of_its_frames() -> None:
    assert strangeness(video(1, 30, range(10), 3.0), video(1, 50)) < 1.0
    assert strangeness(video(1, 30), video(2, 30)) > 2 * STRANGE


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("..........", ".........."),
        ("....#.....", ".........."),
        ("....##....", "....##...."),
        ("..##..##..", "##########"),
        ("....##...##", "....##...##"),
        ("##........", "##........"),
    ],
)
def test_short_gaps_are_filled_and_single_frames_are_not_believed(given: str, wanted: str) -> None:
    filled = with_gaps(np.array([c == "#" for c in given]), 2)
    assert "".join("#" if f else "." for f in filled) == wanted
