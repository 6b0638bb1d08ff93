"""Choosing the speakers of a plan, and the boxes of a face that was named by its number."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import FaceSelectionInvalid
from lipwright.faces.activity import OriginalSound
from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.sheet import face_box
from lipwright.faces.speaker import choose_speaker, frames_needed
from lipwright.faces.track import FaceTrack
from lipwright.generation.asked import FACE
from lipwright.generation.cast import Casting
from lipwright.generation.inputs import local_path
from lipwright.generation.ranges import Range
from lipwright.speech.openness import openness
from lipwright.speech.visemes import RATE, VisemeTrack
from lipwright.timeline.edl import EditDecisionList, LipDrive
from lipwright.timeline.options import ActiveSpeaker, BoxPerFrame, Options, PointOnFrame
from lipwright.timeline.request import GenerationRequest


@dataclass(frozen=True, slots=True)
class SpeakerChooser:
    """Chooses among the analysed faces; see `lipwright.generation.cast.Chooser`.

    Attributes:
        analysis: the faces.
        times: presentation time in seconds of every source frame.
        original: what is said in the original sound, if anybody listened.
    """

    analysis: FaceAnalysis
    times: NDArray[np.float64]
    original: VisemeTrack | None

    def __call__(self, drive: LipDrive, frames: Sequence[Range]) -> Casting:
        sound = None
        if self.original is not None:
            sound = OriginalSound(openness(self.original), self.original.speech, float(RATE))
        field = f"segments[{drive.segment}].speaker" if drive.segment >= 0 else "speaker"
        pick = choose_speaker(self.analysis, drive.options.speaker, frames, sound=sound, times=self.times, field=field)
        return Casting(pick.track, pick.how, pick.warning, pick.absent)


def frames_to_choose(edl: EditDecisionList) -> tuple[Range, ...]:
    """Source frames that have to be analysed for the choice of speakers besides those that are driven."""
    last = 1 if edl.still else len(edl.grid.pts)
    wanted = [needed for clip in edl.clips for drive in clip.lips for needed in frames_needed(drive.options.speaker)]
    return tuple((start, min(stop, last)) for start, stop in wanted if start < last)


def by_ear(edl: EditDecisionList) -> bool:
    """Whether a speaker is to be found by listening to the original."""
    return any(isinstance(drive.options.speaker, ActiveSpeaker) for clip in edl.clips for drive in clip.lips)


def boxes_at(frames: int, whole_video: Callable[[], FaceAnalysis]) -> Callable[[str], object]:
    """What `with_boxes` needs: boxes from a local JSON file, or those of a face named by number.

    Args:
        frames: how many frames the video has.
        whole_video: analyses the whole video; only called if a face is named by number.
    """

    def load(url: str) -> object:
        if url.startswith(FACE):
            return _boxes_of(url.removeprefix(FACE), frames, whole_video())
        path = local_path(url)
        if path is None:
            raise FaceSelectionInvalid(f"The boxes are at {url!r}; only files of this machine can be used here.")
        return _read(path)

    return load


def pointed_on_still(request: GenerationRequest) -> GenerationRequest:
    """`request` for a still, whose one picture needs no box per frame: boxes become a point on it."""

    def pointed(options: Options) -> Options:
        boxes = options.speaker.boxes if isinstance(options.speaker, BoxPerFrame) else ()
        if not boxes or boxes[0] is None:
            return options
        x0, y0, x1, y1 = boxes[0]
        return replace(options, speaker=PointOnFrame(0, (x0 + x1) / 2, (y0 + y1) / 2))

    segments = tuple(replace(segment, options=pointed(segment.options)) for segment in request.segments)
    return replace(request, options=pointed(request.options), segments=segments)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaceSelectionInvalid(f"The boxes in {path.name!r} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise FaceSelectionInvalid(f"The boxes in {path.name!r} cannot be read: it is not JSON.") from None


def _boxes_of(number: str, frames: int, analysis: FaceAnalysis) -> BoxPerFrame:
    """The boxes of face `number` of the whole video."""
    track = analysis.track(int(number)) if number.isascii() and number.isdecimal() else None
    if track is None:
        known = ", ".join(str(one.id) for one in analysis.tracks) or "none"
        raise FaceSelectionInvalid(
            f"There is no face {number}; the faces of the video are {known}.",
            field="speaker",
            suggestion="Draw them with `lipwright faces VIDEO --sheet faces.png`.",
        )
    return boxes_of_track(track, frames)


def boxes_of_track(track: FaceTrack, frames: int) -> BoxPerFrame:
    """The box of `track` on every source frame, None where it is not shown."""
    boxes: list[tuple[float, float, float, float] | None] = [None] * frames
    for row, frame in enumerate(track.frames.tolist()):
        boxes[frame] = face_box(track, row)
    return BoxPerFrame(tuple(boxes))
