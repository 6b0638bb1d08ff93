"""Objects as files in a folder: the store of one machine, or of several that share a file system.

The key is the path, so an operator finds a result with `ls` and a worker reads an upload where it lies, uncopied. New
bytes go to a staging folder and get their name by a rename after they are flushed to disk (`staging`); a file of the
same disk gets its second name by a hard link, which costs nothing however long the video is. File work runs in threads
in blocks of a megabyte, so that a busy disk does not stop the event loop and a cancelled request stops soon.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from itertools import islice
from pathlib import Path

from lipwright.service.storage.faults import ObjectMissing, ObjectTooLarge, storage_faults
from lipwright.service.storage.keys import STAGING, checked, checked_prefix
from lipwright.service.storage.objects import BLOCK, Objects, Stored
from lipwright.service.storage.staging import StagedFile, fresh_name, into_place, prune, sync
from lipwright.service.storage.threads import in_thread

_LISTED_AT_ONCE = 256


class FolderObjects(Objects):
    """Objects in the folder `root`, which is made if it is not there.

    Raises:
        OutputError: if it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        with storage_faults("opened", str(root)):
            root.mkdir(parents=True, exist_ok=True)
            self.root = root.resolve(strict=True)
        self._staging = self.root / STAGING

    async def put_file(self, key: str, path: Path) -> None:
        target = self.local_path(key)
        source = await in_thread(path.resolve, strict=True)  # linking a symbolic link would store the link
        if not await in_thread(self._link, source, target):
            await super().put_file(key, source)

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes], max_bytes: int | None = None) -> int:
        target = self.local_path(key)
        with storage_faults("stored", key):
            staged = await in_thread(StagedFile, self._staging)
        size = 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if max_bytes is not None and size > max_bytes:
                    raise ObjectTooLarge(key, max_bytes)
                with storage_faults("stored", key):
                    await in_thread(staged.write, chunk)
            with storage_faults("stored", key):
                await in_thread(staged.publish, target, self.root)
        finally:
            staged.discard()
        return size

    async def stream(self, key: str, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        path = self.local_path(key)
        with storage_faults("read", key, missing=True):
            file = await in_thread(_open, path, start)
        with file:
            while stop is None or start < stop:
                with storage_faults("read", key):
                    block = await in_thread(file.read, BLOCK if stop is None else min(BLOCK, stop - start))
                if not block:
                    return
                start += len(block)
                yield block

    async def head(self, key: str) -> Stored | None:
        path = self.local_path(key)
        with storage_faults("looked up", key):
            return await in_thread(_stored, key, path)

    async def promote(self, source_key: str, target_key: str) -> None:
        source, target = self.local_path(source_key), self.local_path(target_key)

        def move() -> None:
            if _stored(source_key, source) is None:
                if _stored(target_key, target) is None:
                    raise ObjectMissing(source_key)
                return
            into_place(source, target, self.root)
            prune(source.parent, self.root)

        with storage_faults("moved", source_key):
            await in_thread(move)

    async def delete(self, key: str) -> None:
        path = self.local_path(key)

        def remove() -> None:
            if _stored(key, path) is not None:
                path.unlink(missing_ok=True)
            prune(path.parent, self.root)

        with storage_faults("deleted", key):
            await in_thread(remove)

    async def list(self, prefix: str = "") -> AsyncGenerator[Stored, None]:
        prefix = checked_prefix(prefix)
        found = self._walk(self.root / prefix)
        while True:
            with storage_faults("listed", prefix):
                some = await in_thread(lambda: [*islice(found, _LISTED_AT_ONCE)])
            if not some:
                return
            for stored in some:
                yield stored

    async def sweep(self, older_than_seconds: float) -> int:
        with storage_faults("swept", STAGING):
            return await in_thread(self._sweep, time.time() - older_than_seconds)

    def local_path(self, key: str) -> Path:
        path = self.root / checked(key)
        if not path.is_relative_to(self.root):  # a key with a drive letter, on Windows
            raise ValueError(f"The object key {key!r} leads out of the store.")
        return path

    def _link(self, source: Path, target: Path) -> bool:
        """Give the file a second name, in the store; False where the file system does not."""
        if os.name == "nt" or not source.is_file():  # Windows cannot flush a file that is open for reading
            return False
        # Link to a free name, then rename: only that replaces an older object at once.
        name = fresh_name(self._staging)
        try:
            sync(source)
            name.hardlink_to(source)
            into_place(name, target, self.root)
        except OSError:  # another disk, or too many links; what is really wrong, copying will say
            return False
        finally:
            name.unlink(missing_ok=True)  # renaming one name of a file to another of its names leaves both
        return True

    def _walk(self, folder: Path) -> Iterator[Stored]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path = Path(entry.path)
            if path == self._staging:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path)
            elif stored := _stored(path.relative_to(self.root).as_posix(), path):
                yield stored

    def _sweep(self, before: float) -> int:
        removed = 0
        for path in self._staging.iterdir() if self._staging.is_dir() else ():
            with suppress(FileNotFoundError):
                facts = path.stat()
                if max(facts.st_mtime, facts.st_ctime) < before:  # a link has the modification time of its file
                    path.unlink()
                    removed += 1
        for folder, _, _ in os.walk(self.root, topdown=False):
            if Path(folder) not in (self.root, self._staging):
                with suppress(OSError):  # not empty, or just gone
                    Path(folder).rmdir()
        return removed


def _open(path: Path, start: int) -> FileIO:
    try:
        file = path.open("rb", buffering=0)
    except (NotADirectoryError, IsADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, "there is no such file") from error
    file.seek(start)
    return file


def _stored(key: str, path: Path) -> Stored | None:
    try:
        facts = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    etag = f'"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"'
    return Stored(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC), etag)
