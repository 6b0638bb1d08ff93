"""All that is known of a job before its first frame is rendered: the plan, the faces, the speech, who plays whom.

All of it follows from the request, the inputs, the face analysis and what was heard, always in the same way. So a scene
whose dear parts (analysis, recognition, spoken text) were kept can be set up again, in another process, as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import NoUsableFace
from lipwright.faces.analysis import FaceAnalysis
from lipwright.generation.both import both
from lipwright.generation.cast import Cast, Role
from lipwright.generation.inputs import Inputs
from lipwright.generation.listen import heard_original, heard_speech, resting
from lipwright.generation.memory import give_back
from lipwright.generation.ranges import Range, merged, to_analyse
from lipwright.generation.speakers import SpeakerChooser, by_ear, frames_to_choose, pointed_on_still
from lipwright.generation.stopwatch import Stopwatch
from lipwright.progress import Progress
from lipwright.quality.channel import Drive
from lipwright.quality.speech import SpeechReference
from lipwright.speech.recognise import release_models
from lipwright.speech.visemes import VisemeTrack
from lipwright.timeline.boxes import with_boxes
from lipwright.timeline.edl import EditDecisionList
from lipwright.timeline.plan import plan
from lipwright.timeline.request import GenerationRequest

Look = Callable[[Sequence[Range], Progress], FaceAnalysis]
"""Finds the faces on source frames."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is said: in the speech by ref, and in the original sound if anybody listened to it."""

    visemes: Mapping[str, VisemeTrack]
    original: VisemeTrack | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A job that is ready to be rendered.

    Attributes:
        request: as planned, with every box in it.
        times: presentation time in seconds of every source frame.
    """

    request: GenerationRequest
    inputs: Inputs
    edl: EditDecisionList
    analysis: FaceAnalysis
    heard: Heard
    times: NDArray[np.float64]
    cast: Cast

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know already."""
        return (*self.edl.warnings, *self.inputs.warnings, *self.cast.warnings)

    def drives(self) -> list[Drive]:
        """What the meters hold each channel of the cast against."""
        return [_driven(role, self.heard.visemes.get(role.drive.ref)) for role in self.cast.channels]

    def faces_at_once(self) -> int:
        """How many faces there are on that driven source frame which has the most of them."""
        return self.cast.most_faces([track.frames for track in self.analysis.tracks])


def planned(
    request: GenerationRequest, inputs: Inputs, load: Callable[[str], object]
) -> tuple[GenerationRequest, EditDecisionList]:
    """The edit decision list, and the request with the boxes that it refers to, which `load` gives by their address."""
    video = inputs.info.video
    assert video is not None
    request = with_boxes(request, load)
    if inputs.info.still:
        request = pointed_on_still(request)
    return request, plan(video.grid, inputs.lengths, request)


def watched(edl: EditDecisionList) -> tuple[Range, ...]:
    """The source frames whose faces have to be known."""
    return merged((*to_analyse(edl), *frames_to_choose(edl)))


def look_and_listen(
    edl: EditDecisionList, inputs: Inputs, look: Look, progress: Progress, watch: Stopwatch
) -> tuple[FaceAnalysis, Heard]:
    """The faces, and what is said in the speech and in the original.

    Both are looked for at the same time, unless pictures are so large that they would not fit in beside the models of
    speech.
    """
    ranges = watched(edl)
    paths = {ref: sound.path for ref, sound in inputs.sounds.items()}

    def listen(progress: Progress) -> Heard:
        with watch.phase("listen"):
            original = None
            if by_ear(edl):
                original = heard_original(inputs.video, inputs.info, ranges, progress, inputs.limits)
            return Heard(heard_speech(edl, paths, progress, inputs.limits), original)

    if inputs.large:
        heard = listen(progress)
        release_models()
        give_back()
        analysis = look(ranges, progress)
    else:
        analysis, heard = both(lambda progress: look(ranges, progress), listen, progress)
        release_models()
    give_back()
    return analysis, heard


def set_up(
    request: GenerationRequest, inputs: Inputs, edl: EditDecisionList, analysis: FaceAnalysis, heard: Heard
) -> Scene:
    """The scene of a planned request whose faces and speech are known.

    Raises:
        NoUsableFace: there is nobody who could speak.
    """
    video = inputs.info.video
    assert video is not None
    times = np.asarray(video.grid.pts, np.float64) * float(video.grid.time_base)
    chooser = SpeakerChooser(analysis, times, heard.original)
    roles = Cast(edl, analysis.cuts, chooser, resting(heard.visemes))
    if roles.roles and all(role.track is None for role in roles.roles):
        raise NoUsableFace(_no_face(inputs, analysis, roles.warnings), field="video")
    return Scene(request, inputs, edl, analysis, heard, times, roles)


def _driven(role: Role, visemes: VisemeTrack | None) -> Drive:
    """What the meter holds a role against."""
    audio, segment = role.drive.audio, role.drive.segment
    heard = (float(audio.start), float(audio.stop))
    speech = SpeechReference.from_visemes(visemes) if visemes is not None and audio.duration > 0 else None
    return Drive(segment if segment >= 0 else None, role.track, speech, heard)


def _no_face(inputs: Inputs, analysis: FaceAnalysis, reasons: Sequence[str]) -> str:
    """Why nobody can speak, in one sentence."""
    if analysis.tracks:
        return " ".join(reasons) or f"No face of {inputs.video.name!r} can be chosen to speak."
    return f"No face was found in {inputs.video.name!r} where lips should move."
