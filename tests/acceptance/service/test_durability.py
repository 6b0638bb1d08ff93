"""Nothing is lost, doubled, half-written or left running when processes are killed: the short form of the chaos run.

The long one is `python -m benchmarks.service.chaos`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.service.chaos import run


@pytest.mark.parametrize(("database", "seed"), [("sqlite", 1), ("postgres", 5)])
def test_kill_9_at_random_moments(database: str, seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    settings = {}
    if database == "postgres":
        make: Callable[[], str] = request.getfixturevalue("postgres")
        settings["LIPWRIGHT_DATABASE_URL"] = make()
    outcome = run(tmp_path, generations=5, kills=4, seed=seed, limit=240, **settings)
    assert outcome.faults() == []
    assert sum(outcome.kills.values()) == 4
