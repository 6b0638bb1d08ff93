"""Which packets of the source's sound can stand in the output as they are.

All packets of a sound track lie on one grid of 1024 samples, source and output alike. So of the stretches in which the
output is the untouched original, those can be copied whose packets fall on a common grid in the output; where they do
not agree, the grid that keeps most is taken. Within a stretch a packet is kept if both halves of its window lie inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipwright.media.aac import FOREIGN, FRAME, AacConfig
from lipwright.media.encoding import AudioTarget
from lipwright.media.info import AudioInfo
from lipwright.media.mix import Untouched
from lipwright.media.sound_index import SoundIndex

SHORTEST = 32
"""Packets in the shortest stretch that is worth two joins."""
_LEAD = 2  # packets kept before the first that is heard: the overlap, and one more for decoders that warm up
_EITHER = 1 << 62


@dataclass(frozen=True, slots=True)
class Stretch:
    """Packets `first` to `stop` of the output are those of the source with `offset` added to their numbers."""

    first: int
    stop: int
    offset: int


@dataclass(frozen=True, slots=True)
class SplicePlan:
    """The output's packets.

    Attributes:
        start: the sample that packet 0 starts with; not after sample 0.
        count: how many packets cover the output.
        stretches: those that can be copied, in order, `SHORTEST` packets and more; empty if there are none.
        reason: why not everything untouched is in them, or None.
    """

    start: int
    count: int
    stretches: tuple[Stretch, ...]
    reason: str | None = None

    def pts(self, packet: int) -> int:
        """The sample that packet number `packet` starts with."""
        return self.start + packet * FRAME


@dataclass(frozen=True, slots=True)
class _Run:
    """Source packets [first, stop), the first of which would start with output sample `at`, or open the output."""

    first: int
    stop: int
    at: int
    opens: bool


def refusal(audio: AudioInfo, profile: str | None, target: AudioTarget) -> str | None:
    """Why packets of this stream cannot be in the output's track whatever is in them, or None; a plain sentence."""
    if audio.codec != "aac":
        return f"The video's sound is not AAC but {audio.codec}, so all of the sound is encoded anew."
    if profile != "LC":
        return f"The video's sound is not plain AAC-LC but {profile or 'unknown'}, so all of the sound is encoded anew."
    if (target.rate, target.layout) != (audio.rate, audio.layout):
        return "The video's sound is converted to another rate or layout, so all of it is encoded anew."
    if audio.layout not in ("mono", "stereo"):
        return f"The video's sound has the channel layout {audio.layout}, so all of the sound is encoded anew."
    return None


def mismatch(config: AacConfig, audio: AudioInfo) -> str | None:
    """Why packets of such a stream, which is decoded as `audio`, are no plain AAC-LC, or None; a plain sentence."""
    # Spectral band replication or parametric stereo need not be announced: the decoder gives more than the core has.
    if not config.plain or (config.rate, config.channels) != (audio.rate, audio.channels):
        return "The video's sound is not plain AAC-LC, so all of the sound is encoded anew."
    return None


def plan_of(ranges: Sequence[Untouched], total: int, index: SoundIndex, rate: int) -> SplicePlan:
    """What of the untouched `ranges` can be copied into an output of `total` samples."""
    runs = [run for part in ranges for run in _runs(part, total, index)]
    by_phase: defaultdict[int, int] = defaultdict(int)
    for run in runs:
        by_phase[run.at % FRAME] += run.stop - run.first
    if not by_phase:
        return SplicePlan(-FRAME, _count(-FRAME, total), ())
    phase = max(by_phase, key=lambda key: (by_phase[key], -key))
    kept = [run for run in runs if run.at % FRAME == phase]
    start = kept[0].at if kept[0].opens else phase - (2 if phase else 1) * FRAME
    count = _count(start, total)
    stretches = []
    for run in kept:
        first = (run.at - start) // FRAME
        stop = min(first + run.stop - run.first, count)
        stretches.append(Stretch(first, stop, run.first - first))
    lost = sum(by_phase.values()) - by_phase[phase]
    reason = None
    if lost:
        seconds = float(Fraction(lost * FRAME, rate))
        reason = (
            f"{seconds:.1f} s of untouched sound are encoded anew, because they are moved against the rest by a time that "
            f"is no whole number of AAC packets of {1000 * FRAME / rate:.1f} ms."
        )
    return SplicePlan(start, count, tuple(stretches), reason)


def _runs(part: Untouched, total: int, index: SoundIndex) -> list[_Run]:
    """The packets that lie within `part` with both halves of their windows, without gaps."""
    at = index.positions - part.shift
    opens = part.start <= 0 <= part.shift
    # What is heard of the source are its samples from 0 to `length`; beyond the output's ends nothing is heard.
    lowest = -_EITHER if opens else max(part.start, -part.shift)
    end = index.length - part.shift
    highest = _EITHER if part.stop >= total and end >= total else min(part.stop, end)
    usable = (at >= lowest) & (at + 2 * FRAME <= highest) & (at < total)
    if opens:
        heard = np.flatnonzero(at + FRAME > 0)
        if not len(heard):
            return []
        usable[: max(0, int(heard[0]) - _LEAD)] = False
    usable &= np.frombuffer(index.windows, np.uint8) != FOREIGN
    # A run ends where a packet is not usable, or does not follow on the one before.
    follows = np.concatenate([[False], np.diff(at) == FRAME]) & usable & np.concatenate([[False], usable[:-1]])
    firsts = np.flatnonzero(usable & ~follows)
    stops = np.flatnonzero(usable & ~np.concatenate([follows[1:], [False]])) + 1
    runs = []
    for first, stop in zip(firsts.tolist(), stops.tolist(), strict=True):
        run = _Run(first, stop, int(at[first]), opens and first == firsts[0] and at[first] <= 0)
        if stop - first >= SHORTEST:
            runs.append(run)
    return runs


def _count(start: int, total: int) -> int:
    return -(-(total - start) // FRAME)
