"""The API for tests, without a server and without jobs being run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.servers.api import Api, api


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the tests marked `anyio`."""
    return "asyncio"


@pytest.fixture(name="api")
async def running_api(tmp_path: Path) -> AsyncIterator[Api]:
    """The application with one organisation and its key."""
    async with api(tmp_path / "data") as here:
        yield here
