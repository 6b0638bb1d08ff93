"""The folders that hold model files, and the check that a file is the pinned one.

`LIPWRIGHT_MODEL_DIR`, when set, is looked in first and written to: a container image or a shared disk can carry the
files, and files placed there by hand are taken like fetched ones. Otherwise the user's cache folder is used.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import platformdirs

from lipwright.errors import ModelFileError
from lipwright.models.sources import ModelFile
from lipwright.progress import Progress

MODEL_DIR_VARIABLE = "LIPWRIGHT_MODEL_DIR"


def model_folders() -> tuple[Path, ...]:
    """The folders to look in, in order; files are fetched into the first."""
    cache = platformdirs.user_cache_path("lipwright") / "models"
    chosen = os.environ.get(MODEL_DIR_VARIABLE, "")
    return (Path(chosen).expanduser(), cache) if chosen else (cache,)


class Verifier:
    """Checks files against their pins; a file is hashed once per process unless it changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._good: set[tuple[str, int, int, str]] = set()

    def present(self, file: ModelFile, path: Path) -> bool:
        """Whether `path` exists with the right size (cheap: no hashing)."""
        try:
            return path.is_file() and path.stat().st_size == file.size
        except OSError:
            return False

    def require(self, file: ModelFile, path: Path) -> None:
        """Raise `ModelFileError` unless the bytes at `path` are those pinned for `file`."""
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns, file.sha256)
        with self._lock:
            if key in self._good:
                return
        if stat.st_size != file.size or sha256_of(path) != file.sha256:
            raise ModelFileError(
                f"The model file {path} is damaged or not the pinned version; "
                f"delete it and run `lipwright models fetch {file.name}`.",
                field=file.name,
            )
        with self._lock:
            self._good.add(key)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def folder_lock(folder: Path, progress: Progress, limit_s: float = 1800.0) -> Iterator[None]:
    """Hold `folder` for this process; a second process waits for its turn (cancellable).

    The lock is the operating system's, on an open file: it ends with the process, however that dies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + limit_s
    with (folder / ".lock").open("a+b") as stream:
        while not _try_lock(stream):
            progress.check()
            if time.monotonic() > give_up:
                raise ModelFileError(f"Another process has been fetching into {folder} for {limit_s:.0f} s.")
            time.sleep(0.1)
        yield  # closing the file gives the lock back


if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: IO[bytes]) -> bool:
        try:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(stream: IO[bytes]) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
