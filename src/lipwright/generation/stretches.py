"""What of an output is copied and what is rendered and encoded: the output cut into stretches.

A gap between segments that shows the source as it is keeps the source's packets, from the first picture in it that
decoding can begin with to the last clean cut before the next segment. What is left over (the segments, and the few
frames up to the next such picture) is encoded, in runs that begin anew, so that every run gives the same packets
whoever makes it and whatever is done to the rest. Where the runs begin follows from the plan and the source alone:
the same frames are encoded in the same runs with and without copying, and in one process or many.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil

from lipwright.errors import RenderError
from lipwright.generation.inputs import Inputs
from lipwright.generation.ranges import Range
from lipwright.media.encoders import Ceiling
from lipwright.media.encoding import encoding_of
from lipwright.media.pixels import PixelLayout
from lipwright.media.source_packets import SourcePackets, Uncopyable, source_packets
from lipwright.timeline.edl import Clip, Direction, EditDecisionList

SHORTEST = Fraction(1)
"""Seconds: to copy less is not worth the picture that has to be encoded without others after it."""

RUN = Fraction(5)
"""Seconds of a run of the encoder at most. Every run can be made by another process, and sought to in a player."""

MORE = Fraction(7, 5)
"""How many times the source's bits a run between copied packets may take. The pictures have been through an encoder
already: more would only spell out what that one lost."""

_BORROWED = Fraction(2)  # seconds of its bits that a run may take ahead of time


@dataclass(frozen=True, slots=True)
class Stretch:
    """Output frames first..stop-1.

    Attributes:
        source: the source frame whose packet is the first of the stretch, if it is copied; None if it is encoded.
        ceiling: how many bits a run between copied packets may take.
    """

    first: int
    stop: int
    source: int | None = None
    ceiling: Ceiling | None = None

    @property
    def copied(self) -> bool:
        """Whether its packets are the source's."""
        return self.source is not None

    @property
    def frames(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True, slots=True)
class Stretches:
    """An output in stretches.

    Attributes:
        all: in order, covering the output.
        packets: the source's packets, if encoded frames have to be like them.
        whole: why everything is encoded, as a sentence; None if something is copied.
    """

    all: tuple[Stretch, ...]
    packets: SourcePackets | None
    whole: str | None

    @property
    def encoded(self) -> tuple[Stretch, ...]:
        """The runs of the encoder."""
        return tuple(stretch for stretch in self.all if not stretch.copied)

    @property
    def copied_frames(self) -> int:
        """How many frames are copied."""
        return sum(stretch.frames for stretch in self.all if stretch.copied)

    def is_copied(self, frame: int) -> bool:
        """Whether there is such an output frame and it is copied."""
        at = bisect_right(self.all, frame, key=lambda stretch: stretch.first) - 1
        return at >= 0 and self.all[at].copied and frame < self.all[at].stop

    def between(self, first: int, stop: int) -> Stretches:
        """The stretches of output frames first..stop-1.

        Raises:
            RenderError: no run begins with `first`, or none ends before `stop`.
        """
        inside = tuple(one for one in self.all if first <= one.first and one.stop <= stop)
        if not inside or inside[0].copied or inside[-1].copied or (inside[0].first, inside[-1].stop) != (first, stop):
            frames = self.all[-1].stop
            raise RenderError(f"No runs begin and end with frames {first} to {stop} of an output of {frames} frames.")
        return replace(self, all=inside)

    def unlike(self) -> Stretches:
        """The same for other pictures than the source's, of which nothing can be copied."""
        return replace(self, all=tuple(replace(stretch, ceiling=None) for stretch in self.all), packets=None)

    def layout(self, pictures: PixelLayout) -> PixelLayout:
        """In which layout pictures of layout `pictures` are encoded."""
        return pictures if self.packets is not None else encoding_of(pictures).layout

    def parts(self) -> Iterator[tuple[Stretch, ...]]:
        """The output in order: each copied stretch by itself, the runs between two of them together."""
        runs: list[Stretch] = []
        for stretch in self.all:
            if not stretch.copied:
                runs.append(stretch)
                continue
            if runs:
                yield tuple(runs)
                runs = []
            yield (stretch,)
        if runs:
            yield tuple(runs)


def stretches_of(edl: EditDecisionList, inputs: Inputs, whole: str | None = None) -> Stretches:
    """Cut the output into stretches; `whole` is a reason for copying nothing, if there is one."""
    frames = edl.clip_frames
    quiet = [
        (clip, part)
        for clip, part in zip(edl.clips, frames, strict=True)
        if not edl.still and not clip.lips and _plays(clip) and _seconds(part, edl) >= SHORTEST
    ]
    packets: SourcePackets | Uncopyable = Uncopyable(
        "No part of the output is a second or more of the video as it was."
    )
    if quiet:
        packets = source_packets(inputs.video, inputs.info, inputs.limits)
    kept: list[tuple[Range, int]] = []
    if isinstance(packets, SourcePackets):
        kept = list(_kept(quiet, packets, edl))
        if not kept:
            packets = Uncopyable("The pictures that decoding can begin with are too far apart in the video.")
    if isinstance(packets, Uncopyable):
        return Stretches(tuple(_runs((0, frames[-1][1]), edl, None)), None, whole or packets.reason)
    price = _Price(edl, packets, frames)
    stretches: list[Stretch] = []
    at = 0
    for part, source in kept:
        stretches += _runs((at, part[0]), edl, price)
        stretches += [Stretch(*part, source)] if whole is None else _runs(part, edl, None)
        at = part[1]
    stretches += _runs((at, frames[-1][1]), edl, price)
    return Stretches(tuple(stretches), packets, whole)


def _plays(clip: Clip) -> bool:
    """Whether a clip shows the source's frames in their own order and time."""
    return clip.rate == 1 and clip.direction is Direction.FORWARD


def _seconds(part: Range, edl: EditDecisionList) -> Fraction:
    return (part[1] - part[0]) * edl.frame_duration


def _kept(
    quiet: Sequence[tuple[Clip, Range]], packets: SourcePackets, edl: EditDecisionList
) -> Iterator[tuple[Range, int]]:
    """Output frames whose packets can be copied, and the source frame that the first of them shows."""
    for clip, (first, stop) in quiet:
        found = packets.within(clip.first, clip.first + stop - first)
        if found is not None and _seconds(found, edl) >= SHORTEST:
            shift = first - clip.first
            yield (found[0] + shift, found[1] + shift), found[0]


def _runs(part: Range, edl: EditDecisionList, price: _Price | None) -> Iterator[Stretch]:
    """Output frames in runs of about equal length, none longer than `RUN`; what stands between copies has a `price`."""
    first, stop = part
    if first >= stop:
        return
    ceiling = price.ceiling(part) if price is not None else None
    count = ceil(_seconds(part, edl) / RUN)
    borders = [first + round(Fraction((stop - first) * number, count)) for number in range(count + 1)]
    for begin, end in pairwise(borders):
        if begin < end:
            yield Stretch(begin, end, None, ceiling)


@dataclass(frozen=True, slots=True)
class _Price:
    """What the source's packets cost, where output frames come from."""

    edl: EditDecisionList
    packets: SourcePackets
    frames: Sequence[Range]

    def ceiling(self, part: Range) -> Ceiling:
        """How many bits runs of the output frames `part` may take."""
        size, seconds = 0, Fraction(0)
        begin = max(0, bisect_right(self.frames, part[0], key=lambda frames: frames[0]) - 1)
        for clip, (first, stop) in zip(self.edl.clips[begin:], self.frames[begin:], strict=True):
            if first >= part[1]:
                break
            shown = (clip.first, clip.stop)
            if _plays(clip) and clip.stop - clip.first == stop - first:
                shown = clip.first + max(0, part[0] - first), clip.stop - max(0, stop - part[1])
            size += self.packets.size(*shown)
            seconds += self.edl.grid.time(shown[1]) - self.edl.grid.time(shown[0])
        lasting = _seconds(part, self.edl)
        key = Fraction(8 * self.packets.largest_start)
        # A run begins with a picture that costs more than those it takes the place of.
        rate = MORE * 8 * size / seconds + key / lasting
        return Ceiling(ceil(rate), ceil(max(rate * min(lasting, _BORROWED), key * 3 / 2)))
