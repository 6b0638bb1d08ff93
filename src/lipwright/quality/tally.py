"""Counting what became of the frames, and drawing neighbouring ones that share a fate together into ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lipwright.quality.channel import Drive
from lipwright.quality.report import FrameCounts, PassedRange

Fate = tuple[int | None, int | None, str]  # segment, face, reason


@dataclass(slots=True)
class _Counts:
    asked: int = 0
    edited: int = 0
    damaged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Tally:
    """Takes the frames in output order."""

    def __init__(self) -> None:
        self._output = 0
        self._whole = _Counts()
        self._segments: dict[int | None, _Counts] = {}
        self._open: dict[Fate, PassedRange] = {}
        self._ranges: list[PassedRange] = []

    def add(self, index: int, faces: Sequence[tuple[Drive, str | None]], damaged: bool = False) -> None:
        """Count output frame `index`, whose `faces` were asked for, each with why it was passed through or None."""
        self._output += 1
        self._whole.damaged += damaged
        if faces:
            _count(self._whole, [reason for _, reason in faces])
        for segment in dict.fromkeys(drive.segment for drive, _ in faces):
            counts = self._segments.setdefault(segment, _Counts())
            counts.damaged += damaged
            _count(counts, [reason for drive, reason in faces if drive.segment == segment])
        for drive, reason in faces:
            if reason is not None:
                self._extend(index, (drive.segment, drive.track.id if drive.track is not None else None, reason))
        self._close(index)

    def skip(self, frames: int) -> None:
        """Count `frames` frames of which nothing was asked."""
        if frames:
            self._output += frames
            self._ranges += self._open.values()
            self._open.clear()

    def total(self) -> FrameCounts:
        """The counts of the whole output."""
        return _frame_counts(self._whole, self._output, self._all_ranges())

    def segment(self, index: int | None) -> FrameCounts:
        """The counts of the frames that one segment asked for."""
        counts = self._segments.get(index, _Counts())
        return _frame_counts(counts, counts.asked, [r for r in self._all_ranges() if r.segment == index])

    def _all_ranges(self) -> list[PassedRange]:
        return sorted([*self._ranges, *self._open.values()], key=lambda r: (r.start, r.stop))

    def _extend(self, index: int, fate: Fate) -> None:
        if fate in self._open:
            self._open[fate] = replace(self._open[fate], stop=index + 1)
        else:
            segment, face, reason = fate
            self._open[fate] = PassedRange(index, index + 1, reason, segment, face)

    def _close(self, index: int) -> None:
        """Put away the ranges that did not go on at `index`."""
        for fate in [f for f, r in self._open.items() if r.stop <= index]:
            self._ranges.append(self._open.pop(fate))


def _count(counts: _Counts, reasons: Sequence[str | None]) -> None:
    counts.asked += 1
    if None in reasons:
        counts.edited += 1
    else:
        counts.reasons.update([next(r for r in reasons if r is not None)])


def _frame_counts(counts: _Counts, output: int, ranges: Sequence[PassedRange]) -> FrameCounts:
    return FrameCounts(
        output=output,
        asked=counts.asked,
        edited=counts.edited,
        passed=counts.asked - counts.edited,
        untouched=output - counts.asked,
        reasons=dict(sorted(counts.reasons.items())),
        passed_ranges=tuple(ranges),
        damaged=counts.damaged,
    )
