"""What every store promises, on a folder, in memory and on a real S3 server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lipwright.errors import OutputError
from lipwright.service.storage.objects import ObjectMissing, Objects, ObjectTooLarge

pytestmark = pytest.mark.anyio

LARGE = 12 * 1024 * 1024  # three parts of an upload
KEYS = ("a", "uploads/3f/talk.mp4", "uploads/ü b/日本 (1) #?%2f&+~.mp4", "j/7#1")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(objects: Objects, key: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in objects.stream(key, start, stop)])


async def keys(objects: Objects, prefix: str = "") -> list[str]:
    return sorted([stored.key async for stored in objects.list(prefix)])


@pytest.mark.parametrize("key", KEYS)
async def test_what_is_put_is_there(objects: Objects, key: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    assert await objects.head(key) is None
    await objects.put_bytes(key, b"some bytes")
    assert await objects.get_bytes(key, 10) == b"some bytes"
    stored = await objects.head(key)
    assert stored is not None
    assert (stored.key, stored.size) == (key, 10)
    assert before <= stored.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert stored.etag.startswith('"')
    assert stored.etag.endswith('"')
    assert await keys(objects) == [key]
    await objects.delete(key)
    assert await objects.head(key) is None
    assert await keys(objects) == []


async def test_a_new_version_replaces_the_old_one(objects: Objects, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"second")
    await objects.put_bytes("a/b", b"1")
    old = await objects.head("a/b")
    await objects.put_file("a/b", file)
    await objects.put_file("a/b", file)  # a job that is run again
    assert await read(objects, "a/b") == b"second"
    new = await objects.head("a/b")
    assert old is not None
    assert new is not None
    assert old.etag != new.etag
    assert file.read_bytes() == b"second"
    assert await objects.sweep(0) == 0


async def test_nothing_and_much_can_be_stored(objects: Objects, tmp_path: Path) -> None:
    await objects.put_bytes("none", b"")
    assert await read(objects, "none") == b""
    assert await objects.put_stream("nothing", chunks()) == 0
    assert await objects.put_stream("empty chunks", chunks(b"", b"a", b"", b"b")) == 2
    assert await read(objects, "empty chunks") == b"ab"
    much = bytes(range(256)) * (LARGE // 256)
    assert await objects.put_stream("much", chunks(*(much[i : i + 700_000] for i in range(0, LARGE, 700_000)))) == LARGE
    await objects.fetch("much", tmp_path / "much")
    assert (tmp_path / "much").read_bytes() == much
    assert await read(objects, "much", 5_000_000, 5_000_300) == much[5_000_000:5_000_300]


async def test_parts_are_read(objects: Objects) -> None:
    await objects.put_bytes("a", b"0123456789")
    spans = [(0, None), (0, 1), (3, 7), (9, None), (9, 10), (5, 99), (4, 4)]
    assert [await read(objects, "a", *span) for span in spans] == [
        *(b"0123456789", b"0", b"3456", b"9", b"9", b"56789", b"")
    ]
    async with aclosing(objects.stream("a")) as stream:
        assert await anext(stream)  # and left before its end


async def test_an_object_that_is_missing_is_told_apart_from_a_failure(objects: Objects, tmp_path: Path) -> None:
    await objects.put_bytes("a/b", b"x")
    for key in ("c", "a", "a/b/c", "a/bc"):
        assert await objects.head(key) is None
        with pytest.raises(ObjectMissing):
            await read(objects, key)
        with pytest.raises(ObjectMissing):
            await read(objects, key, 3, 3)
        with pytest.raises(ObjectMissing):
            await objects.fetch(key, tmp_path / "file")
        with pytest.raises(ObjectMissing):
            await objects.promote(key, "d")
        await objects.delete(key)
    assert list(tmp_path.glob("file*")) == []
    assert await read(objects, "a/b") == b"x"


async def test_more_than_allowed_is_neither_stored_nor_read(objects: Objects) -> None:
    assert await objects.put_stream("a", chunks(b"12345", b"67890"), 10) == 10
    with pytest.raises(ObjectTooLarge):
        await objects.put_stream("a", chunks(b"12345", b"67890", b"1"), 10)
    with pytest.raises(ObjectTooLarge):
        await objects.put_stream("b", chunks(*[bytes(1_000_000)] * 12), 11_999_999)
    with pytest.raises(ObjectTooLarge):
        await objects.get_bytes("a", 9)
    assert await read(objects, "a") == b"1234567890"
    assert await keys(objects) == ["a"]


@pytest.mark.parametrize("size", [10, LARGE])
async def test_an_upload_that_breaks_off_leaves_nothing_to_see(objects: Objects, size: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise ConnectionAbortedError("the client is gone")

    await objects.put_bytes("old", b"old")
    for key in ("new", "old"):
        with pytest.raises(ConnectionAbortedError, match="the client is gone"):
            await objects.put_stream(key, broken())
    assert await keys(objects) == ["old"]
    assert await read(objects, "old") == b"old"
    assert await objects.sweep(0) == 0


async def test_an_upload_that_is_cancelled_leaves_nothing_to_see(objects: Objects) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)
            started.set()
            await asyncio.sleep(0)

    upload = asyncio.create_task(objects.put_stream("a/b", endless()))
    await started.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await keys(objects) == []
    assert await objects.sweep(0) == 0


async def test_promoting_moves_and_may_be_repeated(objects: Objects) -> None:
    await objects.put_bytes("tmp/7/out.mp4", b"result")
    await objects.put_bytes("jobs/7/out.mp4", b"older")
    await objects.promote("tmp/7/out.mp4", "jobs/7/out.mp4")
    await objects.promote("tmp/7/out.mp4", "jobs/7/out.mp4")
    assert await keys(objects) == ["jobs/7/out.mp4"]
    assert await read(objects, "jobs/7/out.mp4") == b"result"
    await objects.promote("jobs/7/out.mp4", "jobs/7/out.mp4")
    assert await read(objects, "jobs/7/out.mp4") == b"result"


async def test_a_prefix_is_a_folder(objects: Objects) -> None:
    for key in ("jobs/8", "jobs/70/a", "jobs/7x", "other"):
        await objects.put_bytes(key, b"x")
    for key in ("jobs/7/a", "jobs/7/b/c", "jobs/7/b/d"):
        await objects.put_bytes(key, b"xy")
    assert await keys(objects, "jobs/7") == await keys(objects, "jobs/7/") == ["jobs/7/a", "jobs/7/b/c", "jobs/7/b/d"]
    assert [stored.size async for stored in objects.list("jobs/7/b")] == [2, 2]
    assert await keys(objects, "none/such") == []
    assert await objects.delete_prefix("jobs/7") == 3
    assert await objects.delete_prefix("jobs/7") == 0
    assert await keys(objects) == ["jobs/70/a", "jobs/7x", "jobs/8", "other"]
    with pytest.raises(ValueError, match="prefix"):
        await objects.delete_prefix("")


async def test_many_objects_are_listed_and_deleted(objects: Objects, address: tuple[str, dict[str, str]]) -> None:
    if "/some/" in address[0]:
        pytest.skip("the same as without a prefix")
    names = [f"many/{i % 7}/{i:04}" for i in range(1050)]  # more than S3 tells or deletes at a time
    for i in range(0, len(names), 100):
        await asyncio.gather(*(objects.put_bytes(name, b"x") for name in names[i : i + 100]))
    assert await keys(objects, "many") == sorted(names)
    assert await objects.delete_prefix("many") == len(names)
    assert await keys(objects) == []


async def test_what_is_not_a_key_is_refused_everywhere(objects: Objects, tmp_path: Path) -> None:
    for key in ("", "/etc/passwd", "../a", "a/../../b", "a\0b"):
        for attempt in (
            objects.put_bytes(key, b"x"),
            objects.put_file(key, Path(__file__)),
            objects.get_bytes(key, 10),
            objects.fetch(key, tmp_path / "file"),
            objects.head(key),
            objects.promote(key, "b"),
            objects.promote("b", key),
            objects.delete(key),
        ):
            with pytest.raises(ValueError, match="object key"):
                await attempt
    with pytest.raises(ValueError, match="object key"):
        await keys(objects, "../a")


async def test_a_file_that_is_not_there_cannot_be_stored(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await objects.put_file("a", tmp_path / "none")


async def test_a_copy_goes_into_a_folder_that_exists(objects: Objects, tmp_path: Path) -> None:
    await objects.put_bytes("a", b"x")
    with pytest.raises(OutputError, match="folder"):
        await objects.fetch("a", tmp_path / "none" / "file")


MEASURE = """
import asyncio, json, resource, sys
from pathlib import Path
from lipwright.service.storage.opening import open_objects

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

async def main(url, options, source, target):
    objects = open_objects(url, options)
    async def chunks():
        with open(source, "rb") as file:
            while chunk := file.read(65536):
                yield chunk
    await objects.put_bytes("small", b"x")
    before = peak()
    await objects.put_file("file", source)
    await objects.put_stream("stream", chunks(), 10**9)
    await objects.fetch("stream", target)
    print(peak() - before)

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
"""


async def test_a_long_video_passes_in_constant_memory(address: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    url, options = address
    if url.startswith("memory:") or "/some/" in url:
        pytest.skip("a store in memory keeps everything there" if "memory" in url else "the same as without a prefix")
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for i in range(64):
            file.write(bytes([i]) * 1_000_000)
    command = [sys.executable, "-c", MEASURE, url, json.dumps(options), str(source), str(target)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 48, "MiB more than before"
    assert target.stat().st_size == source.stat().st_size
