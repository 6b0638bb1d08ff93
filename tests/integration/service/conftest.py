"""The API for tests, without a server and without jobs being run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.servers.api import Api, api

from lipwright.service.config import driver_url
from lipwright.service.storage.database import Database


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the tests marked `anyio`."""
    return "asyncio"


@pytest.fixture(name="api")
async def running_api(tmp_path: Path) -> AsyncIterator[Api]:
    """The application with one organisation and its key."""
    async with api(tmp_path / "data") as here:
        yield here


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'rows.sqlite'}"
    else:
        make: Callable[[], str] = request.getfixturevalue("postgres")
        url = driver_url(make())
    found = Database(url)
    found.migrate()
    yield found
    found.close()
