"""What a user can choose for a whole generation or for one segment (contract sections 5 and 7.4).

`Options` is what was asked for, where None means "not chosen"; laying those of a segment over those of the generation
and both over the defaults gives `SegmentOptions`, which is what the rest of the program works with.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum

from lipwright.errors import FaceSelectionInvalid


class SyncMode(StrEnum):
    """What happens when a segment and its audio differ in length (contract section 7.5)."""

    BOUNCE = "bounce"
    LOOP = "loop"
    CUT_OFF = "cut_off"
    SILENCE = "silence"
    REMAP = "remap"


@dataclass(frozen=True, slots=True)
class Prominent:
    """The face that is largest and longest on screen."""


@dataclass(frozen=True, slots=True)
class ActiveSpeaker:
    """The face whose lips move with the video's original sound."""


@dataclass(frozen=True, slots=True)
class PointOnFrame:
    """The face at pixel (x, y), display orientation, of source frame `frame`."""

    frame: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class BoxPerFrame:
    """One (x1, y1, x2, y2) box in display pixels per source frame, or None where the speaker is not shown."""

    boxes: tuple[tuple[float, float, float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class BoxesAt:
    """A `BoxPerFrame` that is still a JSON document at `url`; `with_boxes` replaces it before planning."""

    url: str


SpeakerChoice = Prominent | ActiveSpeaker | PointOnFrame | BoxPerFrame


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """The options in force for one segment, after `optionsOverride` was laid over `options`.

    `background` is the gain (0..1) of the original sound kept under the new speech. `preserve_timing` pins the segment
    to its own span. Both are extensions of the contract.
    """

    sync_mode: SyncMode = SyncMode.BOUNCE
    temperature: float = 0.5
    speaker: SpeakerChoice = field(default_factory=Prominent)
    occlusion_detection: bool = False
    preserve_timing: bool = False
    background: float = 0.0


@dataclass(frozen=True, slots=True)
class Options:
    """The options a user chose, for a generation or for one segment; None is "not chosen"."""

    sync_mode: SyncMode | None = None
    temperature: float | None = None
    speaker: SpeakerChoice | BoxesAt | None = None
    occlusion_detection: bool | None = None
    preserve_timing: bool | None = None
    background: float | None = None

    def over(self, base: Options) -> Options:
        """These options where they were chosen, those of `base` elsewhere."""
        chosen = {f.name: getattr(self, f.name) for f in fields(self)}
        return Options(**{name: getattr(base, name) if value is None else value for name, value in chosen.items()})

    def in_force(self) -> SegmentOptions:
        """These options where they were chosen, the defaults elsewhere.

        Raises:
            FaceSelectionInvalid: the speaker is still a reference to a document of boxes.
        """
        if isinstance(self.speaker, BoxesAt):
            raise FaceSelectionInvalid(
                f"The boxes at {self.speaker.url!r} have not been read yet; replace them with `with_boxes` first.",
                field="options.active_speaker_detection.bounding_boxes_url",
            )
        chosen = {f.name: getattr(self, f.name) for f in fields(self)}
        return SegmentOptions(**{name: value for name, value in chosen.items() if value is not None})
