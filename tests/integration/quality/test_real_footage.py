"""The meters on real footage: known offsets are found, and harm done on purpose is noticed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.errors import AudioInvalid, NoUsableFace, RequestError
from lipwright.faces.analysis import FaceAnalysis, analyse
from lipwright.faces.topology import OUTER_LIPS
from lipwright.media.picture import Picture
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.quality.account import Account, Measured
from lipwright.quality.channel import Drive
from lipwright.quality.evaluate import Evaluation, evaluate
from lipwright.quality.measure import FaceShot, FrameMeter, Shot

F32 = NDArray[np.float32]


@pytest.fixture(scope="module")
def clip(clips: Path) -> Path:
    """Three seconds of a man talking, in sync."""
    return clips / "grid_bbaf2n.mpg"


@pytest.fixture(scope="module")
def text(clips: Path) -> str:
    listed = json.loads((clips / "clips.json").read_text(encoding="utf-8"))["clips"]
    return str(next(c["text"] for c in listed if c["file"] == "grid_bbaf2n.mpg"))


@pytest.fixture(scope="module")
def in_sync(clip: Path, text: str) -> Evaluation:
    return evaluate(clip, source=clip, text=text)


def test_footage_in_sync_reads_so(in_sync: Evaluation) -> None:
    meters = in_sync.meters
    assert meters.av_offset_ms == pytest.approx(0.0, abs=20)
    assert meters.av_correlation is not None
    assert meters.av_correlation_shuffled is not None
    assert meters.av_correlation > meters.av_correlation_shuffled
    assert (meters.bilabials, meters.bilabial_closure) == (2, 1.0)
    assert in_sync.speech == "forced alignment"
    assert in_sync.read == in_sync.frames == 75


def test_a_video_against_itself_is_as_sharp_and_as_steady(in_sync: Evaluation) -> None:
    assert in_sync.meters.jitter_ratio == pytest.approx(1.0, abs=0.01)
    assert in_sync.meters.sharpness_ratio == pytest.approx(1.0, abs=0.01)
    assert in_sync.meters.source_leak == pytest.approx(1.0, abs=0.01)


def test_sound_moved_on_purpose_is_found(clip: Path, text: str, in_sync: Evaluation) -> None:
    """The same sound said to begin 120 ms later makes the lips 120 ms early."""
    moved = evaluate(clip, audio=clip, text=text, audio_at=0.12).meters
    assert moved.av_offset_ms is not None
    assert in_sync.meters.av_offset_ms is not None
    assert moved.av_offset_ms - in_sync.meters.av_offset_ms == pytest.approx(-120, abs=12)
    assert moved.jitter_ratio is None
    assert moved.unmeasured["jitter_ratio"] == "no source video was given"


def test_what_cannot_be_evaluated_is_said(clips: Path, clip: Path) -> None:
    with pytest.raises(AudioInvalid, match="no sound"):
        evaluate(clips / "dhlive_anime_green.mp4", text="hello", spans=[(0.0, 0.1)])
    with pytest.raises(RequestError, match="was not made from 'grid_brbk7n"):
        evaluate(clip, source=clips / "grid_brbk7n.mpg")
    with pytest.raises(NoUsableFace, match="has no face 7"):
        evaluate(clip, face=7)


@dataclass(frozen=True)
class Edit:
    box: tuple[int, int, int, int]
    alpha: F32


@cache
def known(clip: Path) -> tuple[FaceAnalysis, tuple[Picture, ...]]:
    info = probe(clip)
    with open_reader(clip, info) as reader:
        return analyse(reader, [(0, 75)]), tuple(f.picture for f in reader.frames(0, 75))


def harmed(clip: Path, blur: float = 0.0, lift: float = 0.0, shake: float = 0.0, feather: int = 1) -> Measured:
    """The clip with its mouth blurred, lightened, or shaken by some pixels from frame to frame."""
    faces, pictures = known(clip)
    track = faces.tracks[0]
    drives = [Drive(0, track, None, (0.0, 0.0))]
    account = Account(drives)
    meter = FrameMeter(drives, account.add)
    for i, source in enumerate(pictures):
        lips = track.landmarks([track.row(i)])[0][list(OUTER_LIPS), :2]
        x, y = (int(v) for v in lips.mean(axis=0))
        box = (x - 40, y - 28, x + 40, y + 28)
        region = source.region(box)
        if blur:
            region = cv2.GaussianBlur(region, (0, 0), blur)
        if shake:
            move = np.float32([[1, 0, shake * (-1) ** i], [0, 1, 0]])
            region = cv2.warpAffine(region, move, (80, 56), borderMode=cv2.BORDER_REPLICATE)
        alpha = np.zeros((56, 80), np.float32)
        alpha[8:-8, 8:-8] = 1.0
        if feather > 1:
            alpha = cv2.blur(alpha, (feather, feather))
        composed = source.blend(box, region + np.float32([lift, 0, 0]), alpha)
        shot = Shot(i, i / 25, i, source, composed, (FaceShot(0, Edit(box, alpha), None, None),))
        meter.add(meter.look(shot))
    return account.finish()


def test_harm_is_noticed_by_the_meter_it_concerns_and_by_no_other(clip: Path) -> None:
    good, blurred, lifted = harmed(clip).overall, harmed(clip, blur=1.5).overall, harmed(clip, lift=12.0).overall
    shaken, soft = harmed(clip, shake=0.7).overall, harmed(clip, lift=12.0, feather=15).overall
    assert good.sharpness_ratio == pytest.approx(1.0, abs=0.02)
    assert good.jitter_ratio == pytest.approx(1.0, abs=0.1)
    assert good.edge_step == pytest.approx(0.0, abs=0.1)
    assert blurred.sharpness_ratio is not None
    assert blurred.sharpness_ratio < 0.75
    assert shaken.jitter_ratio is not None
    assert shaken.jitter_ratio > 1.5
    assert lifted.edge_step is not None
    assert soft.edge_step is not None
    assert lifted.edge_step > 8
    assert soft.edge_step < 0.6 * lifted.edge_step
    assert lifted.jitter_ratio == pytest.approx(1.0, abs=0.25)


def test_edits_stay_inside_their_mask(clip: Path) -> None:
    assert harmed(clip, lift=12.0).equality.kept
