"""Analyses of faces: kept for who owns the video, used again, never shared, and gone with the video."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from benchmarks.service.material import make_speech, make_talk
from tests.servers.api import Api, api, organisation_of

from lipwright.service.config import ServiceConfig
from lipwright.service.jobs import face_cache
from lipwright.service.jobs.faces import find_faces
from lipwright.service.jobs.steps import Steps
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.storage.opening import memory_objects
from lipwright.service.storage.tables import Asset

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a second of a talking head and of speech."""
    folder = tmp_path_factory.mktemp("media")
    make_talk(folder / "talk.mp4", 1.0)
    make_speech(folder / "line.wav", 1.0)
    return folder


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Api]:
    """The application, with small children."""
    async with api(tmp_path / "data", child_threads=1, child_nice=0, quality="draft") as running:
        yield running


async def added(here: Api, media: Path, name: str, kind: str, organisation: str | None = None) -> str:
    """A new asset of an organisation; its id."""
    owner, identity = organisation or here.organisation, str(uuid4())
    key = f"assets/{owner}/{identity}/{name}"
    await here.services.objects.put_file(key, media / name)
    here.add(Asset(id=identity, organisation_id=owner, key=key, name=name, type=kind))
    return identity


async def rendered(here: Api, media: Path, video: dict[str, Any], fetched: dict[str, str] | None = None) -> str:
    """A generation whose files were made, as a worker does it, and which has not ended; its id."""
    sound = {"type": "audio", "assetId": await added(here, media, "line.wav", "AUDIO")}
    created = await here.create(input=[{"type": "video", **video}, sound])
    told = await Steps(here.services).prepare(created["id"], fetched or {})
    assert "error" not in told, told
    return str(created["id"])


def kept(here: Api) -> dict[str, int]:
    """The files of analyses on this machine, and when each was written."""
    root = here.services.config.data_dir / "cache"
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


async def test_a_second_use_of_an_asset_looks_for_no_faces_again(here: Api, media: Path) -> None:
    video = await added(here, media, "talk.mp4", "VIDEO")
    assert (await find_faces(here.services, video))["status"] == "COMPLETED"
    first = kept(here)
    assert any(name.endswith(".rows") for name in first), first
    await rendered(here, media, {"assetId": video})
    assert kept(here) == first


async def test_deleting_an_asset_leaves_nothing_of_its_faces(here: Api, media: Path) -> None:
    video, other = await added(here, media, "talk.mp4", "VIDEO"), await added(here, media, "talk.mp4", "VIDEO")
    await find_faces(here.services, other)
    remaining = kept(here)
    generation = await rendered(here, media, {"assetId": video})
    here.change(generation, status="COMPLETED")
    assert len(kept(here)) > len(remaining)
    assert (await here.http.delete(f"/v2/assets/{video}")).status_code == 200
    assert kept(here) == remaining


async def test_organisations_share_nothing_though_the_video_is_the_same(here: Api, media: Path) -> None:
    another = organisation_of(here, "another")
    one, two = await added(here, media, "talk.mp4", "VIDEO"), await added(here, media, "talk.mp4", "VIDEO", another)
    await find_faces(here.services, one)
    first = kept(here)
    await find_faces(here.services, two)
    own = {name for name in kept(here) if f"/{another}/" in f"/{name}"}
    assert {name.rpartition(".")[2] for name in own} >= {"rows", "json"}
    assert set(kept(here)) == set(first) | own
    assert not set(first) & own


async def test_a_video_of_an_address_is_analysed_where_the_job_works_and_goes_with_it(here: Api, media: Path) -> None:
    key = "work/fetched/talk.mp4"
    await here.services.objects.put_file(key, media / "talk.mp4")
    generation = await rendered(here, media, {"url": "https://media.test/talk.mp4"}, {"input.0": key})
    assert kept(here) == {}
    place = here.services.config.work_dir / generation
    assert list(place.rglob("*.rows"))
    await Steps(here.services).fail(generation, {"code": "generation_cancelled", "message": "It was cancelled."})
    assert not place.exists()


async def test_faces_found_after_the_asset_was_deleted_are_not_kept(
    here: Api, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = await added(here, media, "talk.mp4", "VIDEO")

    async def run(stage: str, task: dict[str, Any], limits: object) -> dict[str, Any]:
        assert (await here.http.delete(f"/v2/assets/{video}")).status_code == 200
        Path(task["cache"]).mkdir(parents=True)
        (Path(task["cache"]) / "late.rows").write_bytes(b"x")
        return {"faces": []}

    monkeypatch.setattr("lipwright.service.jobs.faces.run_stage", run)
    await find_faces(here.services, video)
    assert kept(here) == {}


async def test_deleting_a_generation_forgets_the_faces_of_its_output(here: Api) -> None:
    created = await here.create()
    key = f"generations/{here.organisation}/{created['id']}/output.mp4"
    here.change(created["id"], status="COMPLETED", output_key=key)
    stored(here.services.config, here.organisation, key)
    assert kept(here)
    assert (await here.http.delete(f"/v2/generations/{created['id']}")).status_code == 200
    assert kept(here) == {}


async def test_a_machine_that_was_not_there_follows(here: Api) -> None:
    gone, there = (f"assets/{here.organisation}/{name}/a.mp4" for name in ("gone", "there"))
    await here.services.objects.put_bytes(there, b"x")
    config = here.services.config
    for key in (gone, there):
        stored(config, here.organisation, key)
    assert await Upkeep(Steps(here.services)).sweep() == 1
    assert [path.read_text() for path in config.data_dir.rglob("object")] == [there]
    assert len([name for name in kept(here) if name.endswith(".rows")]) == 1


async def test_what_names_no_object_goes_once_nobody_can_be_about_to_name_it(tmp_path: Path) -> None:
    config, objects = ServiceConfig(data_dir=tmp_path), memory_objects()
    root = tmp_path / "cache" / "faces"
    new, old, odd = root / "o" / "new", root / "o" / "old", root / "o" / "odd"
    for folder in (new, old, odd):
        folder.mkdir(parents=True)
    (odd / "object").write_text("../no key")
    (root / "o" / "file").write_bytes(b"of an older version")
    long_ago = time.time() - 3600
    for path in (old, root / "o" / "file"):
        os.utime(path, (long_ago, long_ago))
    assert await face_cache.sweep(config, objects) == 3
    assert list((root / "o").iterdir()) == [new]


async def test_what_was_longest_unused_makes_room(tmp_path: Path) -> None:
    config, objects = ServiceConfig(data_dir=tmp_path), memory_objects()
    hours = {"a": 3, "b": 5, "c": 4, "now": 0}
    for name, age in hours.items():
        await objects.put_bytes(f"assets/o/{name}", b"x")
        entry = stored(config, "o", f"assets/o/{name}", size=1000)
        os.utime(entry, (time.time() - age * 3600,) * 2)
    assert await face_cache.sweep(config, objects, max_bytes=2500) == 2
    left = {path.read_text() for path in tmp_path.rglob("object")}
    assert left == {"assets/o/a", "assets/o/now"}
    assert await face_cache.sweep(config, objects, max_bytes=10) == 1
    assert {path.read_text() for path in tmp_path.rglob("object")} == {"assets/o/now"}


def stored(config: ServiceConfig, organisation: str, key: str, size: int = 10) -> Path:
    """The folder of an analysis of an object, with a file in it."""
    entry = face_cache.folder_for(config, organisation, key, config.work_dir) / "entry"
    entry.mkdir(parents=True)
    (entry / "0.rows").write_bytes(b"x" * size)
    return entry
