"""What the mouth does while nothing is said.

Users' most frequent complaint after blur: the mouth stays open or goes on moving in pauses, because the source's own
speech shows through. Only pauses of 0.3 s and more count, less 0.12 s at either end: lips open before the sound and
close after it, in people as in output, and that is no fault. Where the frames looked at begin or end, a pause does too:
there the mouth comes from, or goes back to, what the source shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.quality.report import Reading, Unmeasured

F64 = NDArray[np.float64]

SHORTEST_PAUSE: Final = 0.3
SETTLING: Final = 0.12
_FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class SilenceSums:
    """Openings and lip speeds (per second), in shares of the open range, summed over silent and over spoken frames."""

    silent: int = 0
    silent_opening: float = 0.0
    silent_steps: int = 0
    silent_speed: float = 0.0
    spoken_steps: int = 0
    spoken_speed: float = 0.0

    def __add__(self, other: SilenceSums) -> SilenceSums:
        return SilenceSums(
            self.silent + other.silent,
            self.silent_opening + other.silent_opening,
            self.silent_steps + other.silent_steps,
            self.silent_speed + other.silent_speed,
            self.spoken_steps + other.spoken_steps,
            self.spoken_speed + other.spoken_speed,
        )

    def readings(self) -> dict[str, Reading]:
        """The figures silence_opening (% of the open range) and silence_motion (% of the speed in speech)."""
        names = ("silence_opening", "silence_motion")
        if self.silent < _FEWEST:
            return dict.fromkeys(names, Unmeasured("the speech has no pause of 0.3 s over edited frames"))
        readings: dict[str, Reading] = {"silence_opening": 100.0 * self.silent_opening / self.silent}
        if self.silent_steps < _FEWEST or self.spoken_steps < _FEWEST or self.spoken_speed <= 0.0:
            readings["silence_motion"] = Unmeasured("there is too little speech or silence to compare speeds")
        else:
            silent, spoken = self.silent_speed / self.silent_steps, self.spoken_speed / self.spoken_steps
            readings["silence_motion"] = 100.0 * silent / spoken
        return readings


def quiet_frames(times: F64, silent: NDArray[np.bool_], rate: int, start: float, stop: float) -> NDArray[np.bool_]:
    """Which frames lie well inside a pause.

    Args:
        times: (n,) seconds in the audio at which each frame is shown, ascending.
        silent: (m,) whether the audio is silent in [i, i + 1) / rate s.
        rate: of `silent`, per second.
        start: where in the audio the part that is heard begins; outside [start, stop) nothing is said.
        stop: where it ends.
    """
    if len(times) == 0:
        return np.zeros(0, dtype=np.bool_)
    grid = np.arange(np.floor(times[0] * rate), np.ceil(times[-1] * rate) + 1).astype(np.int64)
    quiet = np.ones(len(grid), dtype=np.bool_)
    heard = (grid >= round(start * rate)) & (grid < round(stop * rate)) & (grid >= 0) & (grid < len(silent))
    quiet[heard] = silent[grid[heard]]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8))).reshape(-1, 2)
    inside = np.zeros(len(times), dtype=np.bool_)
    for a, b in edges:
        begin, end = (grid[0] + a) / rate, (grid[0] + b) / rate
        if end - begin >= SHORTEST_PAUSE:
            inside |= (times >= begin + SETTLING) & (times < end - SETTLING)
    return inside


def silence_sums(times: F64, openings: F64, quiet: NDArray[np.bool_]) -> SilenceSums:
    """The sums of one stretch of frames; NaN openings are left out, and so are steps of over 0.1 s.

    Args:
        times: (n,) seconds, ascending.
        openings: (n,) as shares of the subject's range.
        quiet: (n,) what `quiet_frames` gave.
    """
    rest = quiet & np.isfinite(openings)
    over = np.maximum(openings[rest], 0.0)
    gap = np.diff(times)
    speed = np.abs(np.diff(openings)) / np.maximum(gap, 1e-6)
    usable = np.isfinite(speed) & (gap > 0.0) & (gap <= 0.1)
    still = usable & quiet[1:] & quiet[:-1]
    moving = usable & ~quiet[1:] & ~quiet[:-1]
    return SilenceSums(
        int(rest.sum()),
        float(over.sum()),
        int(still.sum()),
        float(speed[still].sum()),
        int(moving.sum()),
        float(speed[moving].sum()),
    )
