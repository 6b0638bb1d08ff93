"""What tests of every kind share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers.fixtures"]

# No time limit per example: machines that run tests may be busy.
settings.register_profile("lipwright", deadline=None)
settings.load_profile("lipwright")


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips beside the repository; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "clips"
    if not folder.is_dir():
        pytest.skip("the real clips (../shared/clips) are not here")
    return folder
