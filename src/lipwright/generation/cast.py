"""Casting: which face of the source plays each driven stretch of the output.

A segment names a speaker; the source shows tracks, and a track may end at a cut while the person goes on in the next
shot under another id. So the speaker is chosen anew for every shot that a segment touches, and a `Role` is one track
that is driven by one segment: one job for the engine. A segment that runs to and fro (bounce) stays one role, so that
its lips move on smoothly where the picture turns. Only a very long one is handed over to a second role of the same face
while the mouth rests, so that what an engine plans for it does not grow with the length of the film.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import FrameTask
from lipwright.faces.track import FaceTrack
from lipwright.generation.ranges import Range, merged
from lipwright.timeline.edl import EditDecisionList, LipDrive, OutputFrame


@dataclass(frozen=True, slots=True)
class Casting:
    """Who plays a segment in one shot.

    Attributes:
        track: None if nobody can.
        how: how it was found, in words.
        warning: what to tell the user.
        absent: source frames on which the user says that the speaker is not to be seen.
    """

    track: FaceTrack | None
    how: str
    warning: str | None = None
    absent: tuple[Range, ...] = ()


LONG = 3000
"""Frames after which a role is handed over at the next rest of the speech; a quarter more, and it is at any moment."""


class Chooser(Protocol):
    """Chooses the speaker of a segment among the faces on some source frames of one shot."""

    def __call__(self, drive: LipDrive, frames: Sequence[Range]) -> Casting: ...


@dataclass(slots=True, eq=False)
class Role:
    """One track driven by one segment.

    Attributes:
        number: its place in `Cast.roles`.
        channel: its place in `Cast.channels`; a role that was handed over shares it with its successor.
        drive: what it says.
        track: the face, None where the segment's speaker is not to be seen.
        how: how the track was chosen, in words.
        absent: source frames on which the user says that the speaker is not to be seen.
        tasks: its frames in output order.
        ease_in, ease_out: see `lipwright.engines.base.EngineJob`.
    """

    number: int
    channel: int
    drive: LipDrive
    track: FaceTrack | None
    how: str
    absent: list[Range] = field(default_factory=list)
    tasks: list[FrameTask] = field(default_factory=list)
    ease_in: bool = True
    ease_out: bool = True

    def seen(self, source: int) -> bool:
        """Whether the speaker may be looked for on source frame `source`."""
        return self.track is not None and not any(start <= source < stop for start, stop in self.absent)


@dataclass(slots=True, eq=False)
class _Part:
    """A track driven by a segment: the role that plays it, and those it was handed over to, from which output frame."""

    roles: list[Role]
    starts: list[int] = field(default_factory=lambda: [-1])

    def at(self, output: int) -> Role:
        return self.roles[bisect_right(self.starts, output) - 1]


class Cast:
    """All roles of an output, and which of them are on each frame.

    Args:
        edl: the plan.
        cuts: source frames that start a new shot.
        choose: picks the speaker of a drive in a shot.
        rests: whether the mouth rests at a time of an audio, where a long role can be handed over unseen.
    """

    def __init__(
        self,
        edl: EditDecisionList,
        cuts: Sequence[int],
        choose: Chooser,
        rests: Callable[[str, Fraction], bool] = lambda ref, time: False,
    ) -> None:
        self._cuts = sorted(cuts)
        self._clips = edl.clips
        self._rests = rests
        self._by_shot: dict[tuple[_Key, int], _Part] = {}
        self._parts_in: dict[tuple[int, int], list[tuple[LipDrive, _Part]]] = {}
        self.roles: list[Role] = []
        self.channels: list[Role] = []
        self.warnings: list[str] = []
        for drive, ranges in _drives(edl):
            self._cast(drive, ranges, choose)
        self._hand_out_tasks(edl)

    def on(self, frame: OutputFrame) -> list[tuple[Role, FrameTask]]:
        """The roles on an output frame, each with its task."""
        return [
            (part.at(frame.index), FrameTask(frame.index, frame.source, frame.time, drive.speech_time(frame.time)))
            for drive, part in self._parts(frame)
        ]

    def roles_on(self, frame: OutputFrame) -> list[Role]:
        """The roles on an output frame."""
        return [part.at(frame.index) for _, part in self._parts(frame)]

    def of_segment(self, segment: int) -> list[Role]:
        """The roles of the segment with this index."""
        return [role for role in self.roles if role.drive.segment == segment]

    def most_faces(self, shown: Sequence[NDArray[np.int32]]) -> int:
        """The most faces on one driven source frame; `shown` holds the ascending frames of every face."""
        driven = np.unique([task.source for role in self.roles for task in role.tasks])
        counts = np.zeros(len(driven), np.int64)
        for frames in shown:
            counts += np.isin(driven, frames)
        return int(counts.max(initial=0))

    def _parts(self, frame: OutputFrame) -> list[tuple[LipDrive, _Part]]:
        here = frame.clip, self._shot(frame.source)
        parts = self._parts_in.get(here)
        if parts is None:  # looked up once, not for every frame: the keys hold fractions, which are slow to hash
            parts = [(drive, self._by_shot[_key(drive), here[1]]) for drive in self._clips[frame.clip].lips]
            self._parts_in[here] = parts
        return parts

    def _shot(self, source: int) -> int:
        return bisect_right(self._cuts, source)

    def _cast(self, drive: LipDrive, ranges: Sequence[Range], choose: Chooser) -> None:
        shots: dict[int, list[Range]] = {}
        for start, stop in ranges:
            for piece in _split(start, stop, self._cuts):
                shots.setdefault(self._shot(piece[0]), []).append(piece)
        mine: dict[int | None, _Part] = {}
        for shot, pieces in shots.items():
            found = choose(drive, pieces)
            if found.warning and found.warning not in self.warnings:
                self.warnings.append(found.warning)
            identity = found.track.id if found.track is not None else None
            if identity not in mine:
                first = self._role(len(self.channels), drive, found.track, found.how, [])
                self.channels.append(first)
                mine[identity] = _Part([first])
            mine[identity].roles[0].absent += found.absent
            self._by_shot[_key(drive), shot] = mine[identity]
        if drive.segment >= 0 and not any(part.roles[0].track is not None for part in mine.values()):
            self.warnings.append(f"No face speaks in segments[{drive.segment}]; its pictures were left as they were.")

    def _role(self, channel: int, drive: LipDrive, track: FaceTrack | None, how: str, absent: list[Range]) -> Role:
        role = Role(len(self.roles), channel, drive, track, how, absent)
        self.roles.append(role)
        return role

    def _hand_over(self, drive: LipDrive, part: _Part, frame: OutputFrame) -> None:
        """From `frame` on let a new role play `part` if the one that does has played long and the moment is good."""
        role = part.roles[-1]
        if len(role.tasks) < LONG or role.track is None:
            return
        time = drive.speech_time(frame.time)
        if time is None or self._rests(drive.ref, time) or len(role.tasks) * 4 >= LONG * 5:
            part.roles.append(self._role(role.channel, drive, role.track, role.how, role.absent))
            part.starts.append(frame.index)

    def _hand_out_tasks(self, edl: EditDecisionList) -> None:
        """Give every role its tasks, and find out where it borders on the source's own mouth."""
        before: list[Role] = []
        shot_before = -1
        for frame in edl.output_frames():
            shot = self._shot(frame.source)
            for drive, part in self._parts(frame):
                self._hand_over(drive, part, frame)
            now = self.on(frame)
            faces = {id(role.track) for role, _ in now}
            faces_before = {id(role.track) for role in before}
            same_shot = shot == shot_before
            for role in before:
                role.ease_out = same_shot and id(role.track) not in faces
            for role, task in now:
                if not role.tasks:
                    role.ease_in = same_shot and id(role.track) not in faces_before
                role.tasks.append(task)
                role.ease_out = False  # until a frame follows
            before, shot_before = [role for role, _ in now], shot


_Key = tuple[int, object, object]


def _key(drive: LipDrive) -> _Key:
    """Tells drives apart without comparing their options, which may hold a box for every frame."""
    return drive.segment, drive.output.start, drive.output.stop


def _drives(edl: EditDecisionList) -> Iterator[tuple[LipDrive, tuple[Range, ...]]]:
    """Every drive, in order of appearance, with the source frames it is seen on."""
    found: dict[_Key, tuple[LipDrive, list[Range]]] = {}
    for clip in edl.clips:
        for drive in clip.lips:
            shown = (0, 1) if edl.still else (clip.first, clip.stop)
            found.setdefault(_key(drive), (drive, []))[1].append(shown)
    for drive, ranges in found.values():
        yield drive, merged(ranges)


def _split(start: int, stop: int, cuts: Sequence[int]) -> Iterator[Range]:
    """start..stop cut into pieces at `cuts` (ascending)."""
    for cut in cuts[bisect_right(cuts, start) :]:
        if cut >= stop:
            break
        yield start, cut
        start = cut
    yield start, stop
