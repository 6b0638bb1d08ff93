"""The frame meter against a rendered-looking output whose every property is known, with a lip reader that knows too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from tests.unit.quality.faces import head, placed, track_of

from lipwright.media.picture import Picture
from lipwright.media.pixels import LAYOUTS
from lipwright.quality.account import Account, Measured
from lipwright.quality.channel import Drive
from lipwright.quality.measure import FaceShot, FrameMeter, Shot
from lipwright.quality.speech import SpeechReference

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
FPS, FRAMES, SEGMENT = 25, 200, range(50, 150)
BOX = (100, 120, 220, 200)


@dataclass(frozen=True)
class Edit:
    box: tuple[int, int, int, int]
    alpha: F32


class Knows:
    """A lip reader that is told the true opening by the picture's identity."""

    def __init__(self) -> None:
        self.gaps: dict[int, float | None] = {}

    def __call__(self, picture: Picture, crop: F32) -> F32 | None:
        gap = self.gaps[id(picture)]
        return None if gap is None else placed(head(gap), np.eye(3))


def picture(seed: int, lift: int = 0) -> Picture:
    luma = np.random.default_rng(seed).integers(60, 180, (240, 320)).astype(np.uint8)
    luma[BOX[1] : BOX[3], BOX[0] : BOX[2]] += np.uint8(lift)
    chroma = np.full((120, 160), 128, dtype=np.uint8)
    return Picture((luma, chroma, chroma), LAYOUTS["yuv420p"])


def speech() -> SpeechReference:
    curve = gaussian_filter1d(np.random.default_rng(4).normal(size=400), 7.0)
    curve = np.clip((curve - curve.min()) / np.ptp(curve), 0, 1)
    silent = np.zeros(400, dtype=np.bool_)
    silent[150:250] = True
    curve[150:250] = 0.0
    return SpeechReference(curve, silent, np.array([[0.5, 0.56], [1.0, 1.06], [3.0, 3.08]]), "made up")


def measured(late: float = 0.0, reasons: dict[int, str] | None = None, spoil: int | None = None) -> Measured:
    """Four seconds of speech in the middle of eight of video; lips late by `late` seconds."""
    reference, reasons = speech(), reasons or {}
    quiet = np.full(FRAMES, 0.02) + 0.001 * (np.arange(FRAMES) % 2)
    drive = Drive(0, track_of(quiet), reference, (0.0, 4.0))
    reader = Knows()
    account = Account([drive])
    meter = FrameMeter([drive], account.add, reader)
    edit = Edit(BOX, np.ones((80, 120), dtype=np.float32))
    for i in range(FRAMES):
        source = picture(i // 4)
        composed, faces = source, ()
        if i in SEGMENT:
            now = (i - SEGMENT.start) / FPS
            if i in reasons:
                faces = (FaceShot(0, None, reasons[i], now),)
            else:
                composed = picture(i // 4, lift=1)
                wanted = float(np.interp((now - late) * 100 - 0.5, np.arange(400), reference.openness))
                closed = any(a - 0.02 <= now - late < b + 0.02 for a, b in reference.instants[:2])
                reader.gaps[id(composed)] = 0.02 if closed else 0.02 + 0.2 * wanted
                faces = (FaceShot(0, edit, None, now),)
        if i == spoil:
            planes = tuple(p.copy() for p in composed.planes)
            planes[0][0, 0] += 1
            composed = Picture((planes[0], planes[1], planes[2]), composed.layout)
            reader.gaps[id(composed)] = 0.1
        meter.add(meter.look(Shot(i, i / FPS, i, source, composed, faces)))
    return account.finish()


def test_sync_closure_and_silence_come_out_as_put_in() -> None:
    result = measured(late=0.03)
    meters = result.overall
    assert meters.av_offset_ms == pytest.approx(30, abs=6)  # the closures are not in the curve
    assert meters.av_correlation is not None
    assert meters.av_correlation > 0.85
    assert (meters.bilabials, meters.bilabial_closure) == (3, 0.6667)
    assert meters.silence_opening == pytest.approx(0.0, abs=0.5)
    assert meters.silence_motion == pytest.approx(0.0, abs=1.0)
    assert meters.coverage == 1.0
    assert meters.sharpness_ratio == pytest.approx(1.0, abs=0.1)
    assert result.segments[0] == (meters, result.segments[0][1])


def test_frames_passed_through_are_counted_with_reasons_and_ranges() -> None:
    reasons = dict.fromkeys(range(60, 70), "no_face") | {80: "turned_away", 81: "turned_away"}
    result = measured(reasons=reasons)
    counts = result.frames
    assert (counts.output, counts.asked, counts.edited, counts.passed, counts.untouched) == (200, 100, 88, 12, 100)
    assert counts.reasons == {"no_face": 10, "turned_away": 2}
    assert [(r.start, r.stop, r.reason, r.face) for r in counts.passed_ranges] == [
        (60, 70, "no_face", 1),
        (80, 82, "turned_away", 1),
    ]
    assert result.overall.coverage == pytest.approx(0.88)
    assert result.segments[0][1].untouched == 0


def test_equality_is_checked_on_every_frame() -> None:
    assert measured().equality.kept
    outside_all = measured(spoil=10).equality
    assert (outside_all.untouched_frames, outside_all.untouched_differing) == (100, 1)
    in_segment = measured(spoil=100).equality
    assert (in_segment.edited_frames, in_segment.outside_mask_differing) == (100, 1)


def test_nothing_edited_is_said_and_not_measured() -> None:
    result = measured(reasons=dict.fromkeys(SEGMENT, "no_face"))
    assert result.overall.coverage == 0.0
    assert result.overall.av_offset_ms is None
    assert result.overall.unmeasured["av_offset_ms"] == "no frame was edited"


def test_a_face_without_track_and_a_meter_without_frames() -> None:
    drives = [Drive(None, None, None, (0.0, 0.0))]
    account = Account(drives)
    meter = FrameMeter(drives, account.add, Knows())
    source = picture(0)
    meter.add(meter.look(Shot(0, 0.0, 0, source, source, (FaceShot(0, None, "no_face", None),), damaged=True)))
    result = account.finish()
    assert result.frames.reasons == {"no_face": 1}
    assert result.frames.damaged == 1
    assert Account([]).finish().frames.output == 0


def test_the_figures_do_not_depend_on_the_order_of_the_looks() -> None:
    drive = Drive(0, track_of(np.full(6, 0.05)), None, (0.0, 0.0))
    reader = Knows()
    shots = []
    for i in range(6):
        source = picture(i)
        composed = picture(i, lift=2)
        reader.gaps[id(composed)] = 0.02 * i
        shots.append(
            Shot(i, i / FPS, i, source, composed, (FaceShot(0, Edit(BOX, np.ones((80, 120), np.float32)), None, None),))
        )
    results = []
    for order in (range(6), reversed(range(6))):
        account = Account([drive])
        meter = FrameMeter([drive], account.add, reader)
        looks = {i: meter.look(shots[i]) for i in order}
        for i in range(6):
            meter.add(looks[i])
        results.append(account.finish())
    assert results[0] == results[1]
