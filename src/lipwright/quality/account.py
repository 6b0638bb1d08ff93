"""Adding up the readings of an output, frame by frame in order, into the figures of its report.

Only small numbers are kept of each frame, so memory does not grow with the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lipwright.quality.channel import Channel, Drive, figures
from lipwright.quality.readings import FrameReading
from lipwright.quality.report import Equality, FrameCounts, Meters
from lipwright.quality.tally import Tally


@dataclass(frozen=True, slots=True)
class Measured:
    """The result: figures and counts of the whole output and of each segment, by its index in the request."""

    overall: Meters
    frames: FrameCounts
    segments: dict[int | None, tuple[Meters, FrameCounts]]
    equality: Equality


class Account:
    """Takes the readings of one output in order; frames that it is given none of were copied, not looked at."""

    def __init__(self, drives: Sequence[Drive]) -> None:
        """`drives` are the faces that are driven, as the meter that makes the readings knows them."""
        self._channels = [Channel(drive) for drive in drives]
        self._tally = Tally()
        self._equal = {"untouched": 0, "untouched_differing": 0, "edited": 0, "edited_differing": 0}
        self._next = 0

    def add(self, reading: FrameReading) -> None:
        """Take the next frame."""
        channels = self._channels
        self._skip_to(reading.index)
        self._next = reading.index + 1
        fates = [(channels[face.drive].drive, face.reason) for face in reading.faces]
        self._tally.add(reading.index, fates, reading.damaged)
        if not reading.copied:
            kind = "edited" if any(face.sample.edited for face in reading.faces) else "untouched"
            self._equal[kind] += 1
            self._equal[f"{kind}_differing"] += reading.differing > 0
        for face in reading.faces:
            channels[face.drive].add(face.sample)
        for change in reading.changes:
            if change.source is None:
                channels[change.drive].within.append(change.made)
            else:
                channels[change.drive].edges.append((change.made, change.source))

    def finish(self, frames: int | None = None) -> Measured:
        """The figures of an output of `frames` frames; by default of those that it was given."""
        if frames is not None:
            self._skip_to(frames)
        for channel in self._channels:
            channel.finish()
        counts = self._tally.total()
        whole = figures(self._channels, (counts.asked, counts.edited))
        segments: dict[int | None, tuple[Meters, FrameCounts]] = {}
        for segment in dict.fromkeys(c.drive.segment for c in self._channels):
            mine = [c for c in self._channels if c.drive.segment == segment]
            fate = self._tally.segment(segment)
            segments[segment] = figures(mine, (fate.asked, fate.edited)), fate
        e = self._equal
        equality = Equality(e["untouched"], e["untouched_differing"], e["edited"], e["edited_differing"])
        return Measured(whole, counts, segments, equality)

    def _skip_to(self, index: int) -> None:
        self._tally.skip(index - self._next)
        self._next = index
