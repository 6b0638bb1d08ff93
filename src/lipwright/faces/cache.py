"""Analyses kept on disk, by the content of the video and of everything that made them.

The key is the video file's SHA-256 together with the model files' hashes, the algorithm's version and its settings: a
renamed copy of a video hits, an edited video or a new model misses. Within an entry, ranges add up: a second job on
other frames of the video analyses only what is missing. The cache is bounded; entries longest unused go first.

An entry holds pieces exactly as they were analysed, so the same sequence of jobs finds the same numbers. (A frame near
the edge of an analysed range has neighbours on one side only; analysed in a longer range, its landmarks would differ by
some hundredths of a pixel.)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import platformdirs

from lipwright.faces.canonical import GEOMETRY
from lipwright.faces.detector import DETECTOR
from lipwright.faces.mesh import BLENDSHAPES, MESH
from lipwright.faces.rows import ROW
from lipwright.faces.store import Store
from lipwright.faces.tracks import TrackerSettings
from lipwright.models.registry import model_path

CACHE_DIR_VARIABLE: Final = "LIPWRIGHT_CACHE_DIR"
ALGORITHM: Final = 2
"""Raise it with every change that changes an analysis."""

DEFAULT_BYTES: Final = 2 << 30

_BLOCK: Final = 1 << 20
_IN_USE_SECONDS: Final = 3600.0


class FaceCache:
    """Face analyses under one folder, at most `max_bytes` of them (a bound that the newest entry may exceed)."""

    def __init__(self, folder: Path | None = None, *, max_bytes: int = DEFAULT_BYTES) -> None:
        """`folder` defaults to "faces" in LIPWRIGHT_CACHE_DIR or in the user's cache folder."""
        self.folder = folder or default_cache_folder()
        self._max_bytes = max_bytes

    def entry(self, video: Path, settings: TrackerSettings | None = None) -> Store:
        """The store for analyses of the file `video`; pass it to `analyse` as `cache`.

        Reads the whole file once to hash it. Makes room in the cache first. Raises `OSError` if the video cannot be
        read or the folder not be written.
        """
        return self.entry_for(file_digest(video), settings)

    def entry_for(self, digest: str, settings: TrackerSettings | None = None) -> Store:
        """The store for a video of this SHA-256 (hex digits)."""
        path = self.folder / analysis_key(digest, settings or TrackerSettings())
        store = Store(path)
        # The folder's time of change is when the entry was last used.
        os.utime(path)
        self.trim(keep=path)
        return store

    def trim(self, keep: Path | None = None) -> None:
        """Remove the entries longest unused until the cache is within its bound; those used within the hour stay.

        A running job has its files mapped or is writing them: an entry in use must not vanish under it.
        """
        entries = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                with suppress(OSError):
                    entries.append((path.stat().st_mtime, _bytes_under(path), path))
        total = sum(size for _, size, _ in entries)
        for used, size, path in sorted(entries):
            if total <= self._max_bytes:
                return
            if path != keep and time.time() - used > _IN_USE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
                total -= size

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def default_cache_folder() -> Path:
    """Where analyses are kept if nothing else is said."""
    chosen = os.environ.get(CACHE_DIR_VARIABLE, "")
    base = Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("lipwright")
    return base / "faces"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content as hex digits, in constant memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def analysis_key(digest: str, settings: TrackerSettings) -> str:
    """The name of an entry: everything that an analysis depends on, hashed."""
    models = [file_digest(model_path(name)) for name in (DETECTOR, MESH, BLENDSHAPES, GEOMETRY)]
    parts = [digest, *models, str(ALGORITHM), repr(sorted(asdict(settings).items())), repr(ROW.descr)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]


def _bytes_under(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
