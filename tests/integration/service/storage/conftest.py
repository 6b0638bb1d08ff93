"""The stores that the same tests run against."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipwright.service.storage.objects import Objects
from lipwright.service.storage.opening import open_objects


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the tests marked `anyio`."""
    return "asyncio"


@pytest.fixture(params=["folder", "memory", "s3", "s3 with a prefix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """The URL and the options of a new, empty store."""
    if request.param == "folder":
        return (tmp_path / "objects").as_uri(), {}
    if request.param == "memory":
        return "memory:///", {}
    url, options = request.getfixturevalue("s3")()
    return (url + "/some/where", options) if "prefix" in request.param else (url, options)


@pytest.fixture
def objects(address: tuple[str, dict[str, str]]) -> Objects:
    """A new, empty store."""
    return open_objects(*address)
