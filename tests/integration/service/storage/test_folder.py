"""A folder as a store: no half-written files, no leftovers, no copies where none are needed."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lipwright.errors import OutputError
from lipwright.service.storage.folder import FolderObjects
from lipwright.service.storage.opening import open_objects
from lipwright.service.storage.staging import StagedFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "a b" / "objects"


@pytest.fixture
def objects(root: Path) -> FolderObjects:
    opened = open_objects(root.as_uri())
    assert isinstance(opened, FolderObjects)
    return opened


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def folders(root: Path) -> list[str]:
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir())
    return [name for name in found if name != ".staging"]


async def test_the_key_is_the_path(objects: FolderObjects, root: Path) -> None:
    await objects.put_bytes("uploads/ü b/talk.mp4", b"x")
    assert files(root) == ["uploads/ü b/talk.mp4"]
    assert objects.local_path("uploads/ü b/talk.mp4") == root.resolve() / "uploads" / "ü b" / "talk.mp4"
    with pytest.raises(ValueError, match="object key"):
        objects.local_path("../x")


async def test_a_file_on_the_same_disk_is_not_copied(objects: FolderObjects, root: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"result")
    (tmp_path / "link.mp4").symlink_to("out.mp4")
    await objects.put_file("a/out.mp4", tmp_path / "out.mp4")
    await objects.put_file("a/link.mp4", tmp_path / "link.mp4")
    for name in ("out.mp4", "link.mp4"):
        assert (root / "a" / name).lstat().st_ino == (tmp_path / "out.mp4").stat().st_ino
    (tmp_path / "out.mp4").unlink()
    assert await objects.get_bytes("a/out.mp4", 10) == await objects.get_bytes("a/link.mp4", 10) == b"result"


async def test_a_file_that_cannot_be_linked_is_copied(
    objects: FolderObjects, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    (tmp_path / "out.mp4").write_bytes(b"result")
    await objects.put_file("a/out.mp4", tmp_path / "out.mp4")
    assert await objects.get_bytes("a/out.mp4", 10) == b"result"
    assert (root / "a/out.mp4").stat().st_ino != (tmp_path / "out.mp4").stat().st_ino
    assert files(root) == ["a/out.mp4"]


async def test_what_is_fetched_is_a_copy(objects: FolderObjects, tmp_path: Path) -> None:
    await objects.put_bytes("a", b"kept")
    await objects.fetch("a", tmp_path / "copy")
    (tmp_path / "copy").write_bytes(b"changed")
    assert await objects.get_bytes("a", 10) == b"kept"


async def test_deleting_and_moving_leave_no_empty_folders(objects: FolderObjects, root: Path) -> None:
    for key in ("jobs/7/parts/a", "jobs/7/out", "jobs/8/out"):
        await objects.put_bytes(key, b"x")
    await objects.delete("jobs/7/parts/a")
    assert folders(root) == ["jobs", "jobs/7", "jobs/8"]
    await objects.promote("jobs/8/out", "results/8")
    assert folders(root) == ["jobs", "jobs/7", "results"]
    assert await objects.delete_prefix("jobs") == 1
    assert await objects.delete_prefix("results") == 1
    assert folders(root) == []
    assert root.is_dir()


WRITER = """
import asyncio, sys
from pathlib import Path
from lipwright.service.storage.folder import FolderObjects

async def endless():
    while True:
        yield bytes(100_000)
        print("written", flush=True)
        await asyncio.sleep(0.01)

asyncio.run(FolderObjects(Path(sys.argv[1])).put_stream("jobs/7/out.mp4", endless()))
"""


async def test_a_killed_process_leaves_nothing_but_what_is_swept(objects: FolderObjects, root: Path) -> None:
    await objects.put_bytes("other", b"x")
    with subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert await asyncio.to_thread(process.stdout.readline) == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert await objects.head("jobs/7/out.mp4") is None
    assert [stored.key async for stored in objects.list()] == ["other"]
    assert len(files(root)) == 2
    assert await objects.sweep(3600) == 0  # it could still be written to
    assert len(files(root)) == 2
    (root / "left" / "by a crash").mkdir(parents=True)
    assert await objects.sweep(0) == 1
    assert files(root) == ["other"]
    assert folders(root) == []


async def test_a_link_to_an_old_file_is_not_old(objects: FolderObjects, root: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"x")
    os.utime(old, (1, 1))
    (root / ".staging").mkdir()
    (root / ".staging" / "just linked").hardlink_to(old)
    assert await objects.sweep(60) == 0
    assert await objects.sweep(time.time()) == 0


async def test_a_full_disk_is_said_in_one_sentence(
    objects: FolderObjects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(StagedFile, "write", full)
    with pytest.raises(OutputError, match=r"^The object 'a/b' could not be stored: the disk is full\.$") as caught:
        await objects.put_bytes("a/b", b"x")
    assert caught.value.code == "generation_infra_storage_error"
    assert files(root) == []


async def test_a_store_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="could not be opened"):
        open_objects((tmp_path / "file" / "objects").as_uri())


async def test_a_folder_in_the_way_of_an_object_is_an_error(objects: FolderObjects, root: Path) -> None:
    await objects.put_bytes("a/b", b"x")
    for key in ("a", "a/b/c"):
        with pytest.raises(OutputError, match="could not be stored"):
            await objects.put_bytes(key, b"y")
    assert files(root) == ["a/b"]


async def test_links_and_pipes_in_the_folder_are_no_objects(objects: FolderObjects, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "pipe")
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)
    assert await objects.head("link") is None
    assert await objects.head("pipe") is None
    assert [stored.key async for stored in objects.list()] == []


CROWD = """
import asyncio, sys
from pathlib import Path
from lipwright.service.storage.folder import FolderObjects

async def main():
    objects = FolderObjects(Path(sys.argv[1]))
    async def one(i):
        for j in range(15):
            key = f"shared/folder/{sys.argv[2]}-{i}"
            await objects.put_bytes(key, b"x")
            await objects.promote(key, f"shared/other/{sys.argv[2]}-{i}")
            await objects.delete(f"shared/other/{sys.argv[2]}-{i}")
            await objects.sweep(3600)
    await asyncio.gather(*(one(i) for i in range(4)))

asyncio.run(main())
"""


async def test_processes_that_make_and_remove_the_same_folders_do_not_disturb_each_other(root: Path) -> None:
    crowd = [
        subprocess.Popen([sys.executable, "-c", CROWD, str(root), str(i)], stderr=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    said = [await asyncio.to_thread(process.communicate) for process in crowd]
    assert [process.returncode for process in crowd] == [0, 0, 0], said
    assert files(root) == []
    assert folders(root) == []
