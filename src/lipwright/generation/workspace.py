"""A private folder for a job's working files, gone when the job is.

A job that is killed outright cannot clean up after itself, so the next one does: a workspace's name holds the id of its
process, and a workspace whose process is no longer there is removed when another is opened.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "lipwright-job-"
_NAME = re.compile(re.escape(_PREFIX) + r"([0-9]+)-.*")


@contextlib.contextmanager
def workspace(parent: Path | None = None) -> Iterator[Path]:
    """A new folder, readable by this user only, in `parent` (the system's temporary folder by default)."""
    parent = parent or Path(tempfile.gettempdir())
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove the workspaces in `parent` whose process is gone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        name = _NAME.fullmatch(folder.name)
        if name and not _running(int(name[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _running(pid: int) -> bool:
    """Whether process `pid` exists; when that cannot be told, yes."""
    if sys.platform == "win32":  # os.kill would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
