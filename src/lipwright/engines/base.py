"""What a lip-sync engine is: the one seam every engine, built in or plugged in, implements.

An engine is given one face of one clip: its track, the frames to make, the speech that drives them and a way to look at
other frames of the source. `prepare` does everything that needs the clip as a whole (choosing exemplars, planning a
trajectory); the renderer it returns is then asked for one frame at a time, in output order, so that memory stays
constant. An engine never touches a frame: it answers with an edit, a patch of picture and how much of it to use, which
`lipwright.render` lays into the frame's own planes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Picture
from lipwright.progress import Progress
from lipwright.speech.visemes import VisemeTrack

F32 = NDArray[np.float32]


class PassReason(StrEnum):
    """Why a frame that was asked for was left as it was."""

    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TURNED_AWAY = "turned_away"
    MOUTH_COVERED = "mouth_covered"
    DAMAGED_FRAME = "damaged_frame"
    ENGINE_FAILED = "engine_failed"


@dataclass(frozen=True, slots=True)
class FrameTask:
    """One output frame to make: source frame `source`, the mouth at `speech_time` seconds of the driving audio.

    `speech_time` is None where the mouth is at rest (before or after the speech).
    """

    output: int
    source: int
    time: Fraction
    speech_time: Fraction | None


@dataclass(frozen=True, slots=True)
class EngineJob:
    """One face of one clip.

    Attributes:
        track: the face.
        visemes: the driving speech; None means rest throughout.
        tasks: the frames to make, in output order.
        look: gives the picture of any source frame on the track (slow: random access).
        exemplar_frames: source frames an engine may learn the subject's mouth from, in order.
        source_visemes: visemes of the original sound on the source timeline, if it has any speech.
        source_times: presentation time in seconds of each source frame, float64, by frame index.
        temperature: 0..1 expressiveness, 0.5 neutral.
        check_occlusion: also pass frames through where the mouth only may be covered.
        ease_in, ease_out: whether the frame before the first task (after the last) shows the source's own mouth, so
            that the engine should lead over from it and back to it. False at the ends of the output and between
            segments of the same face that touch.
        keep: a folder that stands for the video, in which an engine may keep what it made of it for the next job.
    """

    track: FaceTrack
    visemes: VisemeTrack | None
    tasks: Sequence[FrameTask]
    look: Callable[[Sequence[int]], Sequence[Picture]]
    exemplar_frames: Sequence[int]
    source_times: NDArray[np.float64]
    source_visemes: VisemeTrack | None = None
    temperature: float = 0.5
    check_occlusion: bool = False
    ease_in: bool = True
    ease_out: bool = True
    progress: Progress = field(default_factory=Progress)
    keep: Path | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to one frame.

    Attributes:
        box: x0, y0, x1, y1 in display pixels, inside the frame.
        yuv: (h, w, 3) float32 Y, U, V on an 8-bit scale (0..255, in the frame's own matrix and range).
        alpha: (h, w) float32 0..1; where it is 0 the frame is not touched at all.
        landmarks: (478, 3) float32 where the engine put the face's points, for measuring and overlays.
    """

    box: tuple[int, int, int, int]
    yuv: F32
    alpha: F32
    landmarks: F32


class MouthRenderer(Protocol):
    """A prepared engine, asked for each task of its job in order."""

    def render(self, task: FrameTask, picture: Picture) -> Edit | PassReason:
        """The edit for `task` on its source `picture`, or why there is none."""
        ...


class LipSyncEngine(Protocol):
    """Anything that can move a mouth to speech."""

    @property
    def name(self) -> str:
        """The name users choose the engine by."""
        ...

    def prepare(self, job: EngineJob) -> MouthRenderer:
        """Plan the whole clip; raises `RenderError` if the job cannot be done at all."""
        ...
