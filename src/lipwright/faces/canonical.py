"""The canonical face: MediaPipe's 468-point model of an average head, read from its own metadata file.

The file is a protobuf message. Two wire types of it are all there is to read, so we walk the wire format ourselves
instead of depending on a protobuf runtime. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import ModelFileError
from lipwright.faces.topology import SKIN_POINTS
from lipwright.models.registry import model_path

F32 = NDArray[np.float32]

GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"


@dataclass(frozen=True, slots=True)
class CanonicalFace:
    """The average head, facing the camera.

    Attributes:
        points: (468, 3) float32 cm in camera axes: x right, y down, z away from the camera.
        triangles: (898, 3) int32 point numbers.
        basis: (33,) int64 points to align a head by, as the model's authors chose them.
        weights: (33,) float32 their weights.
    """

    points: F32
    triangles: NDArray[np.int32]
    basis: NDArray[np.int64]
    weights: F32


@functools.cache
def canonical_face() -> CanonicalFace:
    """The canonical face; raises `ModelFileError` if its file is missing or not what it should be."""
    try:
        return parse(model_path(GEOMETRY).read_bytes())
    except (struct.error, IndexError, ValueError, OSError) as error:
        raise ModelFileError(f"The model file {GEOMETRY} cannot be read: {error}") from error


def parse(message: bytes) -> CanonicalFace:
    """Read GeometryPipelineMetadata: field 1 = mesh {3: vertices x, y, z, u, v; 4: triangles}, 2 = {id, weight}."""
    vertices: list[float] = []
    triangles: list[int] = []
    basis: list[tuple[int, float]] = []
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            for inner, data in _fields(value):
                if inner == 3:
                    vertices += _floats(data)
                elif inner == 4:
                    triangles += _varints(data)
        elif field == 2 and isinstance(value, bytes):
            entry = dict(_fields(value))
            weight = _floats(entry[2])[0] if 2 in entry else 1.0
            point = entry.get(1, 0)
            if not isinstance(point, int):
                raise ValueError("a landmark number is not an integer")
            basis.append((point, weight))
    points = np.array(vertices, np.float32).reshape(-1, 5)[:, :3] * np.array([1, -1, -1], np.float32)
    if len(points) != SKIN_POINTS or not basis:
        raise ValueError(f"{len(points)} points, {len(basis)} of them weighted, where {SKIN_POINTS} were expected")
    return CanonicalFace(
        points,
        np.array(triangles, np.int32).reshape(-1, 3),
        np.array([b[0] for b in basis], np.int64),
        np.array([b[1] for b in basis], np.float32),
    )


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Every (field number, value) of a message: integers for varints, bytes for everything else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            number, at = _varint(data, at)
            yield key >> 3, number
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} is not known")
        if at + size > len(data):
            raise ValueError("the message is cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _floats(data: int | bytes) -> list[float]:
    """One float or a packed list of them."""
    if isinstance(data, int):
        raise ValueError("a float was expected")
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def _varints(data: int | bytes) -> list[int]:
    """One integer or a packed list of them."""
    if isinstance(data, int):
        return [data]
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values
