"""What a user can choose for a whole generation or for one segment (contract sections 5 and 7.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
