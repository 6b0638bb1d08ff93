"""Which source time each output time shows, and where in the output a source time ended up.

Every output time shows exactly one source time; a source time may be shown never (cut away), once, or often (bounce and
loop). The map is made of the straight pieces that the clips are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from lipwright.timeline.clip import Clip, Direction


@dataclass(frozen=True, slots=True)
class TimeMap:
    """The map of `clips`, which are in output order and cover the output."""

    clips: Sequence[Clip]

    def to_source(self, time: Fraction) -> Fraction:
        """The source time shown at output time `time`.

        Raises:
            ValueError: `time` is not in the output.
        """
        if not self.clips[0].output.start <= time < self.clips[-1].output.stop:
            raise ValueError(
                f"{float(time)} s is not in the output, which is {float(self.clips[-1].output.stop)} s long"
            )
        at = bisect_right(self.clips, time, key=lambda clip: clip.output.start) - 1
        return self.clips[at].source_time(time)

    def to_output(self, source: Fraction) -> tuple[Fraction, ...]:
        """Every output time that shows source time `source`, in order; a picture standing still adds none."""
        found = []
        for clip in self.clips:
            if clip.rate == 0:
                continue
            if clip.direction is Direction.FORWARD:
                inside, gone = clip.source.start <= source < clip.source.stop, source - clip.source.start
            else:
                inside, gone = clip.source.start < source <= clip.source.stop, clip.source.stop - source
            if inside:
                found.append(clip.output.start + gone / clip.rate)
        return tuple(found)
