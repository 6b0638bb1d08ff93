"""First pass: where each face is, frame by frame.

Detection is costly and its boxes jump, so it only starts tracks, checks on them every few frames and finds them again;
in between a face is followed by the region its own landmarks give for the next look. Tracks end at cuts. What comes out
is a region per face at every second or so frame; the second pass (`refine`) smooths these over time and takes the
landmarks that count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipwright.faces import roi
from lipwright.faces.detector import Detection, FaceDetector
from lipwright.faces.mesh import FaceMesh
from lipwright.faces.roi import Patch
from lipwright.faces.source import Pixels, SourceFrame

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How faces are followed.

    Attributes:
        detect_every: frames between looks for faces.
        tiles_every: every how many of those looks small faces are searched for too, on tiles.
        stride: frames between first-pass looks at a face; the regions between are interpolated.
        gap: seconds a face may be lost and still be the same track.
        min_presence: mesh presence score under which there is no face.
        min_size: smallest face box in pixels that starts a track.
        max_faces: most faces followed at once; the largest win.
    """

    detect_every: int = 10
    tiles_every: int = 3
    stride: int = 2
    gap: Fraction = Fraction(3, 10)
    min_presence: float = 0.5
    min_size: float = 20.0
    max_faces: int = 12


@dataclass(slots=True)
class LiveTrack:
    """A face being followed.

    Attributes:
        number: counts up over the video in order of appearance.
        frames, regions: first-pass samples: where the face was seen.
        patches: pixels round the face for frames the second pass has not had yet, oldest first.
        seen: last frame with a sample; `seen_time` its time in seconds.
        ended: no more samples will come.
    """

    number: int
    frames: list[int] = field(default_factory=list)
    regions: list[F64] = field(default_factory=list)
    patches: list[tuple[int, Patch | None]] = field(default_factory=list)
    seen: int = -1
    seen_time: Fraction = Fraction(0)
    lost: bool = False
    ended: bool = False

    @property
    def box(self) -> F64:
        """The face's last box."""
        return roi.upright_box(self.regions[-1])

    def sample(self, frame: SourceFrame, region: F64) -> None:
        self.frames.append(frame.index)
        self.regions.append(region)
        self.seen, self.seen_time, self.lost = frame.index, frame.time, False

    def predicted(self, frame: int) -> F64:
        """Where the face should be at `frame`: its last region, moved on at its last speed (damped)."""
        last = self.regions[-1]
        if len(self.regions) < 2 or self.lost:
            return last
        span = self.frames[-1] - self.frames[-2]
        ahead = min(frame - self.frames[-1], 2 * span)
        region = last.copy()
        region[:2] += 0.7 * (last[:2] - self.regions[-2][:2]) * ahead / span
        return region


class FaceTracker:
    """Follows every face of one shot after another; feed it consecutive frames."""

    def __init__(self, settings: TrackerSettings) -> None:
        self._settings = settings
        self._detector = FaceDetector(min_size=settings.min_size)
        self._mesh = FaceMesh()
        self._live: list[LiveTrack] = []
        self._count = 0
        self._next_look = 0
        self._looks = 0

    @property
    def live(self) -> tuple[LiveTrack, ...]:
        return tuple(self._live)

    def step(self, frame: SourceFrame, *, restart: bool) -> list[LiveTrack]:
        """Take the next frame; returns the tracks that ended with it. `restart`: nothing before it counts (a cut)."""
        ended: list[LiveTrack] = []
        if restart:
            ended += self.finish()
            self._next_look = frame.index
            self._looks = 0
        for track in self._live:
            self._follow(track, frame)
        if frame.index >= self._next_look:
            self._look(frame)
        ended += self._drop(frame)
        return ended

    def finish(self) -> list[LiveTrack]:
        """End all tracks."""
        ended, self._live = self._live, []
        for track in ended:
            track.ended = True
        return ended

    def _follow(self, track: LiveTrack, frame: SourceFrame) -> None:
        """Keep the track's pixels of this frame and, every `stride` frames, see where the face went."""
        expected = track.predicted(frame.index)
        patch = roi.take_patch(frame.picture, expected)
        track.patches.append((frame.index, patch))
        if not track.lost and frame.index - track.seen < self._settings.stride:
            return
        region = None if patch is None else self._find(patch, expected)
        if region is not None:
            track.sample(frame, region)
        elif not track.lost:
            track.lost = True
            self._next_look = frame.index

    def _find(self, patch: Patch, expected: F64) -> F64 | None:
        """The region of the face near `expected`, or None if it is not there."""
        result = self._mesh(patch, expected)
        if result.presence < self._settings.min_presence:
            return None
        region = roi.from_landmarks(result.landmarks)
        ratio = region[2] / expected[2]
        return region if 0.5 < ratio < 2.0 else None

    def _look(self, frame: SourceFrame) -> None:
        """Detect faces, hand them to the tracks they belong to, start tracks for the rest."""
        settings = self._settings
        searching = not self._live or any(track.lost for track in self._live)
        tiled = searching or self._looks % settings.tiles_every == 0
        detections = self._detector.detect(frame.picture, tiled=tiled)
        self._looks += 1
        # While a face is lost it is looked for more often, but not on every frame.
        self._next_look = frame.index + (3 if any(t.lost for t in self._live) else settings.detect_every)
        rest = self._assign(detections, frame)
        rest.sort(key=lambda d: -d.region()[2])
        for detection in rest[: max(0, settings.max_faces - len(self._live))]:
            self._start(detection, frame)

    def _assign(self, detections: list[Detection], frame: SourceFrame) -> list[Detection]:
        """Match detections to tracks by overlap; returns those that belong to none."""
        if not detections or not self._live:
            return list(detections)
        boxes = np.stack([roi.upright_box(d.region()) for d in detections])
        shared = roi.overlap(np.stack([t.box for t in self._live]), boxes)
        taken: set[int] = set()
        for i, j in _best_pairs(shared):
            track = self._live[int(i)]
            # A lost face has moved since it was seen.
            if shared[i, j] < (0.1 if track.lost else 0.25):
                continue
            taken.add(int(j))
            if track.lost:
                self._regain(track, detections[int(j)], frame)
        # A second box on a face that has its track (a detector's double) starts nothing.
        return [d for j, d in enumerate(detections) if j not in taken and shared[:, j].max() < 0.3]

    def _regain(self, track: LiveTrack, detection: Detection, frame: SourceFrame) -> None:
        found = self._settle(frame.picture, detection.region())
        if found is not None:
            track.patches[-1] = (frame.index, found[0])
            track.sample(frame, found[1])

    def _start(self, detection: Detection, frame: SourceFrame) -> None:
        found = self._settle(frame.picture, detection.region())
        if found is None:
            return
        boxes = [t.box for t in self._live]
        if boxes and roi.overlap(np.stack(boxes), roi.upright_box(found[1])).max() > 0.4:
            return
        self._count += 1
        track = LiveTrack(self._count)
        track.patches.append((frame.index, found[0]))
        track.sample(frame, found[1])
        self._live.append(track)

    def _settle(self, picture: Pixels, region: F64) -> tuple[Patch, F64] | None:
        """Two looks from a detector's rough region: the second is framed as the mesh likes it."""
        patch: Patch | None = None
        for _ in range(2):
            patch = roi.take_patch(picture, region)
            found = None if patch is None else self._find(patch, region)
            if found is None:
                return None
            region = found
        return None if patch is None else (patch, region)

    def _drop(self, frame: SourceFrame) -> list[LiveTrack]:
        """End tracks that have been lost too long, have left the picture or sit on another track's face."""
        ended: list[LiveTrack] = []
        for track in self._live:
            x, y = track.regions[-1][:2]
            outside = not (0 <= x < frame.picture.width and 0 <= y < frame.picture.height)
            gone = track.lost and (outside or frame.time - track.seen_time > self._settings.gap)
            if gone or self._doubles(track):
                track.ended = True
                ended.append(track)
        self._live = [t for t in self._live if not t.ended]
        return ended

    def _doubles(self, track: LiveTrack) -> bool:
        """Whether an older track that is not lost lies on the same face."""
        older: Iterator[LiveTrack] = (t for t in self._live if t.number < track.number and not t.lost and not t.ended)
        return any(float(roi.overlap(track.box, other.box)[0, 0]) > 0.55 for other in older)


def _best_pairs(shared: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pairing of rows with columns that shares most; SciPy's solver is slow to load and not needed for one face."""
    if 1 in shared.shape:
        row, column = np.unravel_index(int(np.argmax(shared)), shared.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(-shared), strict=True)]
