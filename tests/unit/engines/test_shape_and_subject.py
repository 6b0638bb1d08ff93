"""Head space takes the pose out and puts it back; a subject is learnt from its own frames."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.engines.head import EYES, landmarks, track

from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.shape import gap, head_space, width
from lipwright.engines.exemplar.subject import learn_subject, signed_gap


def test_pixels_come_back_from_head_space() -> None:
    faces = [landmarks(0.05, yaw=yaw, shift=(yaw, -yaw / 2), scale=1 + yaw / 100) for yaw in (-25.0, 0.0, 10.0, 30.0)]
    seen = track(faces)
    space = head_space(seen)
    for row, face in enumerate(faces):
        back = space.to_pixels(row, space.shapes[row])
        assert np.abs(back - face[P.MOUTH, :2]).max() < 0.05


def test_head_space_does_not_depend_on_pose_or_size() -> None:
    still = [landmarks(0.08)] * 4
    moving = [
        landmarks(0.08, yaw=y, shift=(3 * y, y), scale=s) for y, s in ((-20, 0.8), (0, 1.0), (15, 1.3), (30, 1.0))
    ]
    shapes = head_space(track(still + moving)).shapes
    assert np.abs(shapes - shapes[0]).max() < 2e-3
    assert gap(shapes) == pytest.approx(0.08, abs=3e-3)


def test_scale_is_pixels_per_eye_distance() -> None:
    space = head_space(track([landmarks(0.0), landmarks(0.0, scale=1.5)]))
    # The unit is the subject's average, here the frontal first face.
    assert space.scale[1] / space.scale[0] == pytest.approx(1.5, rel=1e-3)
    assert space.scale[0] == pytest.approx(EYES, rel=0.02)


def test_a_talker_is_learnt_from_its_own_frames() -> None:
    rng = np.random.default_rng(1)
    gaps = np.clip(rng.gamma(1.2, 0.05, 80), 0, 0.2)
    shapes = head_space(track([landmarks(float(g)) for g in gaps])).shapes
    subject = learn_subject(shapes, np.ones(len(shapes)))
    assert subject.talks
    assert 0.12 <= subject.full_gap <= 0.2
    wanted = np.array([0.0, 0.04, 0.1, 0.15])
    made = subject.shapes(wanted, np.full(4, subject.rest_width))
    assert signed_gap(made) == pytest.approx(wanted, abs=1e-4)
    # This head drops its chin by half the gap, not by what the rig assumes.
    chin = made[:, P.CHIN_TIP, 1] - made[0, P.CHIN_TIP, 1]
    assert chin == pytest.approx(0.5 * wanted, abs=0.012)


def test_a_face_that_never_opens_gets_a_moderate_mouth_from_the_rig() -> None:
    shapes = head_space(track([landmarks(0.003)] * 30)).shapes
    subject = learn_subject(shapes, np.ones(30))
    assert not subject.talks
    assert 0.08 < subject.full_gap < 0.2
    made = subject.shapes(np.array([0.0, subject.full_gap]), np.full(2, subject.rest_width))
    lower = made[1, P.LOWER_MID, 1] - made[0, P.LOWER_MID, 1]
    upper = made[1, P.UPPER_MID, 1] - made[0, P.UPPER_MID, 1]
    assert lower > 3 * abs(upper) > 0
    assert made[1, P.CHIN_TIP, 1] > made[0, P.CHIN_TIP, 1]
    assert np.abs(made[1, P.FIXED] - made[0, P.FIXED]).max() < 1e-3


def test_a_mouth_never_seen_closed_rests_closed() -> None:
    shapes = head_space(track([landmarks(0.1 + 0.02 * (k % 4)) for k in range(40)])).shapes
    subject = learn_subject(shapes, np.ones(40))
    assert signed_gap(subject.rest[None])[0] == pytest.approx(0.0, abs=1e-6)


def test_width_is_met_exactly() -> None:
    shapes = head_space(track([landmarks(0.004 * k) for k in range(30)])).shapes
    subject = learn_subject(shapes, np.ones(30))
    widths = subject.rest_width + np.array([-0.05, 0.0, 0.04])
    assert width(subject.shapes(np.full(3, 0.06), widths)) == pytest.approx(widths, abs=2e-3)
