"""Which packets of the source's sound can stand in the output as they are.

All packets of a sound track lie on one grid of 1024 samples, source and output alike. So of the stretches in which the
output is the untouched original, those can be copied whose packets fall on a common grid in the output; where they do
not agree, the grid that keeps most is taken. Within a stretch a packet is kept if both halves of its window lie inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lipwright.media.aac import FOREIGN, FRAME, AacConfig, window_from
from lipwright.media.encoding import AudioTarget
from lipwright.media.info import AudioInfo
from lipwright.media.mix import Untouched
from lipwright.media.sound_index import SoundIndex

SHORTEST = 32
"""Packets in the shortest stretch that is worth two joins."""
_LEAD = 2  # packets kept before the first that is heard: the overlap, and one more for decoders that warm up


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
    if profile not in ("LC", None):
        return f"The video's sound is not plain AAC-LC but {profile}, so all of the sound is encoded anew."
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
    places = _places(index)
    found = [run for part in ranges for run in _runs(part, total, index)]
    runs = [left for run in found if (left := _left_at_a_place(run, places, total)) is not None]
    by_phase: defaultdict[int, int] = defaultdict(int)
    for run in runs:
        by_phase[run.at % FRAME] += run.stop - run.first
    phase = max(by_phase, key=lambda key: (by_phase[key], -key), default=0)
    kept = [run for run in runs if run.at % FRAME == phase]
    start = kept[0].at if kept and kept[0].opens else phase - (2 if phase else 1) * FRAME
    count = _count(start, total)
    stretches = []
    for run in kept:
        first = (run.at - start) // FRAME
        stretches.append(Stretch(first, min(first + run.stop - run.first, count), run.first - first))
    return SplicePlan(start, count, tuple(stretches), _losses(found, runs, kept, rate))


def _losses(found: Sequence[_Run], runs: Sequence[_Run], kept: Sequence[_Run], rate: int) -> str | None:
    """Why not all of `found` is in `kept`, or None if nearly all is."""
    whole, joinable, copied = (sum(run.stop - run.first for run in some) for some in (found, runs, kept))
    reasons = []
    if joinable > copied:
        reasons.append(
            f"{(joinable - copied) * FRAME / rate:.1f} s of untouched sound are encoded anew, because they are moved "
            f"against the rest by a time that is no whole number of AAC packets of {1000 * FRAME / rate:.1f} ms."
        )
    if whole - joinable >= SHORTEST:
        reasons.append(
            f"{(whole - joinable) * FRAME / rate:.1f} s of untouched sound are encoded anew, because the windows of "
            "its packets cannot be told."
        )
    return " ".join(reasons) or None


def _places(index: SoundIndex) -> NDArray[np.int64]:
    """The packets before which new sound may take over: both they and those before them have long windows there."""
    windows = [window_from(code) for code in range(256)]
    right = np.array([window is not None and not window.right_short for window in windows])
    left = np.array([window is not None and not window.left_short for window in windows])
    codes = np.frombuffer(index.windows, np.uint8)
    return np.asarray(np.flatnonzero(right[codes[:-1]] & left[codes[1:]]) + 1, np.int64)


def _left_at_a_place(run: _Run, places: NDArray[np.int64], total: int) -> _Run | None:
    """`run` up to where it can be left, unless it goes on to the end; None if that is not worth it."""
    if run.at + (run.stop - run.first) * FRAME >= total:
        return run
    number = int(np.searchsorted(places, run.stop, "right")) - 1
    stop = int(places[number]) if number >= 0 else 0
    return _Run(run.first, stop, run.at, run.opens) if stop >= run.first + SHORTEST else None


def _runs(part: Untouched, total: int, index: SoundIndex) -> list[_Run]:
    """The packets that lie within `part` with both halves of their windows, without gaps."""
    opens = part.start <= 0 <= part.shift
    # What is heard of the source are its samples from 0 to `length`; beyond the output's ends nothing is heard.
    lowest = 0 if opens else max(part.start, -part.shift)
    end = index.length - part.shift
    to_the_end = part.stop >= total and end >= total
    heard = np.searchsorted(index.positions, lowest + part.shift - (FRAME - 1 if opens else 0))
    after = total + part.shift if to_the_end else min(part.stop, end) + part.shift - 2 * FRAME + 1
    span = slice(max(0, int(heard) - (_LEAD if opens else 0)), int(np.searchsorted(index.positions, after)))
    at = index.positions[span] - part.shift
    usable = np.frombuffer(index.windows, np.uint8)[span] != FOREIGN
    # A run ends where a packet is not usable, or does not follow on the one before.
    apart = np.concatenate([[True], np.diff(at) != FRAME, [True]])[: len(at) + 1]
    edges = np.flatnonzero(apart | (np.diff(usable, prepend=False, append=False) != 0))
    runs = []
    for first, stop in pairwise(edges.tolist()):
        if usable[first] and stop - first >= SHORTEST:
            runs.append(_Run(span.start + first, span.start + stop, int(at[first]), opens and at[first] <= 0))
    return runs


def _count(start: int, total: int) -> int:
    return -(-(total - start) // FRAME)
