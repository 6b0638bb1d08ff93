"""Looking at media quickly: a child that is kept warm, because starting one takes longer than looking at a file.

Requests for the kind of a file come while a client waits, so they cannot each pay for a new process; and they cannot
be answered in the API's own process, since the file is a stranger's. So one confined child stays, takes one file at a
time, is ended when it takes too long, and is replaced now and then even when it behaves.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from lipwright.service.jobs.children import ChildLimits, StageFailure, Watch, end_process, environment

_SECONDS = 20.0
_FILES = 200
"""Files after which the child is replaced."""

TIMEOUT, UNAVAILABLE = "generation_media_probe_timeout", "generation_media_probe_unavailable"


class Prober:
    """Tells what files are; close it at the end."""

    def __init__(self, limits: ChildLimits, media: dict[str, Any], seconds: float = _SECONDS) -> None:
        self._limits, self._media, self._seconds = limits, media, seconds
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._files = 0

    async def probe(self, path: Path, kind: str = "", thumbnail: Path | None = None) -> dict[str, Any]:
        """What the file at `path` is; see `lipwright.service.jobs.stages.probe`.

        Raises:
            StageFailure: it is no media that can be used, or could not be looked at.
        """
        task = {"path": str(path), "kind": kind, "thumbnail": str(thumbnail) if thumbnail else None}
        return await self.run("probe", task)

    async def run(self, stage: str, task: dict[str, Any]) -> dict[str, Any]:
        """Run a quick stage.

        Raises:
            StageFailure: it failed, or took too long.
        """
        async with self._lock:
            answer = await self._ask({**task, "stage": stage, "media": self._media})
        if "error" in answer:
            error = answer["error"]
            raise StageFailure(error["code"], error["message"], error)
        return cast(dict[str, Any], answer["result"])

    async def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if self._watching is not None:
            self._watching.cancel()
        if process is not None:
            end_process(process)
            with suppress(ProcessLookupError):
                await process.wait()

    async def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        try:
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(task).encode() + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(self._seconds):
                while line := await process.stdout.readline():
                    answer = json.loads(line)
                    if "progress" not in answer:
                        return cast(dict[str, Any], answer)
        except TimeoutError:
            await self.close()
            raise StageFailure(TIMEOUT, "Looking at the media took too long.") from None
        except BaseException:
            await self.close()
            raise
        await self.close()
        raise StageFailure(UNAVAILABLE, "The media could not be looked at: the process that does it ended.")

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and (self._process.returncode is not None or self._files >= _FILES):
            await self.close()
        if self._process is None:
            self._files = 0
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "lipwright.service.jobs.child"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=1 << 20,
                start_new_session=True,
                env=environment(self._limits),
            )
            assert self._process.stdin is not None
            warm = {"stage": "nothing", "limits": self._limits.told, "network": False}
            self._process.stdin.write(json.dumps(warm).encode() + b"\n")
            assert self._process.stdout is not None
            await asyncio.wait_for(self._process.stdout.readline(), 60)
            self._watching = asyncio.create_task(Watch(self._process.pid, self._limits.memory).run())
        self._files += 1
        return self._process
