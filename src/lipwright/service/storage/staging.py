"""A file of a local store before it is an object.

It lies in a folder of its own, away from the objects, so that listing never meets it and sweeping need not search for
it; a rename on the same disk makes it an object. (obstore's own local store writes `NAME#1` beside the object, does not
flush to disk before it renames, and leaves empty folders when a write fails.)

Folders are made when needed and removed when empty, by several processes at once. So a folder can vanish between its
making and the rename into it; `into_place` then makes it again.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

_ATTEMPTS = 20


class StagedFile:
    """A new file in `folder`; `publish` gives it its place, `discard` removes it if it has none."""

    def __init__(self, folder: Path) -> None:
        self._path = fresh_name(folder)
        self._file = self._path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append `data`."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def publish(self, target: Path, root: Path) -> None:
        """Flush the file and make it `target`, below `root`, in place of an older one."""
        os.fsync(self._file.fileno())
        self._file.close()
        into_place(self._path, target, root)

    def discard(self) -> None:
        """Forget the file unless it was published; harmless to call twice."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def fresh_name(folder: Path) -> Path:
    """A name in the staging folder that nobody else has."""
    folder.mkdir(exist_ok=True)
    return folder / secrets.token_hex(16)


def into_place(source: Path, target: Path, root: Path) -> None:
    """Rename `source` to `target`, with the folders below `root` that this needs, and make the names durable."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
            break
        except (FileNotFoundError, FileExistsError):  # the latter from mkdir, when the folder is gone as it looks again
            if attempt == _ATTEMPTS or not source.exists():
                raise
    folder = target.parent
    while folder.is_relative_to(root):
        # Another process may have moved the object on already; Windows opens no folders.
        with suppress(FileNotFoundError, PermissionError):
            sync(folder)
        folder = folder.parent


def sync(path: Path) -> None:
    """Flush the content of a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune(folder: Path, root: Path) -> None:
    """Remove `folder` and those above it, below `root`, as far as they are empty."""
    with suppress(OSError):
        while folder != root:
            folder.rmdir()
            folder = folder.parent
