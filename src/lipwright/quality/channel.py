"""The running measurements of one face in one segment: small numbers per frame, turned into figures at the end.

Only scalars are kept (some sixty bytes a frame, two megabytes for an hour), never points or pictures.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.track import FaceTrack
from lipwright.quality.meters.closure import Closures, MouthRange, closures, mouth_range
from lipwright.quality.meters.jitter import WINDOW, activity, jitter_sums, tremble
from lipwright.quality.meters.likes import Likes
from lipwright.quality.meters.lips import LIP_POINTS, head_reference, normalise, opening
from lipwright.quality.meters.seam import boundary_jump
from lipwright.quality.meters.sharpness import sharpness_sums
from lipwright.quality.meters.silence import SilenceSums, quiet_frames, silence_sums
from lipwright.quality.meters.sync import no_sums, sync_readings, sync_sums
from lipwright.quality.report import Meters, Reading, Unmeasured
from lipwright.quality.speech import SpeechReference
from lipwright.speech.visemes import RATE

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
NAN: Final = float("nan")

_SAMPLED_ROWS: Final = 200
_CHUNK: Final = 500
_NO_LIPS: Final = np.full((LIP_POINTS, 2), np.nan, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Drive:
    """One face of one segment and what drives it.

    Attributes:
        segment: index of the segment in the request, None for the whole video.
        track: the face, None if none was found.
        speech: the driving speech, None where the mouth is at rest throughout.
        heard: start and stop, in seconds of the driving audio, of the part that is heard.
    """

    segment: int | None
    track: FaceTrack | None
    speech: SpeechReference | None
    heard: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one frame gave for one drive; NaN where there was nothing to read."""

    time: float
    speech_time: float
    source_frame: int
    lips: F32 | None
    source_lips: F32 | None
    strength: float
    source_strength: float
    step: float
    asked: bool
    edited: bool


class Channel:
    """Takes the samples of one drive in output order."""

    COLUMNS: Final = (
        "time", "speech_time", "opening", "tremble", "strength",
        "source_opening", "source_tremble", "source_strength", "step",
    )  # fmt: skip

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.reference = reference_of(drive.track)
        self.asked = self.edited = 0
        self.edges: list[tuple[float, float]] = []
        self.within = array("f")
        self._columns = {name: array("d") for name in self.COLUMNS}
        self._courses = tuple(_Course(self._columns[name]) for name in ("tremble", "source_tremble"))
        self._last_source = -1
        self._of_track: F64 | None = None

    def add(self, sample: Sample) -> None:
        """Take the next frame."""
        self.asked += sample.asked
        self.edited += sample.edited
        lips = sample.lips if sample.edited else None
        values = {
            "time": sample.time,
            "speech_time": sample.speech_time,
            "opening": NAN if lips is None else float(opening(lips[None])[0]),
            "strength": sample.strength if sample.edited else NAN,
            "source_opening": NAN if sample.source_lips is None else float(opening(sample.source_lips[None])[0]),
            "source_strength": sample.source_strength,
            "step": sample.step,
            "tremble": NAN,
            "source_tremble": NAN,
        }
        for name, value in values.items():
            self._columns[name].append(value)
        held = sample.source_frame == self._last_source  # a held frame has no tremble of its own
        self._last_source = sample.source_frame
        self._courses[0].add(lips)
        self._courses[1].add(None if held else sample.source_lips)

    def column(self, name: str) -> F64:
        return np.frombuffer(self._columns[name], dtype=np.float64) if self._columns[name] else np.zeros(0)

    def range(self) -> MouthRange:
        """What closed and open read like on this face."""
        if self._of_track is None:  # asked for by the segment and by the whole
            self._of_track = _track_openings(self)
        return mouth_range(self._of_track, self.column("opening"))

    def finish(self) -> None:
        """Work out what waits for more frames; call once, after the last."""
        for course in self._courses:
            course.flush()


class _Course:
    """The tremble of one side's lips, worked out some hundreds of frames at a time into a column."""

    def __init__(self, column: array[float]) -> None:
        self._column = column
        self._lips: list[F32] = []
        self._known: F64 | None = None

    def add(self, lips: F32 | None) -> None:
        """Take the lips of the frame whose place in the column was just appended."""
        self._lips.append(_NO_LIPS if lips is None else lips)
        if len(self._lips) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        values, self._known = tremble(np.stack(self._lips), self._known) if self._lips else (np.zeros(0), None)
        start = len(self._column) - len(values)
        for place in np.flatnonzero(np.isfinite(values)):
            self._column[start + int(place)] = float(values[place])
        self._lips = self._lips[-(WINDOW - 1) :]  # the last ones still lack neighbours


def reference_of(track: FaceTrack | None) -> F64 | None:
    """The subject's own rigid points, from rows spread over the track."""
    if track is None or len(track) == 0:
        return None
    rows = np.unique(np.linspace(0, len(track) - 1, _SAMPLED_ROWS).astype(np.int64))
    return head_reference(track.landmarks(rows), np.asarray(track.rotations[rows]))


def figures(channels: Sequence[Channel], counts: tuple[int, int]) -> Meters:
    """The figures of several channels taken together.

    Args:
        channels: those of one segment or of the whole output.
        counts: how many frames were asked for and how many of them were edited.
    """
    asked, edited = counts
    coverage = edited / asked if asked else Unmeasured("no frame was asked for")
    if not edited:
        return Meters.of({"coverage": coverage}, "no frame was edited")
    return Meters.of({"coverage": coverage, **readings_of(channels)})


def readings_of(channels: Sequence[Channel]) -> dict[str, Reading]:
    """Every reading of several channels taken together but for the coverage, by the meter's name."""
    readings: dict[str, Reading] = {}
    sync, closed, silence = no_sums(), Closures(0, 0), SilenceSums()
    trembles, sharp = Likes(), Likes()
    for place, channel in enumerate(channels):
        speech, heard = channel.drive.speech, channel.drive.heard
        openings = channel.range().relative(channel.column("opening"))
        trembles += jitter_sums(_trembles(channel), _source_trembles(channel))
        sharp += sharpness_sums(
            (channel.column("strength"), channel.column("opening")),
            (channel.column("source_strength"), channel.column("source_opening")),
        )
        silence += silence_sums(channel.column("time"), openings, _quiet(channel))
        spoken = channel.column("speech_time")
        driven = np.isfinite(spoken)
        if speech is not None and driven.any():
            sync += sync_sums(spoken[driven], openings[driven], speech.openness, *heard, seed=place)
            closed += closures(spoken[driven], openings[driven], _within(speech.instants, heard))
    readings |= sync_readings(sync) | closed.readings() | silence.readings()
    readings["source_leak"] = _source_leak(channels)
    readings["jitter_ratio"] = trembles.reading("activity")
    readings["sharpness_ratio"] = sharp.reading("opening")
    steps = np.concatenate([c.column("step") for c in channels])
    steps = steps[np.isfinite(steps)]
    none = Unmeasured("no mask had an edge inside the frame")
    readings["edge_step"] = float(steps.mean()) if len(steps) else none
    readings["edge_step_worst"] = float(np.percentile(steps, 95)) if len(steps) else none
    jump = boundary_jump([e for c in channels for e in c.edges], [w for c in channels for w in c.within])
    readings["boundary_jump"] = jump if np.isfinite(jump) else Unmeasured("editing neither starts nor stops inside")
    return readings


def _track_openings(channel: Channel) -> F64:
    """Openings of the source over the whole track, at most some thousands of rows spread evenly."""
    track = channel.drive.track
    if track is None or channel.reference is None:
        return np.zeros(0)
    rows = np.unique(np.linspace(0, len(track) - 1, 2000).astype(np.int64))
    parts = [
        opening(normalise(track.landmarks(part), channel.reference))
        for part in np.array_split(rows, len(rows) // 256 + 1)
    ]
    return np.concatenate(parts).astype(np.float64)


def _within(instants: F64, heard: tuple[float, float]) -> F64:
    """The instants that lie wholly in the part that is heard; half a closure at a cut is nobody's fault."""
    return instants[(instants[:, 0] >= heard[0]) & (instants[:, 1] <= heard[1])]


def _quiet(channel: Channel) -> NDArray[np.bool_]:
    """Which frames lie in silence; before, after and without speech the mouth is asked to rest as well."""
    speech, times, spoken = channel.drive.speech, channel.column("time"), channel.column("speech_time").copy()
    driven = np.isfinite(spoken)
    if speech is None or not driven.any():
        return quiet_frames(times, np.zeros(0, np.bool_), RATE, 0.0, 0.0)
    # Frames without a speech time go on with the clock of the others, so that the mouth is given time to settle.
    spoken[~driven] = times[~driven] - float(np.median(times[driven] - spoken[driven]))
    return quiet_frames(spoken, speech.silent, RATE, *channel.drive.heard)


def _source_leak(channels: Sequence[Channel]) -> Reading:
    """Over all frames, each opening taken from the mean of its own face and segment: faces differ at rest already."""
    parts = []
    for channel in channels:
        pair = np.stack([channel.column("opening"), channel.column("source_opening")])
        pair = pair[:, np.isfinite(pair).all(axis=0)]
        if pair.shape[1]:
            parts.append(pair - pair.mean(axis=1, keepdims=True))
    both = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0))
    if both.shape[1] < 12 or both[0].std() < 1e-6 or both[1].std() < 1e-6:
        return Unmeasured("too few frames, or lips that do not move")
    return float(np.corrcoef(both)[0, 1])


def _trembles(channel: Channel) -> tuple[F64, F64]:
    return channel.column("tremble"), activity(channel.column("opening"), channel.column("time"))


def _source_trembles(channel: Channel) -> tuple[F64, F64]:
    return channel.column("source_tremble"), activity(channel.column("source_opening"), channel.column("time"))
