"""Where a worker keeps the files of a generation: inputs fetched once, and a folder for each step.

Everything of a generation lies in `<work>/<generation>/`. A step's own folder goes when the step ends; the rest when
the generation does (`clear`), or, after a crash, when upkeep finds that the generation has ended.
"""

from __future__ import annotations

import asyncio
import copy
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lipwright.service.orders.shape import boxes_urls
from lipwright.service.storage.objects import Objects
from lipwright.service.storage.tables import is_id

Json = dict[str, Any]

LEFT_BEHIND = 6 * 3600.0
"""Seconds after which a folder that nobody touched, and that is no generation's, was left by a crash."""


def remove_old(root: Path, seconds: float) -> int:
    """Remove the folders in `root` that are no generation's and that nobody touched for so long; how many."""
    old = [path for path in root.iterdir() if path.is_dir() and not is_id(path.name) and _age(path) > seconds]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:  # it was removed meanwhile
        return 0.0


class Workplace:
    """The folder of one generation on this machine."""

    def __init__(self, root: Path, objects: Objects, generation: str) -> None:
        self.folder = root / generation
        self._objects = objects

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Path]:
        """A new folder for a step; gone at the end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def local(self, key: str) -> Path:
        """The object as a file to be read: itself where the store is a folder, else a copy that is kept."""
        path = self._objects.local_path(key)
        if path is not None:
            return path
        path = self.folder / "inputs" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            await self._objects.fetch(key, path)
        return path

    async def localised(self, body: Mapping[str, Any], fetched: Mapping[str, str]) -> Json:
        """The body of a generation with a local path for every input; `fetched` are keys of what had to be fetched."""
        local = copy.deepcopy(dict(body))
        for index, item in enumerate(local.get("input") or []):
            key = item.pop("key", None) or fetched.get(f"input.{index}")
            if key is not None:
                for name in ("assetId", "asset_id"):
                    item.pop(name, None)
                item["url"] = str(await self.local(key))
        for number, (choice, name, _) in enumerate(boxes_urls(local)):
            key = fetched.get(f"boxes.{number}")
            if key is not None:
                choice[name] = str(await self.local(key))
        return local

    async def prepared(self, prefix: str, files: Sequence[str]) -> Path:
        """The folder that was prepared, with these files: where it lies in the store, or a copy that is kept."""
        anchor = f"{prefix}/prepared/{files[0]}"
        path = self._objects.local_path(anchor)
        if path is not None:
            return path.parents[files[0].count("/")]
        folder, complete = self.folder / "prepared", self.folder / "prepared.complete"
        if not complete.exists():
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                await self._objects.fetch(f"{prefix}/prepared/{name}", folder / name)
            complete.touch()
        return folder

    async def clear(self) -> None:
        """Remove everything."""
        await asyncio.to_thread(shutil.rmtree, self.folder, True)
