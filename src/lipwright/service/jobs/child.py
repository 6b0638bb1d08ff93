"""The process that does heavy or risky steps: limited in memory, cores and network, and gone when its parent is.

`python -m lipwright.service.jobs.child` reads JSON objects from standard input, one a line: `{"stage": ..., ...}`. It
runs that stage (`lipwright.service.jobs.stages`) and writes JSON objects to standard output, one a line: `{"progress":
...}` as it goes, and `{"result": ...}` or `{"error": ...}` at the end; then it waits for the next. Its limits are those
of the first task. When standard input ends, so does this process, in the middle of a task too, on any system; on Linux
the kernel sees to it as well.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import queue
import sys
import threading
import time
from typing import IO, Any

PROGRESS_EVERY = 0.25
"""Seconds between two progress lines, at least."""


def main() -> None:
    """Run the stages that standard input names, one after the other."""
    teller = Teller(_private_output())
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(tasks,), daemon=True).start()
    task = tasks.get()
    from lipwright.service.jobs.isolation import confine

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    confine(task.get("limits") or {}, network=bool(task.get("network")))
    while True:
        teller.write(answer(task, teller))
        task = tasks.get()


def answer(task: dict[str, Any], teller: Teller) -> dict[str, Any]:
    """What came of one task: `{"result": ...}` or `{"error": ...}`."""
    from lipwright.errors import LipwrightError, RequestError
    from lipwright.service.jobs.stages import STAGES

    try:
        return {"result": STAGES[task["stage"]](task, teller.listen)}
    except LipwrightError as error:
        faults = error.faults if isinstance(error, RequestError) else ()
        told = [{"field": one.field, "message": one.message, "code": one.code} for one in faults]
        fields = {"code": error.code, "message": error.message, "field": error.field, "faults": told}
        return {"error": fields | {"suggestion": error.suggestion, "status": error.status}}
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"error": {"code": "generation_infra_storage_error", "message": "The service's disk is full."}}
        return _unexpected(error)
    except MemoryError:
        return {"error": {"code": "generation_infra_resource_exhausted", "message": "The memory ran out."}}
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> dict[str, Any]:
    logging.getLogger(__name__).error("the stage failed", exc_info=error)
    said = f"Something went wrong inside Lipwright ({type(error).__name__})."
    return {"error": {"code": "generation_pipeline_failed", "message": said}}


class Teller:
    """Writes lines for the parent; progress no more often than every `PROGRESS_EVERY` seconds and phase."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}

    def listen(self, event: Any) -> None:
        """Take a `lipwright.progress.ProgressEvent`."""
        at = time.monotonic()
        if event.done < event.total and at - self._told.get(event.phase, -PROGRESS_EVERY) < PROGRESS_EVERY:
            return
        self._told[event.phase] = at
        fields = {"phase": event.phase, "done": event.done, "total": event.total, "unit": event.unit}
        self.write({"progress": fields})

    def write(self, message: dict[str, Any]) -> None:
        """Write one line."""
        with self._lock:
            self._lines.write(json.dumps(message) + "\n")
            self._lines.flush()


def _private_output() -> IO[str]:
    """Standard output for our lines alone: what libraries print goes to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return lines


def _take(tasks: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass the lines of standard input on; when it ends, so does everything."""
    while line := sys.stdin.readline():
        tasks.put(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main()
