"""A process that renders one piece for a generation on the same machine.

`python -m lipwright.generation.pieces.worker` reads one pickled `Task` from its standard input, which its parent keeps
open: when that ends, because the parent cancelled or is gone, so does this process, in the middle of the piece too. It
writes JSON lines: `{"done": n}` as it
goes, and at the end `{"ended": true}` or `{"error": <a pickled exception in base64>}`.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from lipwright.errors import LipwrightError
from lipwright.generation.settings import Settings
from lipwright.progress import Progress, ProgressEvent
from lipwright.timeline.request import GenerationRequest

_EVERY = 0.1
"""Seconds between two lines about progress, at least."""


@dataclass(frozen=True, slots=True)
class Task:
    """Frames first..stop-1 of what was prepared in `folder`, to be rendered to `output`."""

    request: GenerationRequest
    folder: Path
    first: int
    stop: int
    output: Path
    settings: Settings


def main() -> None:
    """Render the piece."""
    # What libraries print must not come between our lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()

    def write(**message: object) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    told = 0.0

    def listen(event: ProgressEvent) -> None:
        nonlocal told
        now = time.monotonic()
        if event.phase == PHASE and (event.done == event.total or now - told >= _EVERY):
            told = now
            write(done=event.done)

    from lipwright.generation.pieces.piece import render_piece
    from lipwright.generation.render import PHASE

    try:
        render_piece(task.request, task.folder, task.first, task.stop, task.output, task.settings, Progress(listen))
    except LipwrightError as error:
        write(error=base64.b64encode(pickle.dumps(error)).decode("ascii"))
    else:
        write(ended=True)


def _end_with_the_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
