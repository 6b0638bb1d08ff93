"""How far a generation is, from the progress lines of its children to its row, at most twice a second.

Percent go by the share of time that phases usually take: looking for faces and drawing are the long ones. The time left
is what it took so far, carried on; it is told once a tenth is done, when it starts to mean something.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from lipwright.service.storage import generations
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Generation, now

_log = logging.getLogger(__name__)

EVERY = 0.5
_SPANS = {"fetch": (0.0, 5.0), "text to speech": (5.0, 8.0), "faces": (8.0, 42.0), "listen": (8.0, 42.0)}
RENDER = (42.0, 97.0)


class Teller:
    """Takes progress of one child (`piece` n of `pieces`) and writes it down now and then; close it at the end."""

    def __init__(self, database: Database, generation: str, piece: int = 0, frames: int | None = None) -> None:
        """`frames` is how many the whole output has, None where the child renders all of it."""
        self._database, self._generation, self._piece, self._frames = database, generation, piece, frames
        self._latest: dict[str, Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one progress line."""
        self._latest = event
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write_soon())

    async def close(self) -> None:
        """Stop writing; what is not written yet is out of date anyway."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _write_soon(self) -> None:
        while self._latest is not None:
            event, self._latest = self._latest, None
            try:
                await asyncio.to_thread(self._write, event)
            except SQLAlchemyError:  # nobody loses a job for want of a percentage
                _log.warning("progress could not be written down; the next will be", exc_info=True)
            await asyncio.sleep(EVERY)

    def _write(self, event: dict[str, Any]) -> None:
        with self._database.writing() as session:
            row = session.get(Generation, self._generation, with_for_update=True)
            if row is None or row.status != generations.PROCESSING:
                return
            known = dict(row.progress or {})
            generations.tell(session, self._generation, self._merged(known, event, row))

    def _merged(self, known: dict[str, Any], event: dict[str, Any], row: Generation) -> dict[str, Any]:
        phase, done, total = event["phase"], event["done"], event["total"]
        share = done / total if total else 0.0
        if phase == "render":
            pieces = dict(known.get("pieces") or {})
            pieces[str(self._piece)] = max(done, pieces.get(str(self._piece), 0))
            frames, whole = sum(pieces.values()), self._frames or total
            share, span = (frames / whole if whole else 0.0), RENDER
            known |= {"pieces": pieces, "frames": frames, "totalFrames": whole}
        else:
            span = _SPANS.get(phase, (0.0, 5.0))
        percent = max(float(known.get("percent", 0.0)), round(span[0] + share * (span[1] - span[0]), 1))
        known |= {"phase": phase, "percent": min(percent, 99.0), "etaSeconds": _left(row, percent)}
        return known


def _left(row: Generation, percent: float) -> float | None:
    """Seconds until the end, if the rest goes as what is done."""
    if row.started_at is None or percent < 10:
        return None
    gone = (now() - row.started_at).total_seconds()
    return round(gone * (100 - percent) / percent, 1)
