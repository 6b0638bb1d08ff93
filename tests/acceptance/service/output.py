"""Looking at a finished file with PyAV alone, not with the reader that made it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import httpx
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Film:
    """A decoded video: luma of every frame, when each is shown, and how long picture and sound are, in seconds."""

    luma: NDArray[np.uint8]
    times: tuple[float, ...]
    picture_seconds: float
    sound_seconds: float | None
    format: str

    def at(self, time: float) -> NDArray[np.uint8]:
        """The frame shown at `time`."""
        shown = max(index for index, start in enumerate(self.times) if start <= time + 1e-6)
        frame: NDArray[np.uint8] = self.luma[shown]
        return frame


def fetched(url: str) -> Film:
    """The file at an address that needs no key."""
    answer = httpx.get(url, timeout=60)
    assert answer.status_code == 200, answer.text
    return film(answer.content)


def film(content: bytes) -> Film:
    """The file in `content`."""
    with av.open(io.BytesIO(content), "r") as container:
        name = container.format.name
        video = container.streams.video[0]
        luma, times, end = [], [], 0.0
        for frame in container.decode(video):
            luma.append(frame.to_ndarray(format="gray"))
            times.append(float(frame.time or 0))
            assert frame.time_base is not None
            end = times[-1] + float((frame.duration or 0) * frame.time_base)
    with av.open(io.BytesIO(content), "r") as container:
        sound: float | None = None
        if container.streams.audio:
            sound = sum(float(frame.samples / frame.sample_rate) for frame in container.decode(audio=0))
    return Film(np.stack(luma), tuple(times), end, sound, name)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8], box: Box | None = None) -> float:
    """Mean absolute difference of two frames, or of the part (x1, y1, x2, y2) of them, in 8-bit levels."""
    if box is not None:
        x1, y1, x2, y2 = box
        one, other = one[y1:y2, x1:x2], other[y1:y2, x1:x2]
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean())
