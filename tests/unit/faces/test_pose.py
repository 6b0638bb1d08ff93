"""Similarity alignment, angle conventions and the canonical file's parser."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.faces.canonical import parse
from lipwright.faces.pose import angles, rotation_from, umeyama

degrees = st.floats(-80, 80)


@given(degrees, degrees, degrees)
def test_angles_round_trip(yaw: float, pitch: float, roll: float) -> None:
    assert angles(rotation_from(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_signs_are_as_the_viewer_sees_them() -> None:
    nose, crown = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])
    assert (rotation_from(30, 0, 0) @ nose)[0] > 0.4  # yaw > 0: nose to the right edge
    assert (rotation_from(0, 30, 0) @ nose)[1] < -0.4  # pitch > 0: nose up (y is down)
    assert (rotation_from(0, 0, 30) @ crown)[0] > 0.4  # roll > 0: top of the head to the right edge


@given(degrees, degrees, degrees, st.floats(0.1, 30), st.floats(-500, 500), st.integers(0, 2**16))
def test_umeyama_finds_the_similarity(
    yaw: float, pitch: float, roll: float, scale: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(12, 3))
    rotation = rotation_from(yaw, pitch, roll)
    b = scale * a @ rotation.T + [shift, -shift, 3.0]
    found = umeyama(a, b, rng.uniform(0.1, 2, 12))
    assert found.scale == pytest.approx(scale, rel=1e-6)
    assert found.rotation == pytest.approx(rotation, abs=1e-6)
    assert found.offset == pytest.approx([shift, -shift, 3.0], abs=1e-4)


def test_umeyama_never_mirrors() -> None:
    a = np.random.default_rng(3).normal(size=(10, 3))
    found = umeyama(a, a * [1, 1, -1], np.ones(10))
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_umeyama_heeds_weights() -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(size=(10, 3))
    b = a @ rotation_from(20, 0, 0).T
    b[0] += 50.0
    weights = np.ones(10)
    weights[0] = 0.0
    assert umeyama(a, b, weights).rotation == pytest.approx(rotation_from(20, 0, 0), abs=1e-9)


def _metadata(points: int = 468) -> bytes:
    """A geometry message written by hand: `points` vertices, one triangle, two weighted landmarks."""
    vertices = struct.pack(f"<{points * 5}f", *np.arange(points * 5, dtype=np.float32))

    def field(number: int, payload: bytes) -> bytes:
        size, out = len(payload), b""
        while True:
            out += bytes([(size & 127) | (128 if size > 127 else 0)])
            size >>= 7
            if not size:
                return bytes([number << 3 | 2]) + out + payload

    mesh = b"\x08\x01" + field(3, vertices) + field(4, bytes([0, 1, 0x80 | 5, 2]))
    basis = field(2, b"\x08\x04" + b"\x15" + struct.pack("<f", 0.5)) + field(2, b"\x08\x21")
    return field(1, mesh) + basis


def test_canonical_file_is_read_into_camera_axes() -> None:
    face = parse(_metadata())
    assert face.points.shape == (468, 3)
    assert face.points[1].tolist() == [5.0, -6.0, -7.0]
    assert face.triangles.tolist() == [[0, 1, 261]]
    assert face.basis.tolist() == [4, 33]
    assert face.weights.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("cut", [10, 500])
def test_a_cut_canonical_file_is_refused(cut: int) -> None:
    with pytest.raises((ValueError, IndexError, struct.error)):
        parse(_metadata()[:-cut])


def test_a_canonical_file_of_another_face_is_refused() -> None:
    with pytest.raises(ValueError, match="468 were expected"):
        parse(_metadata(points=400))
