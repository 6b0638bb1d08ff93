"""Where a worker keeps analyses of faces, and when they go.

They are measurements of people, so they live no longer than the video they were made of and never serve two
organisations. A video that is an object of an organisation has a folder of its own,

    cache/faces/<organisation>/<SHA-256 of the object's key>/object      the object's key
                                                             analyses/   what was found (`lipwright.faces.cache`)

in the data folder, by the object and not by its content alone: whoever deletes the object knows which folder to remove,
and a machine that was not there finds out by asking for the object (`sweep`). A video that was fetched for one
generation is analysed in that generation's working folder and goes with it.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lipwright.faces.cache import DEFAULT_BYTES
from lipwright.service.config import ServiceConfig
from lipwright.service.storage.objects import Objects
from lipwright.service.storage.threads import in_thread

_NAME, _ANALYSES = "object", "analyses"

_YOUNG = 60.0
"""A folder without a name may be about to get one for so many seconds."""

_IN_USE = 3600.0
"""What was used in this many seconds is not removed to make room."""


def folder_for(config: ServiceConfig, organisation: str, key: str | None, step_folder: Path) -> Path:
    """Where analyses of a video go: the object `key` of an organisation, or, without a key, one in `step_folder`."""
    if key is None:
        return step_folder / "faces"
    folder = _folder(config, organisation, key)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _NAME).exists():
        (folder / _NAME).write_text(key, encoding="utf-8")
    return folder / _ANALYSES


def of_request(config: ServiceConfig, organisation: str, request: Mapping[str, Any], step_folder: Path) -> Path:
    """Where analyses of the video or image of a generation go; it has a key unless it was fetched from an address."""
    keys = [item.get("key") for item in request.get("input") or [] if item.get("type") in ("video", "image")]
    return folder_for(config, organisation, keys[0] if keys else None, step_folder)


def remove(config: ServiceConfig, organisation: str, key: str) -> None:
    """Remove what this machine knows of the faces in an object."""
    shutil.rmtree(_folder(config, organisation, key), ignore_errors=True)


async def sweep(config: ServiceConfig, objects: Objects, max_bytes: int = DEFAULT_BYTES) -> int:
    """Remove what was found in objects that are gone, and what was longest unused if there is too much; how many."""
    removed = 0
    for folder in await in_thread(lambda: list(_folders(config))):
        if await _is_over(folder, objects):
            await in_thread(_remove, folder)
            removed += 1
    return removed + await in_thread(_trim, config, max_bytes)


async def _is_over(folder: Path, objects: Objects) -> bool:
    key = await in_thread(_name, folder)
    if not key:
        with suppress(OSError):
            return time.time() - folder.stat().st_mtime > _YOUNG
        return False
    try:
        return await objects.head(key) is None
    except ValueError:  # no key at all: somebody's file, or half of ours
        return True


def _trim(config: ServiceConfig, max_bytes: int) -> int:
    known = []
    for folder in _folders(config):
        with suppress(OSError):
            used = max((entry.stat().st_mtime for entry in (folder / _ANALYSES).iterdir()), default=0.0)
            known.append((used, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()), folder))
    total, removed = sum(size for _, size, _ in known), 0
    for used, size, folder in sorted(known):
        if total > max_bytes and time.time() - used > _IN_USE:
            _remove(folder)
            total, removed = total - size, removed + 1
    return removed


def _folders(config: ServiceConfig) -> Iterator[Path]:
    yield from _root(config).glob("*/*")


def _name(folder: Path) -> str:
    try:
        return (folder / _NAME).read_text("utf-8")
    except (OSError, ValueError):
        return ""


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)


def _folder(config: ServiceConfig, organisation: str, key: str) -> Path:
    return _root(config) / organisation / hashlib.sha256(key.encode()).hexdigest()


def _root(config: ServiceConfig) -> Path:
    return config.data_dir / "cache" / "faces"
