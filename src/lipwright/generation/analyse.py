"""Face analysis of a video file, kept for the next generation of the same video."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from lipwright.faces.analysis import FaceAnalysis, analyse
from lipwright.faces.cache import FaceCache
from lipwright.faces.store import Store
from lipwright.generation.memory import steady
from lipwright.generation.ranges import Range
from lipwright.generation.threads import one_thread_each
from lipwright.media.guard import Limits
from lipwright.media.info import MediaInfo
from lipwright.media.reader import open_reader
from lipwright.progress import Progress

_log = logging.getLogger(__name__)


def faces_on(
    path: Path,
    info: MediaInfo,
    ranges: Sequence[Range],
    progress: Progress,
    cache: FaceCache | None = None,
    limits: Limits | None = None,
) -> FaceAnalysis:
    """The faces on source frames `ranges` of the video at `path`; what `cache` holds is not looked at again."""
    steady()
    with one_thread_each(), open_reader(path, info, limits) as reader:
        return analyse(reader, ranges, progress=progress, cache=_entry(cache, path))


def faces_kept(
    path: Path,
    info: MediaInfo,
    ranges: Sequence[Range],
    progress: Progress,
    store: Store,
    cache: FaceCache | None = None,
    limits: Limits | None = None,
) -> FaceAnalysis:
    """The same, and everything that it is made from is in `store` afterwards."""
    entry = _entry(cache, path)
    steady()
    with one_thread_each(), open_reader(path, info, limits) as reader:
        if entry is not None:
            analyse(reader, ranges, progress=progress, cache=entry)
            store.copy_from(entry, ranges)
        return analyse(reader, ranges, progress=progress, cache=store)


def _entry(cache: FaceCache | None, path: Path) -> Store | None:
    """The place of the video in the cache; None, which means no cache, where that cannot be used."""
    if cache is None:
        return None
    try:
        return cache.entry(path)
    except OSError as error:
        _log.warning("analyses are not kept, the cache cannot be used: %s", error)
        return None
