"""What an operator meets before anything works: one sentence each, and nothing made or promised."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.service.installation import SOURCES, Installation


def lipwright(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`lipwright ARGUMENTS`, to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIPWRIGHT_")}
    environment = {**kept, "PYTHONPATH": str(SOURCES), **variables}
    command = [sys.executable, "-m", "lipwright", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It ended with one sentence that holds these words."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert all(word in line for word in words), line


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    house = Installation(tmp_path / "data")
    house.api()
    try:
        done = lipwright("serve", "--port", str(house.port), "--data-dir", tmp_path / "other")
        refused(done, str(house.port), "in use", "--port")
        assert not (tmp_path / "other").exists(), "no key is made that nobody can use"
    finally:
        house.stop()


def test_a_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused(lipwright("keys", "create", "--data-dir", tmp_path / "file"), "data folder", "--data-dir")


def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    refused(lipwright("config", LIPWRIGHT_CONFIG=str(tmp_path / "missing.toml")), "LIPWRIGHT_CONFIG", "missing.toml")


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "lipwright.toml").write_text("worker_slot = 2\n")
    refused(lipwright("config", "--data-dir", tmp_path), "worker_slot", "did you mean worker_slots?")


def test_what_the_worker_beside_the_api_logs_is_seen(tmp_path: Path) -> None:
    house = Installation(tmp_path / "data", {"LIPWRIGHT_WORKER_SLOT": "2"})
    house.start("serve", "--port", str(house.port))
    try:
        house.wait_for("/ready")
        until = time.monotonic() + 20
        while "takes jobs" not in house.logs() or "no setting LIPWRIGHT_WORKER_SLOT" not in house.logs():
            assert time.monotonic() < until, house.logs()
            time.sleep(0.1)
    finally:
        house.stop()
