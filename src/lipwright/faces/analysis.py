"""Face analysis of a video: all tracks, with landmarks and pose, in one decode and constant memory.

Frames stream through three stages: cuts (two frames of look-ahead), the first pass that follows each face, and the
second pass that takes the landmarks in a time-smoothed region. The second pass runs a few frames behind the first on
the small patches of pixels that the first kept, in a second thread; its rows go to disk. What comes back maps these
files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lipwright.faces import refine
from lipwright.faces.assemble import build_tracks
from lipwright.faces.cuts import CutFinder
from lipwright.faces.refine import Refiner, RowSink
from lipwright.faces.rows import RowFile, Rows
from lipwright.faces.source import FrameSource
from lipwright.faces.store import Piece, Store, scratch_store
from lipwright.faces.track import FaceTrack
from lipwright.faces.tracks import FaceTracker, LiveTrack, TrackerSettings
from lipwright.progress import Progress

PHASE = "faces"
_IN_FLIGHT = 6


@dataclass(frozen=True, slots=True)
class FaceAnalysis:
    """The faces of the analysed ranges of a video.

    Attributes:
        tracks: ordered by id; 1 is the most prominent (largest and longest on screen).
        cuts: frames inside the ranges that start a new shot.
        size: width and height in display pixels; (0, 0) if no frame was read.
        ranges: the half-open frame ranges that were analysed, sorted and merged.
        keep: the folder of the cache in which this video's analyses lie; None if they are not kept.
    """

    tracks: tuple[FaceTrack, ...]
    cuts: tuple[int, ...]
    size: tuple[int, int]
    ranges: tuple[tuple[int, int], ...]
    keep: Path | None = field(default=None, compare=False)
    # Keeps the files behind the memory-mapped tracks alive.
    _store: object = field(default=None, repr=False, compare=False)

    def track(self, identity: int) -> FaceTrack | None:
        """The track with id `identity`, or None."""
        return next((t for t in self.tracks if t.id == identity), None)

    def on(self, frame: int) -> list[tuple[FaceTrack, int]]:
        """The tracks that show on source frame `frame`, with their rows."""
        return [(t, row) for t in self.tracks if (row := t.row(frame)) >= 0]


def analyse(
    source: FrameSource,
    ranges: Sequence[tuple[int, int]],
    *,
    progress: Progress | None = None,
    cache: Store | None = None,
    settings: TrackerSettings | None = None,
) -> FaceAnalysis:
    """Find and follow every face in the half-open frame `ranges` of `source`.

    Only what `cache` does not hold yet is read. `progress` is told of every frame (phase "faces") and can cancel.
    Raises what the source raises, `ModelFileError` without models, `Cancelled`. A video without faces gives no tracks.
    """
    progress = progress or Progress()
    settings = settings or TrackerSettings()
    store = cache or scratch_store()
    wanted = merge_ranges(ranges)
    missing = subtract_ranges(wanted, [(p.start, p.stop) for p in store.pieces()])
    total = sum(b - a for a, b in missing)
    done = 0
    for start, stop in missing:
        with store.new_piece(start, stop) as draft:
            size, cuts = _run(source, start, stop, draft.path, settings, progress, done, total)
            draft.finish(size, cuts)
        done += stop - start
    if total == 0:
        progress.advance(PHASE, 0, 0)
    return _stored(store, wanted, store.folder if cache is not None else None)


def analysed(store: Store, ranges: Sequence[tuple[int, int]]) -> FaceAnalysis | None:
    """What `analyse` gives for `ranges` from `store` alone; None if it does not hold all of them."""
    wanted = merge_ranges(ranges)
    if subtract_ranges(wanted, [(p.start, p.stop) for p in store.pieces()]):
        return None
    return _stored(store, wanted)


def _stored(store: Store, wanted: list[tuple[int, int]], keep: Path | None = None) -> FaceAnalysis:
    """The analysis of merged ranges that `store` holds."""
    pieces = store.pieces()
    tracks = build_tracks(pieces, wanted)
    cuts_found = sorted({c for p in pieces for c in p.cuts if any(a <= c < b for a, b in wanted)})
    return FaceAnalysis(tracks, tuple(cuts_found), _size(pieces), tuple(wanted), keep, store)


def merge_ranges(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, non-empty, not touching half-open ranges with the same frames."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(r for r in ranges if r[1] > r[0]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def subtract_ranges(wanted: Sequence[tuple[int, int]], have: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of `wanted` that `have` does not cover."""
    left: list[tuple[int, int]] = []
    for start, stop in merge_ranges(wanted):
        at = start
        for a, b in merge_ranges(have):
            if b <= at or a >= stop:
                continue
            if a > at:
                left.append((at, a))
            at = max(at, b)
        if at < stop:
            left.append((at, stop))
    return left


def _size(pieces: Sequence[Piece]) -> tuple[int, int]:
    return next((p.size for p in pieces if p.size != (0, 0)), (0, 0))


def _run(
    source: FrameSource,
    start: int,
    stop: int,
    folder: Path,
    settings: TrackerSettings,
    progress: Progress,
    done: int,
    total: int,
) -> tuple[tuple[int, int], list[int]]:
    """Analyse one range into row files in `folder`; returns the picture's size and the cuts."""
    tracker = FaceTracker(settings)
    cuts: list[int] = []
    size = (0, 0)
    with SecondPass(folder, settings.min_presence) as second:
        for count, (frame, cut) in enumerate(CutFinder().mark(source.frames(start, stop))):
            size = (frame.picture.width, frame.picture.height)
            if cut:
                cuts.append(frame.index)
            second.take(tracker.step(frame, restart=cut or count == 0))
            second.take(tracker.live)
            progress.advance(PHASE, done + count + 1, total)
        second.take(tracker.finish())
    return size, cuts


class SecondPass:
    """Runs second-pass looks one thread further on and writes their rows in order.

    The queue is bounded, so that the first pass cannot run away; results are taken in the order given, so that the
    files are the same whatever the timing.
    """

    def __init__(self, folder: Path, min_presence: float) -> None:
        self._folder = folder
        self._refiner = Refiner(min_presence)
        self._pool = ThreadPoolExecutor(1, "faces-second-pass")
        self._waiting: deque[tuple[int, Future[Rows]]] = deque()
        self._sinks: dict[int, RowSink] = {}

    def __enter__(self) -> SecondPass:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._drain(0)
        self._pool.shutdown(cancel_futures=True)
        for sink in self._sinks.values():
            sink.close()
        self._sinks.clear()

    def take(self, tracks: Sequence[LiveTrack]) -> None:
        """Queue the looks that are due on these tracks."""
        for track in tracks:
            for look in refine.due(track):
                self._waiting.append((track.number, self._pool.submit(self._refiner.take, look)))
        self._drain(_IN_FLIGHT)

    def _drain(self, keep: int) -> None:
        """Write finished rows until at most `keep` are outstanding."""
        while len(self._waiting) > keep:
            number, future = self._waiting.popleft()
            sink = self._sinks.get(number)
            if sink is None:
                sink = self._sinks[number] = RowSink(RowFile(self._folder / f"{number:05d}.rows"))
            sink.add(future.result())
