"""The command as a user runs it: in a process and an empty folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src"


@dataclass(frozen=True)
class User:
    """Somebody at a shell in `folder`; `temporary` is where jobs put working files."""

    folder: Path
    temporary: Path
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("ELEVENLABS", "COLUMNS"))}
        paths = os.pathsep.join([str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH", "")])])
        own = {"PYTHONPATH": paths, "TMPDIR": str(self.temporary), "LIPWRIGHT_CACHE_DIR": str(self.cache)}
        return {**keep, **own, "COLUMNS": "200"}

    def run(self, *arguments: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`lipwright ARGUMENTS`, to its end."""
        return subprocess.run(
            self.command(arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """`lipwright ARGUMENTS`, running; its progress can be read from `stderr`."""
        return subprocess.Popen(
            self.command(arguments), cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True
        )

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "lipwright", *map(str, arguments)]

    def files(self) -> list[str]:
        """What lies in the user's folder, hidden files included."""
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def user(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user in an empty folder."""
    folder, temporary = tmp_path / "home", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    cache = tmp_path_factory.getbasetemp() / "lipwright-cache"  # shared: a real cache outlives a job too
    return User(folder, temporary, cache)
