"""Where uploads and results lie: one interface, whatever the store is.

The HTTP service and the workers hold an `Objects` and do not know whether it is a folder (one machine), a bucket (many)
or memory (tests). The promises are the same for all:

* An object appears complete or not at all, also when a process is killed while it writes one.
* Bytes pass through in constant memory.
* What is done twice (a job that is run again after a crash) gives what it gave once.

`FolderObjects` and `BucketObjects` keep them, each in its own way; `open_objects` picks one by a URL. What can be said
in terms of the other methods is said here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import RawIOBase
from pathlib import Path
from typing import Literal

from lipwright.media.atomic import PendingFile
from lipwright.service.storage.faults import ObjectMissing, ObjectTooLarge
from lipwright.service.storage.threads import in_thread

__all__ = ["ObjectMissing", "ObjectTooLarge", "Objects", "Stored"]


#: How much of an object is in memory at a time while it passes through.
BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of an object without reading it."""

    key: str
    size: int
    modified: datetime
    #: Changes when the object is replaced; with its quotation marks, as HTTP has it.
    etag: str


class Objects(ABC):
    """A store of objects.

    Every method raises `ValueError` for what is not a key and `OutputError` when the store fails; those that need the
    object raise `ObjectMissing` when it is not there.
    """

    @abstractmethod
    async def put_stream(self, key: str, chunks: AsyncIterable[bytes], max_bytes: int | None = None) -> int:
        """Store what `chunks` yields; the number of bytes. What `chunks` raises is passed on, and nothing is stored.

        Raises:
            ObjectTooLarge: as soon as there are more than `max_bytes`.
        """

    @abstractmethod
    def stream(self, key: str, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` (which the object must have, or be empty) up to, not including, `stop`.

        Close it (`contextlib.aclosing`) if you leave before its end.

        Raises:
            ObjectMissing: at the first step.
        """

    @abstractmethod
    async def head(self, key: str) -> Stored | None:
        """What is known of the object; None if there is none."""

    @abstractmethod
    async def promote(self, source_key: str, target_key: str) -> None:
        """Move an object, over an older one of that name. If only the target is there, it was moved already.

        Raises:
            ObjectMissing: if neither is there.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete the object; nothing happens if there is none."""

    @abstractmethod
    def list(self, prefix: str = "") -> AsyncGenerator[Stored, None]:
        """The objects in the folder `prefix` and below, in no particular order."""

    async def put_file(self, key: str, path: Path) -> None:
        """Store the file at `path`, which must not be written to afterwards: a folder on the same disk links to it.

        Raises:
            FileNotFoundError: if there is no such file.
        """
        with await in_thread(path.open, "rb", buffering=0) as file:
            await self.put_stream(key, _blocks(file))

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Store `data`."""

        async def chunks() -> AsyncGenerator[bytes, None]:
            yield data

        await self.put_stream(key, chunks())

    async def get_bytes(self, key: str, max_bytes: int) -> bytes:
        """The whole object.

        Raises:
            ObjectTooLarge: if it has more than `max_bytes`.
        """
        data = bytearray()
        async with aclosing(self.stream(key)) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > max_bytes:
                    raise ObjectTooLarge(key, max_bytes)
        return bytes(data)

    async def fetch(self, key: str, path: Path) -> None:
        """Copy the object to the file `path`, which appears complete or not at all."""
        with PendingFile(path) as pending:
            async with aclosing(self.stream(key)) as chunks:
                async for chunk in chunks:
                    await in_thread(pending.write, chunk)
            await in_thread(pending.commit)

    async def delete_prefix(self, prefix: str) -> int:
        """Delete all objects in the folder `prefix`; how many there were.

        Raises:
            ValueError: also for the empty prefix; the whole store is never meant.
        """
        if not prefix:
            raise ValueError("A prefix is needed to delete what is in it.")
        # Deleting while listing may skip objects, so each round lists anew until nothing is left.
        deleted = 0
        while found := [stored.key async for stored in self.list(prefix)]:
            await self._delete_all(found)
            deleted += len(found)
        return deleted

    async def sweep(self, older_than_seconds: float) -> int:
        """Remove what killed processes left behind and nobody wrote to for so long; how many files."""
        return 0

    def local_path(self, key: str) -> Path | None:
        """The file that is the object, to be read only, where the store is a folder; it need not exist."""
        return None

    def presign(self, method: Literal["GET", "PUT"], key: str, expires_in: timedelta) -> str | None:
        """A URL with which anybody can read or write the object at the store itself; None where stores have none."""
        return None

    async def _delete_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            await self.delete(key)


async def _blocks(file: RawIOBase) -> AsyncGenerator[bytes, None]:
    while block := await in_thread(file.read, BLOCK):
        yield block
