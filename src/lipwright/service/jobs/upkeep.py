"""What has to be looked after now and then: orders that never reached the queue, ends nobody wrote down, old things.

Every worker does all of it; each duty is harmless when two do it at once. The queue's tables are the truth about what
runs, ours about what was promised to a client: `reconcile` makes them agree again after any crash.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import load_only

from lipwright.service.jobs import face_cache
from lipwright.service.jobs.batches import PATIENCE, moved
from lipwright.service.jobs.delivering import LONGEST_WAIT
from lipwright.service.jobs.steps import Steps
from lipwright.service.jobs.workplace import LEFT_BEHIND, remove_old
from lipwright.service.orders import retention
from lipwright.service.orders.removal import remove_asset, remove_asset_file, remove_batch, remove_generation, uses
from lipwright.service.storage import batches, deliveries, generations, rates
from lipwright.service.storage.tables import Delivery, Generation, is_id, now

_log = logging.getLogger(__name__)

SETTLED = timedelta(seconds=10)
"""Rows younger than this may still be on their way into the queue."""

REMEMBERED = timedelta(days=7)
"""How long the queue remembers a job that has ended."""

RECENT = timedelta(hours=1)
"""For how long after its end a job is made sure to have ended."""

_ALIVE = {"ENQUEUED", "PENDING", "DELAYED"}
_DEAD = {"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
_BATCHES = 20.0
"""Seconds that one round may spend on batches; the next one begins with others."""


class Upkeep:
    """The duties, and when each is due."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._services = steps.services

    @property
    def duties(self) -> list[tuple[float, float, Callable[[], Awaitable[object]]]]:
        """Each duty, with seconds until it is due for the first time and between two times."""
        return [
            (0.0, 5.0, self.reconcile),
            (2.0, 5.0, self.move_batches),
            (30.0, 600.0, self.retire),
            (20.0, 900.0, self.sweep),
            (40.0, 600.0, self.forget_rates),
            (60.0, 3600.0, self.forget_jobs),
        ]

    async def run(self) -> None:
        """Do what is due, for ever."""
        start = time.monotonic()
        due = [first for first, _, _ in self.duties]
        while True:
            for number, (_, every, duty) in enumerate(self.duties):
                if time.monotonic() - start >= due[number]:
                    due[number] = time.monotonic() - start + every
                    try:
                        await duty()
                    except Exception:
                        _log.exception("upkeep failed; it is tried again")
            await asyncio.sleep(1.0)

    async def reconcile(self) -> int:
        """Make our rows and the queue agree; how many rows needed it."""
        rows = await asyncio.to_thread(self._settled)
        states = await asyncio.to_thread(self._services.queue.states, [row.id for row in rows])
        mended = 0
        for row in rows:
            state = states.get(row.id)
            if state is None:
                await asyncio.to_thread(self._services.queue.generate, row.id, row.turn, row.priority)
                mended += 1
            elif state in _DEAD or state == "SUCCESS":
                code = "generation_cancelled" if state == "CANCELLED" else "generation_unknown_error"
                message = "The job was cancelled." if state == "CANCELLED" else "The job failed for an unknown reason."
                await self._steps.fail(row.id, {"code": code, "message": message})
                await asyncio.to_thread(self._services.queue.cancel, row.id)  # pieces of it may be in work yet
                mended += 1
        mended += await asyncio.to_thread(self._still_running)
        mended += await asyncio.to_thread(self._undelivered)
        return mended

    async def move_batches(self) -> int:
        """Do what is next for batches that have not ended; how many were looked at."""
        waiting = await asyncio.to_thread(self._unended)
        until = time.monotonic() + _BATCHES
        for number, batch in enumerate(random.sample(waiting, len(waiting))):
            if time.monotonic() > until:
                return number
            await moved(self._services, batch, PATIENCE)
        return len(waiting)

    async def retire(self) -> int:
        """Delete what is older than its organisation keeps things, and uploads nobody registered; how much it was."""
        old, old_batches = await asyncio.to_thread(retention.expired, self._services)
        for row in old:
            await remove_generation(self._services, row)
        for batch in old_batches:
            await remove_batch(self._services, batch)
        unused = await asyncio.to_thread(retention.unused_assets, self._services)
        for asset in unused:
            if not await asyncio.to_thread(uses, self._services, asset):  # nor since we looked
                await remove_asset(self._services, asset)
        stale = await asyncio.to_thread(retention.stale_uploads, self._services)
        for key in stale:
            await remove_asset_file(self._services, key)
        return len(old) + len(old_batches) + len(unused) + len(stale)

    async def sweep(self) -> int:
        """Remove what crashes left (half-written objects, files of generations that have ended), and faces of videos
        that are gone."""
        removed = await self._services.objects.sweep(LEFT_BEHIND)
        work = self._services.config.work_dir
        removed += await asyncio.to_thread(remove_old, work, LEFT_BEHIND)
        for name in [path.name for path in work.iterdir() if is_id(path.name)]:
            if await asyncio.to_thread(self._is_over, name):
                await asyncio.to_thread(shutil.rmtree, work / name, True)
                removed += 1
        # A worker whose job is cancelled may store a last file after the job's were removed.
        left = {"/".join(stored.key.split("/")[:3]) async for stored in self._services.objects.list("work")}
        for prefix in left:
            if await asyncio.to_thread(self._is_over, prefix.rpartition("/")[2]):
                removed += await self._services.objects.delete_prefix(prefix)
        return removed + await face_cache.sweep(self._services.config, self._services.objects)

    async def forget_rates(self) -> int:
        """Remove counts of calls in windows that are over; how many."""
        return await asyncio.to_thread(rates.forget_old, self._services.database)

    async def forget_jobs(self) -> int:
        """Have the queue forget jobs that ended long ago; how many."""
        return await asyncio.to_thread(self._services.queue.prune, now() - REMEMBERED)

    def _still_running(self) -> int:
        """Cancel jobs of generations that were cancelled while the queue could not be told."""
        with self._services.database.reading() as session:
            query = select(Generation.id).where(
                Generation.finished_at > now() - RECENT, Generation.error_code == "generation_cancelled"
            )
            cancelled = list(session.scalars(query))
        states = self._services.queue.states(cancelled)
        running = [identity for identity in cancelled if states.get(identity) in _ALIVE]
        for identity in running:
            self._services.queue.cancel(identity)
        return len(running)

    def _settled(self) -> list[Generation]:
        with self._services.database.reading() as session:
            query = select(Generation).where(
                Generation.status.in_(generations.ACTIVE), Generation.created_at < now() - SETTLED
            )
            needed = load_only(Generation.turn, Generation.priority)  # a request may have megabytes
            return list(session.scalars(query.options(needed)))

    def _undelivered(self) -> int:
        """Hand over deliveries that were written down, or asked for once more, and that no job works at.

        A job that died (the database was away for long, say) is forgotten and begun anew under its name.
        """
        with self._services.database.reading() as session:
            query = select(Delivery).where(Delivery.status == deliveries.PENDING, Delivery.created_at < now() - SETTLED)
            rows = list(session.scalars(query.options(load_only(Delivery.attempts))))  # bodies may have megabytes
        queue = self._services.queue
        jobs = {
            f"{row.id}.{len(row.attempts)}" if row.attempts else row.id: row
            for row in rows
            if not row.attempts or _is_idle(row)
        }
        known = queue.states(list(jobs))
        idle = {job: row for job, row in jobs.items() if job not in known or known[job] in _DEAD}
        for job, row in idle.items():
            if job in known:
                queue.forget([job])
            if row.attempts:
                queue.redeliver(row.id, len(row.attempts))
            else:
                queue.deliver(row.id)
        return len(idle)

    def _unended(self) -> list[str]:
        with self._services.database.reading() as session:
            return batches.unended(session)

    def _is_over(self, name: str) -> bool:
        """Whether the generation `name` has ended."""
        with self._services.database.reading() as session:
            row = session.get(Generation, name)
            return row is None or row.status in generations.ENDED


def _is_idle(delivery: Delivery) -> bool:
    """Whether the last try is longer ago than anybody waits for the next."""
    return datetime.fromisoformat(delivery.attempts[-1]["at"]) < now() - timedelta(seconds=1.25 * LONGEST_WAIT)
