"""Delivering a webhook: one signed try, and how long to wait for the next."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from lipwright.service.net.signing import sign
from lipwright.service.services import Services
from lipwright.service.storage import deliveries
from lipwright.service.storage.tables import Delivery, Organisation, now

Json = dict[str, Any]

LONGEST_WAIT = 3600.0
_OK = range(200, 300)


def waits(first: float, hours: float) -> list[float]:
    """Seconds between tries: doubling from `first`, up to an hour, `hours` in all."""
    found: list[float] = []
    wait = first
    while sum(found) + wait <= hours * 3600.0:
        found.append(wait)
        wait = min(wait * 2, LONGEST_WAIT)
    return found


async def attempt(services: Services, delivery: str, last: bool) -> Json:
    """Try once to deliver; whether it is done.

    What was taken meanwhile (by a repetition that somebody asked for, or by this same try before a crash) is not sent
    again.
    """
    row, secret = await asyncio.to_thread(_read, services, delivery)
    if row is None or row.status == deliveries.DELIVERED:
        return {"done": True}
    body = row.body.encode("utf-8")
    headers = sign(secret, body, message_id=row.id, now=time.time())
    posted = await services.fetcher.post(row.url, body, headers)
    taken = posted.status in _OK if posted.status is not None else False
    log = {
        "at": now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": posted.status,
        "seconds": round(posted.seconds, 3),
        "note": posted.note or None,
    }
    await asyncio.to_thread(_note, services, delivery, log, taken, last)
    return {"done": taken}


def jittered(wait: float) -> float:
    """`wait`, give or take a tenth, so that many deliveries to one receiver do not come all at once."""
    return wait * random.uniform(0.9, 1.1)


def _read(services: Services, delivery: str) -> tuple[Delivery | None, str]:
    with services.database.reading() as session:
        row = session.get(Delivery, delivery)
        if row is None:
            return None, ""
        return row, session.get_one(Organisation, row.organisation_id).webhook_secret


def _note(services: Services, delivery: str, log: Json, taken: bool, last: bool) -> None:
    with services.database.writing() as session:
        deliveries.attempted(session, delivery, log, taken, last)
