"""Objects in a bucket (S3 and what speaks its language, GCS, Azure), or in memory, through obstore.

A bucket already shows an upload complete or not at all: a small one goes up in one request, a large one in parts that
become an object when the writer is closed, which is done only after the last byte. Parts of an upload that broke off
stay in the bucket, unseen, and no command here can find them: give the bucket a lifecycle rule that aborts incomplete
multipart uploads.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import suppress
from datetime import timedelta
from mimetypes import guess_type
from typing import TYPE_CHECKING, Literal

import obstore

from lipwright.service.storage.faults import ObjectMissing, ObjectTooLarge, storage_faults
from lipwright.service.storage.keys import checked, checked_prefix
from lipwright.service.storage.objects import BLOCK, Objects, Stored

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

    Bucket = AzureStore | GCSStore | S3Store

_PART = 5 * 1024 * 1024  # the smallest S3 takes; 10 000 of them are the largest object
_PARTS_AT_ONCE = 4


class BucketObjects(Objects):
    """Objects in `store`.

    Args:
        store: the bucket, with its prefix.
        signer: the same bucket by the address that users know; None where links cannot be signed.
    """

    def __init__(self, store: Bucket | MemoryStore, signer: Bucket | None = None) -> None:
        self._store = store
        self._signer = signer

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes], max_bytes: int | None = None) -> int:
        kind, _ = guess_type(checked(key))  # links to a bucket are answered by the bucket, which must know the type
        writer = obstore.open_writer_async(
            self._store,
            key,
            attributes={"Content-Type": kind or "application/octet-stream"},
            buffer_size=_PART,
            max_concurrency=_PARTS_AT_ONCE,
        )
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                raise ObjectTooLarge(key, max_bytes)
            with storage_faults("stored", key):
                await writer.write(chunk)
        with storage_faults("stored", key):
            await writer.close()
        return size

    async def stream(self, key: str, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        checked(key)
        if stop is not None and start >= stop:  # no range of HTTP is empty
            if await self.head(key) is None:
                raise ObjectMissing(key)
            return
        options: GetOptions = {}
        if stop is not None:
            options["range"] = (start, stop)
        elif start > 0:
            options["range"] = {"offset": start}
        with storage_faults("read", key, missing=True):
            blocks = (await obstore.get_async(self._store, key, options=options)).stream(BLOCK)
        while True:
            with storage_faults("read", key):
                block = await anext(blocks, None)
            if block is None:
                return
            yield bytes(block)

    async def head(self, key: str) -> Stored | None:
        checked(key)
        try:
            with storage_faults("looked up", key, missing=True):
                return _stored(await obstore.head_async(self._store, key))
        except ObjectMissing:
            return None

    async def promote(self, source_key: str, target_key: str) -> None:
        try:
            if checked(source_key) == checked(target_key):
                raise ObjectMissing(source_key)  # a copy to itself and a deletion would lose it
            with storage_faults("moved", source_key, missing=True):
                await obstore.rename_async(self._store, source_key, target_key)
        except ObjectMissing:
            if await self.head(target_key) is None:
                raise

    async def delete(self, key: str) -> None:
        await self._delete_all([checked(key)])

    async def list(self, prefix: str = "") -> AsyncGenerator[Stored, None]:
        prefix = checked_prefix(prefix)
        pages = obstore.list(self._store, prefix or None, chunk_size=1000)
        while True:
            with storage_faults("listed", prefix):
                page = await anext(pages, None)
            if page is None:
                return
            for meta in page:
                yield _stored(meta)

    def presign(self, method: Literal["GET", "PUT"], key: str, expires_in: timedelta) -> str | None:
        if self._signer is None:
            return None
        with storage_faults("linked to", key):
            return obstore.sign(self._signer, method, checked(key), expires_in)

    async def _delete_all(self, keys: Sequence[str]) -> None:
        with storage_faults("deleted", keys[0]), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, keys)


def _stored(meta: ObjectMeta) -> Stored:
    etag = meta["e_tag"] or f'"{meta["last_modified"].timestamp()}-{meta["size"]}"'
    return Stored(meta["path"], meta["size"], meta["last_modified"], etag)
