"""What the header of a video track says about its packets, whichever codec they are in.

A decoder finds the settings of a picture by number: a slice names a picture parameter set, that names a sequence
parameter set (and in HEVC that a video parameter set). Two encoders' packets live in one MP4 track if their sets have
different numbers and all stand in the track's one configuration record: then no packet of the source has to be altered,
and strict players, which want the sets there (`avc1`, `hvc1`; ISO/IEC 14496-15 sections 5.4.2.1 and 8.4.1.1), take the
file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from lipwright.media.frames import Turn


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """What one packet holds.

    Attributes:
        clean: it begins with a picture that nothing before is needed for.
        sets: the parameter sets in it.
        orientation: it tells players to turn the picture.
        layered: it holds more than the base layer, such as the other eye's picture.
    """

    clean: bool
    sets: tuple[bytes, ...] = ()
    orientation: bool = False
    layered: bool = False


@dataclass(frozen=True, slots=True)
class StreamSets(ABC):
    """The parameter sets of a stream, and how its pictures are stored.

    Attributes:
        sequence, picture: the NAL units.
        length: bytes of the length before each unit of a packet; 0 if packets have start codes.
        turn: how players turn the pictures.
    """

    sequence: tuple[bytes, ...]
    picture: tuple[bytes, ...]
    length: int = 4
    turn: Turn = Turn()  # noqa: RUF009  # frozen

    codec: ClassVar[str]
    tag: ClassVar[str]

    @property
    @abstractmethod
    def units(self) -> tuple[bytes, ...]:
        """All sets, in the order in which a decoder wants them."""

    @abstractmethod
    def record(self) -> bytes:
        """The configuration record of a track."""

    @abstractmethod
    def __add__(self, other: StreamSets) -> Self:
        """These and those of another encoder's packets in the same track."""

    @staticmethod
    @abstractmethod
    def is_set(unit: bytes | memoryview) -> bool:
        """Whether a unit of a packet is a parameter set."""

    @staticmethod
    @abstractmethod
    def facts(units: Iterable[bytes | memoryview]) -> PacketFacts:
        """Look at the units of a packet, no further than the header of its first slice."""
