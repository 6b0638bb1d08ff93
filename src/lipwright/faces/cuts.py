"""Shot cuts, found on thumbnails while the frames stream past.

Two thumbnails are compared by their best normalised correlation over small shifts (a pan or a shaking camera keeps it
high, and so does a light going on, because brightness and contrast drop out) and by their luma histograms. A frame
that differs from the one before is a cut only if the frames after it differ from the one before too: a flash, a
damaged frame or a hand swept past the lens comes back to what was there. That look-ahead delays the stream by two
frames. Slow dissolves are not cuts: nothing in them happens between two frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.source import Pixels, SourceFrame

F32 = NDArray[np.float32]

LOOK_AHEAD = 2
_SIZE = (64, 36)
_SHIFT = 5


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """What is kept of a frame to compare it: (36, 64) float32 luma 0..255 and its (32,) histogram, sum 1."""

    luma: F32
    histogram: F32


@dataclass(frozen=True, slots=True)
class Difference:
    """How two frames differ: `structure` 0 (same, up to shift and light) .. 2, `tone` 0..1 (histogram distance)."""

    structure: float
    tone: float


def thumbnail(picture: Pixels) -> Thumbnail:
    """A frame's thumbnail, whatever its shape stretched to 64 x 36."""
    small = picture.to_grey(_SIZE).astype(np.float32)
    counts = np.bincount((small.ravel() * (32 / 256)).astype(np.int64), minlength=32).astype(np.float32)
    # Neighbouring bins are shared, so that a small change of light does not empty one bin into the next.
    blurred = np.convolve(counts, np.array([0.25, 0.5, 0.25], np.float32), mode="same")
    return Thumbnail(small, np.asarray(blurred / blurred.sum(), np.float32))


def difference(a: Thumbnail, b: Thumbnail) -> Difference:
    """Compare two thumbnails."""
    core = b.luma[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    tone = float(0.5 * np.abs(a.histogram - b.histogram).sum())
    if min(float(a.luma.std()), float(core.std())) < 2.0:
        # A flat picture (black, white, fade) has no structure to compare.
        return Difference(1.0 if abs(float(a.luma.std()) - float(core.std())) > 8.0 else 0.0, tone)
    best = float(cv2.matchTemplate(a.luma, core, cv2.TM_CCOEFF_NORMED).max())
    return Difference(1.0 - best, tone)


def is_break(now: Difference, usual: float) -> bool:
    """Whether a difference is too large for one shot, where `usual` is the recent structural difference."""
    strong = now.structure > 0.45 or (now.structure > 0.2 and now.tone > 0.2)
    return strong and now.structure > 3 * usual + 0.05


class CutFinder:
    """Marks the first frame of each shot in a stream of consecutive frames."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=12)
        # The last frame that is sure to be of the present shot, and how many frames back it lies.
        self._before: Thumbnail | None = None
        self._held = 0

    def mark(self, frames: Iterable[SourceFrame]) -> Iterator[tuple[SourceFrame, bool]]:
        """Yield (frame, starts a new shot); the very first frame does not. Runs two frames ahead of what it yields."""
        waiting: deque[tuple[SourceFrame, Thumbnail]] = deque()
        for frame in frames:
            waiting.append((frame, thumbnail(frame.picture)))
            if len(waiting) > LOOK_AHEAD:
                yield waiting[0][0], self._starts([w[1] for w in waiting])
                waiting.popleft()
        while waiting:
            yield waiting[0][0], self._starts([w[1] for w in waiting])
            waiting.popleft()

    def _starts(self, ahead: list[Thumbnail]) -> bool:
        """Whether the first of the thumbnails `ahead` starts a new shot."""
        now = ahead[0]
        if self._before is None:
            self._before = now
            return False
        usual = float(np.median(self._recent)) if self._recent else 0.0
        first = difference(self._before, now)
        if not is_break(first, usual):
            self._recent.append(first.structure)
            self._before, self._held = now, 0
            return False
        # A break that the following frames do not confirm comes back to the old shot: a flash, not a cut. Until it
        # does, frames go on being held against the shot as it was before.
        if self._held < LOOK_AHEAD and not all(is_break(difference(self._before, a), usual) for a in ahead[1:]):
            self._held += 1
            return False
        self._recent.clear()
        self._before, self._held = now, 0
        return True
