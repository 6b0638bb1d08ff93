"""Retention: each organisation's own days, what goes with an asset, what keeps one; and the command that sets it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.servers.api import MEDIA, Api, api, organisation_of
from typer.testing import CliRunner

from lipwright.cli.main import app
from lipwright.errors import LipwrightError
from lipwright.service.config import driver_url
from lipwright.service.jobs import face_cache
from lipwright.service.jobs.steps import Steps
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.storage import access
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Asset, Batch, BatchRow, now

pytestmark = pytest.mark.anyio

OLD = timedelta(days=2)


@pytest.fixture(params=["sqlite", "postgres"])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """An installation that keeps things for a day."""
    given: dict[str, Any] = {"retention_days": 1}
    if request.param == "postgres":
        given["database_url"] = request.getfixturevalue("postgres")()
        database = Database(driver_url(given["database_url"]))
        database.migrate()
        database.close()
    async with api(tmp_path / "data", **given) as running:
        yield running


async def added(here: Api, age: timedelta = OLD, organisation: str | None = None) -> Asset:
    """An asset of that age, with its file, thumbnail and faces."""
    owner, identity = organisation or here.organisation, str(uuid4())
    key, thumbnail = (f"assets/{owner}/{identity}/{name}" for name in ("a.mp4", "thumbnail.jpg"))
    for stored in (key, thumbnail, f"faces/{owner}/{identity}/faces.png"):
        await here.services.objects.put_bytes(stored, b"x")
    config = here.services.config
    analysis = face_cache.folder_for(config, owner, key, config.work_dir)
    analysis.mkdir()
    (analysis / "0.rows").write_bytes(b"x")
    row = Asset(id=identity, organisation_id=owner, key=key, thumbnail_key=thumbnail, name="a", type="VIDEO")
    row.created_at = now() - age
    here.add(row)
    return row


async def using(here: Api, video: dict[str, Any]) -> str:
    """A generation with this video; its id."""
    sound = {"type": "audio", "url": f"{MEDIA}/a.wav"}
    return str((await here.create(input=[{"type": "video", **video}, sound]))["id"])


async def left(here: Api) -> set[str]:
    """The ids of assets there are, each of which has all that belongs to it; nothing of others is there."""
    with here.services.database.reading() as session:
        rows = {row.id: row for row in session.query(Asset)}
    stored = [one.key async for one in here.services.objects.list()]
    assert len(stored) == 3 * len(rows)
    analysed = {path.read_text() for path in here.services.config.data_dir.rglob("cache/faces/*/*/object")}
    assert analysed == {row.key for row in rows.values()}
    return set(rows)


async def retire(here: Api) -> None:
    """What upkeep does every ten minutes."""
    await Upkeep(Steps(here.services)).retire()


async def test_an_old_asset_goes_with_all_that_is_its_own(here: Api) -> None:
    await added(here)
    young = await added(here, timedelta(hours=23))
    await retire(here)
    assert await left(here) == {young.id}


async def test_an_asset_stays_as_long_as_a_generation_that_is_kept_uses_it(here: Api) -> None:
    by_id, by_link, running, past = [await added(here) for _ in range(4)]
    recent = [
        await using(here, {"assetId": by_id.id}),
        await using(here, {"url": here.services.links.reference(by_link.key)}),
    ]
    for identity in recent:
        here.change(identity, status="COMPLETED", finished_at=now())
    here.change(await using(here, {"assetId": running.id}), created_at=now() - OLD)
    here.change(
        await using(here, {"assetId": past.id}), status="COMPLETED", created_at=now() - OLD, finished_at=now() - OLD
    )
    await retire(here)
    assert await left(here) == {by_id.id, by_link.id, running.id}
    for identity in recent:
        here.change(identity, finished_at=now() - OLD)
    await retire(here)
    assert await left(here) == {running.id}


async def test_an_asset_stays_for_the_line_of_a_batch_that_is_still_to_come(here: Api) -> None:
    by_id, by_link, done = [await added(here) for _ in range(3)]
    batch = Batch(id=str(uuid4()), organisation_id=here.organisation, api_key_id="k")
    links = here.services.links
    inputs = [{"assetId": by_id.id}, {"url": links.reference(by_link.key)}, {"assetId": done.id}]
    here.add(batch)
    here.add(
        *(
            BatchRow(
                batch_id=batch.id,
                line=line,
                request_id=str(line),
                payload={"input": [{"type": "video", **video}]},
                status="FAILED" if video.get("assetId") == done.id else "PENDING",
            )
            for line, video in enumerate(inputs)
        )
    )
    await retire(here)
    assert await left(here) == {by_id.id, by_link.id}


async def test_each_organisation_keeps_for_as_long_as_it_says(here: Api) -> None:
    names = {"default": None, "longer": 3.0, "ever": 0.0, "shorter": 0.5}
    old = {name: await added(here, OLD, organisation_of(here, name)) for name in names}
    fresh = {name: await added(here, OLD / 3, organisation_of(here, name)) for name in names}
    with here.services.database.writing() as session:
        for name, days in names.items():
            assert access.set_retention(session, name, days) == 1
    await retire(here)
    gone = {old["default"].id, old["shorter"].id, fresh["shorter"].id}
    assert await left(here) == {row.id for row in (*old.values(), *fresh.values())} - gone


async def test_without_retention_nothing_goes(tmp_path: Path) -> None:
    async with api(tmp_path / "data") as running:
        row = await added(running, timedelta(days=9999))
        await retire(running)
        assert await left(running) == {row.id}


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with two organisations, and its data folder."""
    monkeypatch.setenv("LIPWRIGHT_DATA_DIR", str(tmp_path / "data"))
    if request.param == "postgres":
        monkeypatch.setenv("LIPWRIGHT_DATABASE_URL", request.getfixturevalue("postgres")())
    for name in ("film-team", "default"):
        assert CliRunner().invoke(app, ["keys", "create", "--organisation", name]).exit_code == 0
    return tmp_path / "data"


def listed() -> dict[str, dict[str, Any]]:
    """What `organisations list --json` says, by name."""
    done = CliRunner().invoke(app, ["organisations", "list", "--json"])
    assert done.exit_code == 0, done.output
    return {row["name"]: row for row in json.loads(done.output)}


@pytest.mark.usefixtures("database")
def test_the_command_sets_how_long_an_organisation_keeps_things() -> None:
    assert {name: (row["keys"], row["retention_days"]) for name, row in listed().items()} == {
        "film-team": (1, None),
        "default": (1, None),
    }
    for days, kept, told in (("30", 30.0, "30 days"), ("0.5", 0.5, "0.5 days"), ("0", 0.0, "for ever")):
        done = CliRunner().invoke(app, ["organisations", "retention", "film-team", days])
        assert (done.exit_code, done.output) == (0, f"film-team: {told}\n")
        assert {name: row["retention_days"] for name, row in listed().items()} == {"film-team": kept, "default": None}
    assert "for ever" in CliRunner().invoke(app, ["organisations", "list"]).output
    assert CliRunner().invoke(app, ["organisations", "retention", "film-team", "none"]).exit_code == 0
    assert listed()["film-team"]["retention_days"] is None


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("name", "days", "said"),
    [
        ("nobody", "1", "no organisation 'nobody'"),
        ("default", "soon", "'soon'"),
        ("default", "nan", "'nan'"),
        ("default", "1e9", "'1e9'"),
    ],
)
def test_what_the_command_cannot_do_it_says(name: str, days: str, said: str) -> None:
    done = CliRunner().invoke(app, ["organisations", "retention", name, days])
    assert isinstance(done.exception, LipwrightError)
    assert said in done.exception.message
    assert listed()["default"]["retention_days"] is None


def test_keys_that_were_revoked_are_not_counted(database: Path) -> None:
    assert CliRunner().invoke(app, ["keys", "create", "--name", "second"]).exit_code == 0
    assert listed()["default"]["keys"] == 2
    assert CliRunner().invoke(app, ["keys", "revoke", "second"]).exit_code == 0
    assert listed()["default"]["keys"] == 1
    assert database.is_dir()
