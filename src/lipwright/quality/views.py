"""The mouths of two neighbouring frames side by side, for the jumps where editing starts and stops.

Neighbours may be rendered in different processes. Then each of them keeps small patches of its frame, where its own
mouths are and where those of the neighbour will be, and the comparison is made later on the very same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.quality.meters.seam import change_between
from lipwright.quality.readings import Box, Change

Plane = NDArray[np.uint8] | NDArray[np.uint16]


class View(Protocol):
    """The mouths of one frame."""

    @property
    def edited(self) -> frozenset[int]:
        """The drives that are edited on it."""
        ...

    @property
    def boxes(self) -> Mapping[int, Box]:
        """Where the mouth of each drive is in the source, if it was seen."""
        ...

    def patches(self, box: Box) -> tuple[Plane, Plane]:
        """The luma in `box` of the output and of the source."""
        ...


@dataclass(frozen=True, slots=True)
class PictureView:
    """The mouths of a frame whose pictures are at hand: `composed` and `source` are their luma."""

    edited: frozenset[int]
    boxes: Mapping[int, Box]
    composed: Plane
    source: Plane

    def patches(self, box: Box) -> tuple[Plane, Plane]:
        """See `View`."""
        x0, y0, x1, y1 = box
        return self.composed[y0:y1, x0:x1], self.source[y0:y1, x0:x1]


@dataclass(frozen=True, slots=True)
class KeptView:
    """The mouths of a frame of which only patches were kept."""

    edited: frozenset[int]
    boxes: Mapping[int, Box]
    kept: Mapping[Box, tuple[Plane, Plane]]

    @classmethod
    def of(cls, view: View, neighbours: Iterable[Box]) -> KeptView:
        """What has to be kept of `view` to compare it with a frame whose mouths are in `neighbours`."""
        boxes = dict.fromkeys((*view.boxes.values(), *neighbours))
        return cls(view.edited, dict(view.boxes), {box: view.patches(box) for box in boxes})

    def patches(self, box: Box) -> tuple[Plane, Plane]:
        """See `View`. Raises `KeyError` for a box that was not kept."""
        return self.kept[box]


def changes_between(before: View, now: View) -> tuple[Change, ...]:
    """How the mouths changed that are edited on either of two neighbouring frames."""
    boxes = {**before.boxes, **now.boxes}
    changes = []
    for drive in sorted(before.edited | now.edited):
        if drive not in boxes:
            continue
        (then, then_source), (here, here_source) = before.patches(boxes[drive]), now.patches(boxes[drive])
        both = drive in before.edited and drive in now.edited
        changes.append(
            Change(drive, change_between(then, here), None if both else change_between(then_source, here_source))
        )
    return tuple(changes)
