"""Measuring an output while it is rendered: every frame once, on its way to the encoder.

`FrameMeter.look` does the heavy part for one frame (it reads the finished picture with the face mesh) and may run in
any thread, several at once; `add` takes the looks in output order and keeps some numbers of each. Memory is constant
but for those. What is measured is the picture that goes to the encoder, never what the engine meant to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.topology import EYE_OUTER_LEFT, EYE_OUTER_RIGHT, OUTER_LIPS
from lipwright.media.picture import Picture
from lipwright.quality.channel import NAN, Channel, Drive, Sample, figures
from lipwright.quality.lipreader import LipReader, MeshReader
from lipwright.quality.meters.equality import differing_outside
from lipwright.quality.meters.lips import normalise
from lipwright.quality.meters.seam import change_between, edge_step
from lipwright.quality.meters.sharpness import gradient_strength
from lipwright.quality.report import Equality, FrameCounts, Meters
from lipwright.quality.tally import Tally

F32 = NDArray[np.float32]
Box = tuple[int, int, int, int]

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


@dataclass(frozen=True, slots=True)
class Measured:
    """The result: figures and counts of the whole output and of each segment, by its index in the request."""

    overall: Meters
    frames: FrameCounts
    segments: dict[int | None, tuple[Meters, FrameCounts]]
    equality: Equality


class FrameMeter:
    """Measures one output; see the module."""

    def __init__(self, drives: Sequence[Drive], reader: LipReader | None = None) -> None:
        """Prepare for the faces that will be driven; a `FaceShot` names one by its place in `drives`."""
        self._channels = [Channel(d) for d in drives]
        self._read = reader if reader is not None else MeshReader()
        self._tally = Tally()
        self._before: Look | None = None
        self._equal = {"untouched": 0, "untouched_differing": 0, "edited": 0, "edited_differing": 0}

    def look(self, shot: Shot) -> Look:
        """Read one frame. Thread-safe, in any order; holds on to the shot's pictures until the next `add`."""
        masks = [(f.edit.box, f.edit.alpha) for f in shot.faces if f.edit is not None]
        differing = differing_outside(shot.source.planes, shot.composed.planes, masks)
        seen = [self._sample(shot, face) for face in shot.faces]
        return Look(shot, tuple(s for s, _ in seen), tuple(m for _, m in seen), differing)

    def add(self, look: Look) -> None:
        """Take the next frame, in output order."""
        shot = look.shot
        self._tally.add(shot.index, [(self._channels[f.drive].drive, f.reason) for f in shot.faces], shot.damaged)
        kind = "edited" if any(f.edit is not None for f in shot.faces) else "untouched"
        self._equal[kind] += 1
        self._equal[f"{kind}_differing"] += look.differing > 0
        for face, sample in zip(shot.faces, look.samples, strict=True):
            self._channels[face.drive].add(sample)
        if self._before is not None:
            self._compare_with_before(self._before, look)
        self._before = look

    def finish(self) -> Measured:
        """The figures, after the last frame."""
        for channel in self._channels:
            channel.finish()
        counts = self._tally.total()
        whole = figures(self._channels, (counts.asked, counts.edited))
        segments: dict[int | None, tuple[Meters, FrameCounts]] = {}
        for segment in dict.fromkeys(c.drive.segment for c in self._channels):
            frames = self._tally.segment(segment)
            mine = [c for c in self._channels if c.drive.segment == segment]
            segments[segment] = figures(mine, (frames.asked, frames.edited)), frames
        e = self._equal
        equality = Equality(e["untouched"], e["untouched_differing"], e["edited"], e["edited_differing"])
        return Measured(whole, counts, segments, equality)

    def _sample(self, shot: Shot, face: FaceShot) -> tuple[Sample, Box | None]:
        """Read one face of one frame; also the box of its mouth in the source."""
        channel = self._channels[face.drive]
        track = channel.drive.track
        row = track.row(shot.source_frame) if track is not None else -1
        lips = source_lips = None
        strength = source_strength = step = NAN
        mouth: Box | None = None
        if track is not None and row >= 0 and channel.reference is not None:
            here = track.landmarks([row])[0]
            mouth = _mouth_box(here, shot.source)
            if not track.interpolated[row]:
                source_lips = normalise(here[None], channel.reference)[0]
                source_strength = gradient_strength(shot.source.planes[0], here)
            found = self._read(shot.composed, track.crops[row]) if face.edit is not None else None
            if found is not None:
                lips = normalise(found[None], channel.reference)[0]
                strength = gradient_strength(shot.composed.planes[0], found)
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

    def _compare_with_before(self, before: Look, now: Look) -> None:
        """How the mouths changed since the last frame, for the jumps where editing starts and stops."""
        edited_before = {f.drive for f in before.shot.faces if f.edit is not None}
        edited_now = {f.drive for f in now.shot.faces if f.edit is not None}
        boxes: dict[int, Box] = {}
        for look in (before, now):
            boxes |= {f.drive: m for f, m in zip(look.shot.faces, look.mouths, strict=True) if m is not None}
        for drive in edited_before | edited_now:
            if drive not in boxes:
                continue
            x0, y0, x1, y1 = boxes[drive]
            then, here = (look.shot.composed.planes[0][y0:y1, x0:x1] for look in (before, now))
            change = change_between(then, here)
            if drive in edited_before and drive in edited_now:
                self._channels[drive].within.append(change)
            else:
                then, here = (look.shot.source.planes[0][y0:y1, x0:x1] for look in (before, now))
                self._channels[drive].edges.append((change, change_between(then, here)))


def _mouth_box(landmarks: F32, picture: Picture) -> Box | None:
    lips = landmarks[_OUTER, :2]
    low, high = lips.min(axis=0), lips.max(axis=0)
    grow = 0.25 * float(high[0] - low[0])
    box = picture.clip((low[0] - grow, low[1] - grow, high[0] + grow, high[1] + grow))
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
