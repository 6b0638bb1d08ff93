"""Rates that several API processes count together: exact, by windows, and gone when they are over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select
from tests.servers.api import api

from lipwright.service.api.limits import RateLimited, RateLimiter
from lipwright.service.config import ServiceConfig
from lipwright.service.storage import rates
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import RateWindow

pytestmark = pytest.mark.anyio

Configure = Callable[..., ServiceConfig]


@pytest.fixture(params=["sqlite", "postgres"])
def configure(request: pytest.FixtureRequest, tmp_path: Path) -> Configure:
    """Makes configurations over one database with our tables."""
    url = (
        f"sqlite:///{tmp_path / 'rates.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("postgres")()
    )

    def make(**given: str) -> ServiceConfig:
        return ServiceConfig(data_dir=tmp_path, database_url=url, **{"rate_store": "database", **given})

    database = Database(make().database)
    database.migrate()
    database.close()
    return make


@pytest.fixture
def database(configure: Configure) -> Iterator[Database]:
    """That database."""
    opened = Database(configure().database)
    yield opened
    opened.close()


async def outcomes(limiters: list[RateLimiter], calls: int, key: str = "key", kind: str = "generate") -> list[bool]:
    """Whether each of so many calls at once, spread over the limiters, was let through."""

    async def one(number: int) -> bool:
        try:
            await limiters[number % len(limiters)].check(key, kind)
        except RateLimited:
            return False
        return True

    return list(await asyncio.gather(*(one(number) for number in range(calls))))


async def test_two_processes_let_through_exactly_what_the_rate_allows(configure: Configure) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
    config = configure(rate_generate="40/day")
    limiters = [RateLimiter(config), RateLimiter(config)]
    assert sum(await outcomes(limiters, 100)) == 40
    assert sum(await outcomes(limiters, 10)) == 0


async def test_keys_and_kinds_are_counted_apart(configure: Configure) -> None:
    limiter = RateLimiter(configure(rate_generate="2/day", rate_other="3/day"))
    assert sum(await outcomes([limiter], 5)) == 2
    assert sum(await outcomes([limiter], 5, kind="other")) == 3
    assert sum(await outcomes([limiter], 5, key="another")) == 2


async def test_who_is_refused_is_told_when_the_next_window_begins(configure: Configure) -> None:
    limiter = RateLimiter(configure(rate_generate="1/3 second"))
    await outcomes([limiter], 2)  # two, since a window may end after the first
    with pytest.raises(RateLimited) as refused:
        await limiter.check("key", "generate")
    assert 1 <= refused.value.retry_after <= 3
    await asyncio.sleep(refused.value.retry_after)
    await limiter.check("key", "generate")


async def test_a_rate_of_nothing_lets_nobody_through(configure: Configure) -> None:
    assert sum(await outcomes([RateLimiter(configure(rate_generate="0/minute"))], 3)) == 0


async def test_windows_that_are_over_are_forgotten(configure: Configure, database: Database) -> None:
    limiter = RateLimiter(configure(rate_generate="5/second", rate_other="5/day"))
    await limiter.check("key", "generate")
    await limiter.check("key", "other")
    await asyncio.sleep(1.1)
    assert rates.forget_old(database) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(RateWindow)) == 1
    assert rates.count(database, "key", "other", 24 * 3600.0, 1).allowed is False


async def test_the_api_counts_in_the_database(tmp_path: Path) -> None:
    async with api(tmp_path / "data", rate_store="database", rate_other="3/day") as here:
        answers = [await here.http.get("/v2/generations") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        with here.services.database.reading() as session:
            assert [row.count for row in session.scalars(select(RateWindow))] == [3]


def test_a_store_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError, match="'memory' or 'database'"):
        ServiceConfig(rate_store="redis://host")
