"""Workspaces and the stopwatch of a job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lipwright.errors import Cancelled
from lipwright.generation import demo
from lipwright.generation.stopwatch import Stopwatch, peak_memory
from lipwright.generation.workspace import workspace
from lipwright.progress import Progress


def test_a_workspace_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with workspace(tmp_path) as folder:
        (folder / "x").write_text("y")
        assert folder.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_is_gone_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), workspace(tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="process ids cannot be asked about there")
def test_what_a_killed_job_left_is_swept_by_the_next_and_a_living_ones_is_kept(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"lipwright-job-{ended.pid}-abc"
    kept = tmp_path / f"lipwright-job-{os.getppid()}-abc"
    other = tmp_path / "lipwright-job-notes"
    for folder in (left, kept, other):
        folder.mkdir()
    with workspace(tmp_path):
        assert not left.exists()
    assert kept.exists()
    assert other.exists()


def test_phases_count_busy_time_and_units_in_order_of_first_use() -> None:
    now = 0.0
    watch = Stopwatch(lambda: now)
    with watch.phase("decode", 2):
        now = 1.0
    with watch.phase("encode", 1):
        now = 1.5
    with watch.phase("decode", 2):
        now = 2.0
    performance = watch.performance(4)
    assert [(p.name, p.done, p.seconds, p.per_second) for p in performance.phases] == [
        ("decode", 4, 1.5, 2.67),
        ("encode", 1, 0.5, 2.0),
    ]
    assert performance.frames_per_second == 2.0


@pytest.mark.skipif(sys.platform == "win32", reason="not told there")
def test_peak_memory_is_in_bytes() -> None:
    peak = peak_memory()
    assert peak is not None
    assert 10**7 < peak < 10**11


@pytest.mark.parametrize("there", [True, False])
def test_a_demonstration_that_is_stopped_leaves_nothing_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    folder = tmp_path / "new" / "demo"
    if there:
        folder.mkdir(parents=True)
        (folder / "mine.txt").touch()
    before = sorted(tmp_path.rglob("*"))

    def stopped(path: Path, progress: Progress) -> None:
        path.touch()
        raise Cancelled

    monkeypatch.setattr(demo, "write_source", stopped)
    with pytest.raises(Cancelled):
        demo.demonstrate(folder)
    assert sorted(tmp_path.rglob("*")) == before
