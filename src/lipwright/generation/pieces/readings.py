"""What was measured on a piece, as a file beside it.

The file is a zip of NumPy tables, a thousand frames to each (an .npz whose arrays are written as they come), and a JSON
document. So neither writing nor reading holds more than a thousand frames, and every part has a checksum. A driven face
takes some 300 to 700 bytes a frame, most of them the points of its lips, which the jitter meter needs in one row across
the borders of pieces.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import RenderError, RequestError
from lipwright.generation.mouths import Outcome
from lipwright.media.atomic import PendingFile
from lipwright.quality.channel import Sample
from lipwright.quality.codec import decode, dumps, loads
from lipwright.quality.meters.lips import LIP_POINTS
from lipwright.quality.readings import Box, Change, FaceReading, FrameReading
from lipwright.quality.report import Performance
from lipwright.quality.views import KeptView

FORMAT = 2
_BLOCK = 1000
_HEADER = "piece.json"
_REASON = 32

_FRAME = np.dtype(
    [("index", "<i8"), ("damaged", "?"), ("differing", "<i8"), ("faces", "<i4"), ("changes", "<i4"), ("copied", "?")]
)
_FACE = np.dtype(
    [
        ("drive", "<i4"),
        ("reason", f"S{_REASON}"),
        ("time", "<f8"),
        ("speech_time", "<f8"),
        ("source_frame", "<i8"),
        ("strength", "<f8"),
        ("source_strength", "<f8"),
        ("step", "<f8"),
        ("asked", "?"),
        ("edited", "?"),
        ("seen", "?"),
        ("source_seen", "?"),
        ("lips", "<f4", (LIP_POINTS, 2)),
        ("source_lips", "<f4", (LIP_POINTS, 2)),
    ]
)
_CHANGE = np.dtype([("drive", "<i4"), ("made", "<f8"), ("source", "<f8"), ("edge", "?")])

Table = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class EndView:
    """A `KeptView` in numbers; the patches are arrays of the file, in the order of `kept`."""

    edited: tuple[int, ...]
    drives: tuple[int, ...]
    boxes: tuple[Box, ...]
    kept: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a piece is.

    Attributes:
        job: the preparation that it was rendered from.
        first, stop: the output frames that it goes through; it holds those of them that are encoded.
        readings: how many frames were looked at.
        coded: SHA-256 of the encoded piece.
        outcome: how the engines fared.
        ends: its first and last frame.
    """

    format: int = FORMAT
    job: str
    first: int
    stop: int
    readings: int
    coded: str
    outcome: Outcome
    performance: Performance
    ends: tuple[EndView, EndView]


def readings_beside(piece: Path) -> Path:
    """The file of readings that belongs to the encoded piece at `piece`."""
    return piece.with_name(f"{piece.name}.readings.zip")


class ReadingsWriter:
    """Takes the readings of a piece in order; a context manager, and nothing is left without `finish`.

    `count` is how many it has taken.
    """

    def __init__(self, path: Path) -> None:
        self._file = PendingFile(path)
        self._zip = zipfile.ZipFile(self._file.writable, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._waiting: list[FrameReading] = []
        self._blocks = 0
        self.count = 0

    def __enter__(self) -> ReadingsWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.discard()

    def add(self, reading: FrameReading) -> None:
        """Take the next frame."""
        self._waiting.append(reading)
        self.count += 1
        if len(self._waiting) >= _BLOCK:
            self._flush()

    def finish(self, header: Header, ends: tuple[KeptView, KeptView]) -> None:
        """Write the rest and make the file visible."""
        self._flush()
        for place, view in enumerate(ends):
            for number, (composed, source) in enumerate(view.kept.values()):
                self._write(f"end-{place}-{number}-composed", composed)
                self._write(f"end-{place}-{number}-source", source)
        self._zip.writestr(_HEADER, dumps(header))
        self._zip.close()
        self._file.commit()

    def _flush(self) -> None:
        frames, faces, changes = _tables(self._waiting)
        for name, table in (("frames", frames), ("faces", faces), ("changes", changes)):
            self._write(f"{name}-{self._blocks:05d}", table)
        self._blocks += 1
        self._waiting.clear()

    def _write(self, name: str, table: NDArray[Any]) -> None:
        with self._zip.open(f"{name}.npy", "w") as file:
            np.lib.format.write_array(file, np.ascontiguousarray(table), allow_pickle=False)


def end_view(view: KeptView) -> EndView:
    """`view` in numbers."""
    return EndView(
        tuple(sorted(view.edited)), tuple(view.boxes.keys()), tuple(view.boxes.values()), tuple(view.kept.keys())
    )


class PieceReadings:
    """The readings of a piece on disk."""

    def __init__(self, piece: Path) -> None:
        """Open those of the encoded piece at `piece`. Raises `RenderError` if they are missing or damaged."""
        self.piece = piece
        self._path = readings_beside(piece)
        if not self._path.is_file():
            raise RenderError(f"The readings of the piece {piece.name!r} are missing.")
        try:
            with zipfile.ZipFile(self._path) as archive:
                self.header = decode(Header, loads(archive.read(_HEADER).decode("utf-8")))
        except (*_DAMAGE, RequestError):
            raise self.damaged() from None
        if self.header.format != FORMAT:
            raise RenderError(f"The piece {piece.name!r} was rendered by another version of Lipwright.")

    def damaged(self) -> RenderError:
        """The error for readings that are not what was written."""
        return RenderError(f"The readings of the piece {self.piece.name!r} are damaged.")

    def readings(self) -> Iterator[FrameReading]:
        """Every reading of the piece in order, a block in memory at a time."""
        at, done = self.header.first, 0
        try:
            with np.load(self._path, allow_pickle=False) as tables:
                for block in range(-(-self.header.readings // _BLOCK)):
                    names = [f"{name}-{block:05d}" for name in ("frames", "faces", "changes")]
                    for reading in _readings(*(tables[name] for name in names)):
                        # One more than the piece goes through: a copied frame that was looked at beside the last.
                        if not at <= reading.index <= self.header.stop:
                            raise self.damaged()
                        at, done = reading.index + 1, done + 1
                        yield reading
                if done != self.header.readings:
                    raise self.damaged()
        except _DAMAGE:
            raise self.damaged() from None

    def end(self, place: int) -> KeptView:
        """The view of the first (0) or last (1) frame."""
        end = self.header.ends[place]
        try:
            with np.load(self._path, allow_pickle=False) as tables:
                kept = {
                    box: (tables[f"end-{place}-{i}-composed"], tables[f"end-{place}-{i}-source"])
                    for i, box in enumerate(end.kept)
                }
        except _DAMAGE:
            raise self.damaged() from None
        return KeptView(frozenset(end.edited), dict(zip(end.drives, end.boxes, strict=True)), kept)


_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def _tables(readings: list[FrameReading]) -> tuple[Table, Table, Table]:
    """Readings as rows: the frames, and those of their faces and changes one after the other."""
    frames = np.zeros(len(readings), _FRAME)
    faces = np.zeros(sum(len(one.faces) for one in readings), _FACE)
    changes = np.zeros(sum(len(one.changes) for one in readings), _CHANGE)
    face = change = 0
    for i, one in enumerate(readings):
        frames[i] = one.index, one.damaged, one.differing, len(one.faces), len(one.changes), one.copied
        for found in one.faces:
            _put(faces[face], found)
            face += 1
        for made in one.changes:
            changes[change] = made.drive, made.made, made.source or 0.0, made.source is not None
            change += 1
    return frames, faces, changes


def _put(row: np.void, face: FaceReading) -> None:
    sample, reason = face.sample, (face.reason or "").encode("ascii")
    if len(reason) > _REASON:
        raise ValueError(f"The reason {face.reason!r} is longer than {_REASON} letters")
    row["drive"], row["reason"] = face.drive, reason
    for name in ("time", "speech_time", "source_frame", "strength", "source_strength", "step", "asked", "edited"):
        row[name] = getattr(sample, name)
    row["seen"], row["source_seen"] = sample.lips is not None, sample.source_lips is not None
    if sample.lips is not None:
        row["lips"] = sample.lips
    if sample.source_lips is not None:
        row["source_lips"] = sample.source_lips


def _readings(frames: Table, faces: Table, changes: Table) -> Iterator[FrameReading]:
    """The inverse of `_tables`."""
    if frames.dtype != _FRAME or faces.dtype != _FACE or changes.dtype != _CHANGE:
        raise ValueError("tables of another kind")
    face = change = 0
    for row in frames:
        next_face, next_change = face + int(row["faces"]), change + int(row["changes"])
        yield FrameReading(
            int(row["index"]),
            bool(row["damaged"]),
            int(row["differing"]),
            tuple(_face(one) for one in faces[face:next_face]),
            tuple(_change(one) for one in changes[change:next_change]),
            bool(row["copied"]),
        )
        face, change = next_face, next_change


def _face(row: np.void) -> FaceReading:
    sample = Sample(
        time=float(row["time"]),
        speech_time=float(row["speech_time"]),
        source_frame=int(row["source_frame"]),
        lips=row["lips"] if row["seen"] else None,
        source_lips=row["source_lips"] if row["source_seen"] else None,
        strength=float(row["strength"]),
        source_strength=float(row["source_strength"]),
        step=float(row["step"]),
        asked=bool(row["asked"]),
        edited=bool(row["edited"]),
    )
    return FaceReading(int(row["drive"]), row["reason"].decode("ascii") or None, sample)


def _change(row: np.void) -> Change:
    return Change(int(row["drive"]), float(row["made"]), float(row["source"]) if row["edge"] else None)
