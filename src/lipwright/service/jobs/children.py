"""Running a stage in a child process: started, listened to, watched and, whatever happens, ended."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lipwright.service.config import ServiceConfig

_log = logging.getLogger(__name__)

_LONGEST_LINE = 16 << 20
_OUTPUT_FACTOR = 4
_WATCH = 0.25
"""Seconds between looks at a child's memory."""

EXHAUSTED, TIMEOUT, CRASHED = (
    "generation_infra_resource_exhausted",
    "generation_timeout",
    "generation_pipeline_failed",
)

_KEPT = {"PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT"}
_KEPT |= {"LIPWRIGHT_MODEL_DIR", "LIPWRIGHT_CACHE_DIR", "LIPWRIGHT_DEBUG"}
_KEPT_FAMILIES = ("LC_", "PYTHON", "XDG_", "LIPWRIGHT_TEST_")
_FOR_SPEECH = {"ELEVENLABS_API_KEY", "LIPWRIGHT_ELEVENLABS_BASE_URL", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_FOR_SPEECH |= {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}

Told = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What a child may use: bytes of memory, cores, niceness, seconds, and bytes of one file it writes."""

    memory: int
    threads: int
    nice: int
    seconds: float
    file_size: int = 0

    @classmethod
    def of(cls, config: ServiceConfig) -> ChildLimits:
        """Those of the installation; an output may be larger than its input, but not by any amount."""
        largest = _OUTPUT_FACTOR * config.max_upload
        return cls(config.child_memory, config.child_threads, config.child_nice, config.job_timeout, largest)

    @property
    def told(self) -> dict[str, int]:
        """What the child is told, to put on itself."""
        names = ("memory", "threads", "nice", "file_size")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass(eq=False)  # neither frozen nor slotted: context managers set the traceback of what passes through them
class StageFailure(Exception):
    """A stage that did not work out: the error code, a sentence, and the fields of `LipwrightError`."""

    code: str
    message: str
    detail: dict[str, Any] = field(default_factory=dict)


async def run_stage(
    stage: str,
    task: dict[str, Any],
    limits: ChildLimits,
    told: Told | None = None,
    *,
    network: bool = False,
    temporary: Path | None = None,
) -> dict[str, Any]:
    """What the stage called `stage` makes of `task`, in a process of its own that is gone when this returns.

    Its temporary files go to `temporary`, the system's folder for them by default.

    Raises:
        StageFailure: it failed, crashed, or used more than it may.
        asyncio.CancelledError: this task was cancelled; the child was killed.
    """
    message = json.dumps({**task, "stage": stage, "network": network, "limits": limits.told})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lipwright.service.jobs.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
        start_new_session=True,
        env=environment(limits, temporary, network=network),
    )
    watch = Watch(process.pid, limits.memory)
    try:
        assert process.stdin is not None
        process.stdin.write(message.encode() + b"\n")  # and it stays open: its end is what ends an orphan
        async with asyncio.timeout(limits.seconds):
            said = asyncio.create_task(_last_words(process))
            watching = asyncio.create_task(watch.run())
            try:
                answer = await _listen(process, told)
                if answer is None:
                    await process.wait()
            finally:
                watching.cancel()
                end_process(process)
                words = await _settled(said)
    except TimeoutError:
        raise StageFailure(TIMEOUT, f"The job took longer than the {limits.seconds:g} seconds it may.") from None
    finally:
        end_process(process)
        with suppress(ProcessLookupError):
            await process.wait()
    return _outcome(answer, process.returncode, watch, stage, words)


def _outcome(answer: dict[str, Any] | None, code: int | None, watch: Watch, stage: str, words: str) -> dict[str, Any]:
    if watch.exceeded:
        raise StageFailure(EXHAUSTED, f"The job needed more than the {watch.limit >> 20} MB of memory it may use.")
    if answer is None:
        _log.error("stage %s ended with code %s: %s", stage, code, words)
        if code == -signal.SIGKILL:
            raise StageFailure(EXHAUSTED, "The job's process was ended by the system; it may be short of memory.")
        raise StageFailure(CRASHED, "The job's process ended without a result.")
    if words:
        _log.info("stage %s: %s", stage, words)
    if "error" in answer:
        error = answer["error"]
        raise StageFailure(error["code"], error["message"], error)
    result: dict[str, Any] = answer["result"]
    return result


async def _listen(process: asyncio.subprocess.Process, told: Told | None) -> dict[str, Any] | None:
    """The result or error that the child writes, None if it ends without; progress goes to `told`."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if "progress" in message:
            if told is not None:
                told(message["progress"])
        else:
            return cast(dict[str, Any], message)
    return None


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """The end of what the child writes to standard error."""
    assert process.stderr is not None
    kept = b""
    while block := await process.stderr.read(4096):
        kept = (kept + block)[-4000:]
    return kept.decode("utf-8", "replace").strip()


async def _settled(task: asyncio.Task[str]) -> str:
    """What `task` has to say, if it says it soon."""
    with suppress(TimeoutError, asyncio.CancelledError):
        return await asyncio.wait_for(asyncio.shield(task), 1.0)
    task.cancel()
    return ""


def end_process(process: asyncio.subprocess.Process) -> None:
    """End the child and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


def environment(limits: ChildLimits, temporary: Path | None = None, *, network: bool = False) -> dict[str, str]:
    """The environment of a child: what Python, libraries and our model files need, and none of the service's secrets.

    One that may use the network also gets what it takes to speak by a cloud service.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_FAMILIES) or (network and name in _FOR_SPEECH)
    }
    own = {name: str(limits.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    if temporary is not None:
        own["TMPDIR"] = str(temporary)
    return {**kept, **own, "PYTHONUNBUFFERED": "1"}


class Watch:
    """Kills a child that uses more memory than it may."""

    def __init__(self, pid: int, limit: int) -> None:
        self._pid, self.limit = pid, limit
        self.exceeded = False

    async def run(self) -> None:
        """Look every now and then until cancelled."""
        status = Path(f"/proc/{self._pid}/statm")
        page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
        while True:
            await asyncio.sleep(_WATCH)
            try:
                _, resident, shared, *_ = (int(part) for part in status.read_text().split())
            except (OSError, ValueError):
                return
            if (resident - shared) * page > self.limit:
                self.exceeded = True
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, signal.SIGKILL)
                return
