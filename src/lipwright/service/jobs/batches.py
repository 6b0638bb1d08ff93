"""Moving a batch along: a few of its lines in work at a time, and at the end the file of results and the webhook.

There is no workflow for it. `advance` looks at where the batch is and does what is next; it is called when the batch
is created, when a generation of it ends, and by the upkeep every few seconds, which is what heals any crash. Any number
of processes may call it at once: a line becomes a generation in one transaction, under the lock of the batch, and the
end of the batch is written down once, together with its webhook.

Whether the addresses in a line answer is found out before that transaction, since nobody may hold the database while
strangers' servers are asked. So two processes may both ask for one line; only one of them creates it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from lipwright.error_codes import known
from lipwright.errors import LipwrightError, OutputError
from lipwright.service.answers import Answers
from lipwright.service.net.signing import canonical
from lipwright.service.orders.accept import Order, accept
from lipwright.service.services import Services
from lipwright.service.storage import access, batches, deliveries
from lipwright.service.storage.access import Caller
from lipwright.service.storage.tables import Batch, BatchRow

_log = logging.getLogger(__name__)

HURRY, PATIENCE = 1.0, 10.0
"""Seconds after which lines that cannot be created are left to the next call: where somebody waits, and in the upkeep.

Asking whether the addresses of a line answer can take seconds more, once.
"""

_SPACE = UUID("6c697077-7269-4768-8462-617463680000")


@dataclass(frozen=True, slots=True)
class _State:
    """Where a batch is: the lines to be created next, or whether all have ended."""

    batch: Batch
    caller: Caller
    rows: list[BatchRow]
    over: bool


class _Taken(Exception):
    """The line is not to be created (any more)."""


async def moved(services: Services, batch: str | None, patience: float = HURRY) -> None:
    """`advance` for callers whose own work must not fail with it; None is a generation without a batch."""
    if batch is None:
        return
    try:
        await advance(services, batch, patience)
    except Exception:
        _log.exception("batch %s could not be moved along; the upkeep tries again", batch)


async def advance(services: Services, batch: str, patience: float = PATIENCE) -> None:
    """Do what is next for a batch, if there is anything."""
    until = asyncio.get_running_loop().time() + patience
    while (state := await asyncio.to_thread(_settle, services, batch)) is not None:
        if state.over:
            await _complete(services, state.batch)
            return
        if not state.rows or asyncio.get_running_loop().time() > until:
            return
        tries = [_create(services, state, row) for row in state.rows]
        for outcome in await asyncio.gather(*tries, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def generation_id(batch: str, line: int) -> str:
    """The id of the generation that a line becomes: always the same, so that there is one."""
    return str(uuid5(_SPACE, f"{batch}/{line}"))


def result_key(batch: Batch) -> str:
    """Where the results of a batch lie."""
    return f"batches/{batch.organisation_id}/{batch.id}/result.jsonl"


def _settle(services: Services, identity: str) -> _State | None:
    """Write down what has ended, and say what is next; None if the batch has ended or is gone."""
    with services.database.writing() as session:
        batch = batches.lock(session, identity)
        if batch is None or batch.status in batches.ENDED:
            return None
        batches.settle(session, batch)
        caller = access.caller_of(session, batch.api_key_id) or Caller(batch.organisation_id, batch.api_key_id)
        rows = batches.next_rows(session, identity, services.config.batch_rows_at_once)
        return _State(batch, caller, rows, batches.is_over(session, identity))


async def _create(services: Services, state: _State, row: BatchRow) -> None:
    """Create the generation of one line, or note why it cannot be.

    What is wrong with the line is noted; a database or store that does not answer is raised: the line is tried again.
    """
    batch, line, generation = row.batch_id, row.line, generation_id(row.batch_id, row.line)

    def take(session: Session) -> None:
        if not batches.take(session, batch, line, generation, services.config.batch_rows_at_once):
            raise _Taken

    try:
        await accept(services, state.caller, Order(row.payload, batch=batch, generation=generation, along=take))
    except _Taken:
        return
    except (OutputError, SQLAlchemyError, OSError):
        raise
    except LipwrightError as error:
        await asyncio.to_thread(_refuse, services, row, error.code, error.message)
    except Exception:
        _log.exception("line %d of batch %s could not be created", line, batch)
        code = "generation_unknown_error"
        await asyncio.to_thread(_refuse, services, row, code, known(code).message)


def _refuse(services: Services, row: BatchRow, code: str, message: str) -> None:
    with services.database.writing() as session:
        batches.refuse(session, row.batch_id, row.line, code, message)


async def _complete(services: Services, batch: Batch) -> None:
    """Write the results and end the batch; what is done twice gives the same."""
    key = result_key(batch)
    await services.objects.put_bytes(key, await asyncio.to_thread(_results, services, batch.id))
    delivery = await asyncio.to_thread(_end, services, batch.id, key)
    if delivery is not None:
        await asyncio.to_thread(services.queue.deliver, delivery)


def _results(services: Services, batch: str) -> bytes:
    """The file of results: a line of JSON for each line of the batch."""
    answers = Answers(services.config, services.links)
    with services.database.reading() as session:
        lines = [answers.batch_row(row, generation) for row, generation in batches.outcomes(session, batch)]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def _end(services: Services, identity: str, key: str) -> str | None:
    """End the batch, if nobody has; the delivery that tells of it."""
    answers = Answers(services.config, services.links)
    with services.database.writing() as session:
        batch = batches.lock(session, identity)
        if batch is None or batch.status in batches.ENDED:
            return None
        batches.end(batch, key)
        session.flush()
        if batch.webhook_url is None:
            return None
        body = canonical(answers.batch(batch, batches.counts(session, [batch])[identity]))
        return deliveries.create(session, batch.organisation_id, batch.webhook_url, body, batch=identity)
