"""A generation on one machine whose pieces are rendered in processes of their own, side by side.

One process keeps about two cores busy: the encoder runs beside Python, and Python's own threads take turns. With more
cores, more processes render; what they make is joined as the service does it, and does not depend on how many they
were. Each takes one stretch of the output, so that an engine is prepared as seldom as possible.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue

from lipwright.errors import RenderError, RequestError
from lipwright.generation.pieces.join import join
from lipwright.generation.pieces.piece import render_piece
from lipwright.generation.pieces.prepare import prepare
from lipwright.generation.pieces.worker import Task
from lipwright.generation.render import PHASE
from lipwright.generation.settings import Result, Settings
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.targets import targets
from lipwright.generation.workspace import workspace
from lipwright.progress import Progress
from lipwright.timeline.request import GenerationRequest

WORTH = Fraction(4)
"""Seconds of encoding below which another process costs more (it starts, loads models, sets up) than it saves."""

_POLL = 0.1  # seconds between looks at the token
_WORDS = 2000  # bytes of a failed process's standard error that are logged

_log = logging.getLogger(__name__)


def most_processes(settings: Settings) -> int:
    """How many processes a generation may use to render. Raises `RequestError` if none may be used."""
    if settings.processes is not None and settings.processes < 1:
        raise RequestError(f"processes is {settings.processes}; it has to be 1 or more.", field="processes")
    if settings.debug_overlay is not None or not isinstance(settings.engine, str):
        return 1  # an overlay is drawn in one go; an engine object cannot go to another process
    if settings.processes is not None:
        return settings.processes
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // 2)


def generate_in_processes(
    request: GenerationRequest, output: Path, settings: Settings, progress: Progress, most: int
) -> Result:
    """Do everything `request` asks for, rendering in up to `most` processes.

    Raises:
        what `lipwright.generation.generate.generate` raises.
    """
    watch = Stopwatch()
    targets(output, settings.report, settings.debug_overlay)  # a mistake in them is told before anything is done
    with workspace() as folder:
        prepared = prepare(request, folder / "prepared", settings, progress)
        lasting = prepared.encoded * prepared.frame_duration
        count = max(1, min(most, int(lasting / WORTH)))
        pieces = prepared.pieces(lasting / count)
        tasks = [
            # Nothing is spoken or looked up any more, and neither a voice nor a cache could be sent along.
            Task(
                request,
                folder / "prepared",
                first,
                stop,
                folder / f"piece-{number}.mp4",
                replace(settings, speech=None, cache=None),
            )
            for number, (first, stop) in enumerate(pieces)
        ]
        if len(tasks) == 1:
            one = tasks[0]
            render_piece(request, one.folder, one.first, one.stop, one.output, one.settings, progress)
        else:
            _render(tasks, prepared.encoded, progress)
        return join(request, folder / "prepared", [task.output for task in tasks], output, settings, progress, watch)


def _render(tasks: Sequence[Task], frames: int, progress: Progress) -> None:
    """Render all `tasks` at once; the first failure ends the others and is raised, and so does cancelling."""
    done = [0] * len(tasks)
    ended = 0
    with ExitStack() as stack:
        news: SimpleQueue[tuple[int, dict[str, object]]] = SimpleQueue()
        for number, task in enumerate(tasks):
            stack.enter_context(_Worker(number, task, news))
        progress.advance(PHASE, 0, frames)
        while ended < len(tasks):
            progress.check()
            try:
                number, message = news.get(timeout=_POLL)
            except Empty:
                continue
            if "error" in message:
                raise pickle.loads(base64.b64decode(str(message["error"])))
            if "ended" in message:
                ended += 1
            if isinstance(message.get("done"), int):
                done[number] = int(str(message["done"]))
                progress.advance(PHASE, sum(done), frames)


class _Worker:
    """A running process; a context manager that ends it."""

    def __init__(self, number: int, task: Task, news: SimpleQueue[tuple[int, dict[str, object]]]) -> None:
        """Start it; what it tells goes to `news` with its number."""
        self._number, self._news = number, news
        self._stack = ExitStack()
        self._said = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lipwright.generation.pieces.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stack.callback(self._process.stdout.close)
        self._stack.callback(self._process.stdin.close)
        pickle.dump(task, self._process.stdin)
        self._process.stdin.flush()
        self._listener = threading.Thread(target=self._listen, name=f"lipwright-piece-{number}", daemon=True)
        self._listener.start()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        self._stack.close()

    def _listen(self) -> None:
        """Pass its lines on, and at their end, if it did not say that it ended, why it did."""
        assert self._process.stdout is not None
        message: dict[str, object] = {}
        for line in self._process.stdout:
            message = json.loads(line)
            self._news.put((self._number, message))
        if not {"ended", "error"} & message.keys():
            code = self._process.wait()
            self._said.seek(0)
            words = self._said.read()[-_WORDS:].decode("utf-8", "replace").strip()
            _log.error("the process of piece %d ended with code %s: %s", self._number, code, words)
            lost = RenderError(f"A process that rendered part of the output ended early (code {code}).")
            self._news.put((self._number, {"error": base64.b64encode(pickle.dumps(lost)).decode("ascii")}))
