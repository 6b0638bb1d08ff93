"""Measuring an output while it is rendered: every frame once, on its way to the encoder.

`FrameMeter.look` does the heavy part for one frame (it reads the finished picture with the face mesh) and may run in
any thread, several at once; `add` takes the looks in output order, compares each with the one before and hands on what
is left of it, a `FrameReading` of some numbers. What is measured is the picture that goes to the encoder, never what
the engine meant to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import EYE_OUTER_LEFT, EYE_OUTER_RIGHT, OUTER_LIPS
from lipwright.media.picture import Picture, Plane, clipped
from lipwright.quality.channel import NAN, Drive, Sample, reference_of
from lipwright.quality.lipreader import LipReader, MeshReader
from lipwright.quality.meters.equality import differing_outside
from lipwright.quality.meters.lips import normalise
from lipwright.quality.meters.seam import edge_step
from lipwright.quality.meters.sharpness import gradient_strength
from lipwright.quality.readings import Box, FaceReading, FrameReading
from lipwright.quality.views import PictureView, changes_between

F32 = NDArray[np.float32]

_OUTER: Final = np.array(OUTER_LIPS)


class EditLike(Protocol):
    """What the meters need of an engine's edit: where it is (luma pixels) and how strong, (h, w) float32 0..1."""

    @property
    def box(self) -> Box: ...

    @property
    def alpha(self) -> F32: ...


@dataclass(frozen=True, slots=True)
class FaceShot:
    """One face that one output frame was asked to move.

    Attributes:
        drive: index into the drives the meter was made with.
        edit: what was laid into the frame, None if it was passed through.
        reason: why it was passed through, None if it was edited.
        speech_time: seconds in the driving audio, None where the mouth is asked to rest.
    """

    drive: int
    edit: EditLike | None
    reason: str | None
    speech_time: float | None


@dataclass(frozen=True, slots=True)
class Shot:
    """One output frame, as it goes to the encoder; `faces` is empty where nothing was asked for."""

    index: int
    time: float
    source_frame: int
    source: Picture
    composed: Picture
    faces: tuple[FaceShot, ...] = ()
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What `FrameMeter.look` saw in one shot."""

    shot: Shot
    samples: tuple[Sample, ...]
    mouths: tuple[Box | None, ...]
    differing: int


class FrameMeter:
    """Measures the frames of one output, or of a run of them; see the module.

    Attributes:
        first, last: the views of the first and of the latest frame that was added.
    """

    def __init__(
        self,
        drives: Sequence[Drive],
        keep: Callable[[FrameReading], None],
        reader: LipReader | None = None,
        *,
        remember_first: bool = False,
    ) -> None:
        """Prepare for the faces that will be driven; a `FaceShot` names one by its place in `drives`.

        `keep` is handed the reading of every frame, in output order. `first` is only kept to `remember_first`, since it
        holds pictures.
        """
        self._drives = drives
        self._references = [reference_of(drive.track) for drive in drives]
        self._keep = keep
        self._read = reader if reader is not None else MeshReader()
        self._remember_first = remember_first
        self.first: PictureView | None = None
        self.last: PictureView | None = None

    def look(self, shot: Shot) -> Look:
        """Read one frame. Thread-safe, in any order; holds on to the shot's pictures until the next `add`."""
        masks = [(f.edit.box, f.edit.alpha) for f in shot.faces if f.edit is not None]
        differing = differing_outside(shot.source.planes, shot.composed.planes, masks)
        seen = [self._sample(shot, face) for face in shot.faces]
        return Look(shot, tuple(s for s, _ in seen), tuple(m for _, m in seen), differing)

    def add(self, look: Look) -> None:
        """Take the next frame, in output order."""
        shot = look.shot
        view = PictureView(
            frozenset(f.drive for f in shot.faces if f.edit is not None),
            {f.drive: m for f, m in zip(shot.faces, look.mouths, strict=True) if m is not None},
            shot.composed.planes[0],
            shot.source.planes[0],
        )
        faces = zip(shot.faces, look.samples, strict=True)
        self._keep(
            FrameReading(
                shot.index,
                shot.damaged,
                look.differing,
                tuple(FaceReading(face.drive, face.reason, sample) for face, sample in faces),
                changes_between(self.last, view) if self.last is not None else (),
            )
        )
        if self._remember_first:
            self.first = self.first or view
        self.last = view

    def mouth_box(self, drive: int, source_frame: int, luma: Plane) -> Box | None:
        """Where the mouth of a drive's face is on a source frame, by its track; `luma` is that of any frame."""
        track = self._drives[drive].track
        row = track.row(source_frame) if track is not None else -1
        if track is None or row < 0 or self._references[drive] is None:
            return None
        return _mouth_box(track.landmarks([row])[0], luma)

    def _sample(self, shot: Shot, face: FaceShot) -> tuple[Sample, Box | None]:
        """Read one face of one frame; also the box of its mouth in the source."""
        track, reference = self._drives[face.drive].track, self._references[face.drive]
        row = track.row(shot.source_frame) if track is not None else -1
        lips = source_lips = None
        strength = source_strength = step = NAN
        mouth: Box | None = None
        if track is not None and row >= 0 and reference is not None:
            here = track.landmarks([row])[0]
            mouth = _mouth_box(here, shot.source.planes[0])
            seen = not track.interpolated[row]
            if seen:
                source_strength = gradient_strength(shot.source.planes[0], here)
            found = self._read(shot.composed, track.crops[row]) if face.edit is not None else None
            if found is not None:
                strength = gradient_strength(shot.composed.planes[0], found)
            # Both at once: the work of a single frame is hardly more than the calls.
            points = [at for at, known in ((here, seen), (found, found is not None)) if known and at is not None]
            shapes = list(normalise(np.stack(points), reference)) if points else []
            source_lips = shapes.pop(0) if seen else None
            lips = shapes.pop(0) if found is not None else None
            if face.edit is not None:
                step = _edge_step(shot, face.edit, here)
        sample = Sample(
            time=shot.time,
            speech_time=NAN if face.speech_time is None else face.speech_time,
            source_frame=shot.source_frame,
            lips=lips,
            source_lips=source_lips,
            strength=strength,
            source_strength=source_strength,
            step=step,
            asked=True,
            edited=face.edit is not None,
        )
        return sample, mouth


def _mouth_box(landmarks: F32, luma: Plane) -> Box | None:
    lips = landmarks[_OUTER, :2]
    low, high = lips.min(axis=0), lips.max(axis=0)
    grow = 0.25 * float(high[0] - low[0])
    box = clipped((low[0] - grow, low[1] - grow, high[0] + grow, high[1] + grow), (luma.shape[1], luma.shape[0]))
    return box if box[2] > box[0] and box[3] > box[1] else None


def _edge_step(shot: Shot, edit: EditLike, landmarks: F32) -> float:
    """The colour step at the edit's edge, on whole chroma cells so that the planes lie over each other exactly."""
    layout = shot.source.layout
    x0, y0, x1, y1 = edit.box
    left, top = -x0 % layout.sub_x, -y0 % layout.sub_y
    alpha = edit.alpha[top:, left:]
    before, after = (
        [
            plane[(y0 + top) // sy : -(-y1 // sy), (x0 + left) // sx : -(-x1 // sx)]
            for plane, sx, sy in zip(
                p.planes, (1, layout.sub_x, layout.sub_x), (1, layout.sub_y, layout.sub_y), strict=True
            )
        ]
        for p in (shot.source, shot.composed)
    )
    face = float(np.linalg.norm(landmarks[EYE_OUTER_LEFT, :2] - landmarks[EYE_OUTER_RIGHT, :2]))
    return edge_step(before, after, alpha, ring=max(2, round(0.02 * face)), scale=1.0 / layout.scale)
