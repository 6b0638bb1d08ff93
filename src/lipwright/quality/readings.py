"""What measuring leaves of a frame: some numbers, without pictures.

A reading is all that the figures are made of (see `account`), so that frames can be looked at in one process and added
up in another, and the figures cannot depend on who looked at which.
"""

from __future__ import annotations

from dataclasses import dataclass

from lipwright.quality.channel import Sample

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class FaceReading:
    """One face that a frame was asked to move.

    Attributes:
        drive: index into the drives of the output.
        reason: why the frame was passed through, None if it was edited.
        sample: what was read.
    """

    drive: int
    reason: str | None
    sample: Sample


@dataclass(frozen=True, slots=True)
class Change:
    """How much a mouth changed since the frame before, in levels of luma.

    Attributes:
        drive: index into the drives of the output.
        made: the change in the output.
        source: the change beneath it in the source, None where both frames were edited.
    """

    drive: int
    made: float
    source: float | None


@dataclass(frozen=True, slots=True)
class FrameReading:
    """One output frame.

    Attributes:
        index: its place in the output.
        damaged: whether its source did not decode properly.
        differing: how many samples outside the masks are not the source's.
        faces: those that were asked for.
        changes: since the frame before, of the faces that are edited on either.
        copied: the frame is a copied packet, and was only looked at because the one before it is edited.
    """

    index: int
    damaged: bool
    differing: int
    faces: tuple[FaceReading, ...] = ()
    changes: tuple[Change, ...] = ()
    copied: bool = False
