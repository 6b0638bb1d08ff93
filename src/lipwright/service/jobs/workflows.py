"""The workflows, and all that is written in terms of DBOS: which steps follow each other, and what is remembered.

A workflow is run again from its last finished step when its worker dies; a step is run at least once. What steps do is
in `steps`, `delivering` and so on, which know nothing of this. Steps that wait for a child are preemptible: when the
workflow is cancelled they are, and the child is killed.

Changing the order or number of steps changes what is remembered: raise `queue.SCHEMA_VERSION`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

from dbos import DBOS, SetWorkflowID
from sqlalchemy.exc import OperationalError

from lipwright.service.jobs import delivering
from lipwright.service.jobs.faces import find_faces
from lipwright.service.jobs.queue import PIECES
from lipwright.service.jobs.steps import Steps
from lipwright.service.logs import context
from lipwright.service.services import Services

Json = dict[str, Any]

_log = logging.getLogger(__name__)


class Again(TypedDict):
    """How often a step is tried again."""

    retries_allowed: bool
    max_attempts: int
    interval_seconds: float
    backoff_rate: float
    should_retry: NotRequired[Callable[[BaseException], bool]]


PATIENT: Again = {"retries_allowed": True, "max_attempts": 8, "interval_seconds": 1.0, "backoff_rate": 2.0}
"""For the steps that end a job: whatever is wrong, a database or a store may be there again within two minutes."""

AGAIN: Again = {**PATIENT, "should_retry": lambda error: isinstance(error, OperationalError)}
"""For the others: what goes wrong for a reason of the job's own is returned, and only a database that is away is worth
doing the work again."""

_steps: Steps | None = None


def use(services: Services) -> Steps:
    """The parts that the workflows of this process work with."""
    global _steps
    _steps = Steps(services)
    return _steps


def steps() -> Steps:
    """The steps of this process."""
    assert _steps is not None, "`use` has to be called before workflows run"
    return _steps


@DBOS.step(**AGAIN)
async def begin(generation: str) -> Json:
    """See `Steps.begin`."""
    return await steps().begin(generation)


@DBOS.step(preemptible=True, **AGAIN)
async def gather(generation: str) -> Json:
    """See `Steps.gather`."""
    return await steps().gather(generation)


@DBOS.step(preemptible=True, **AGAIN)
async def prepare(generation: str, fetched: Json) -> Json:
    """See `Steps.prepare`."""
    return await steps().prepare(generation, fetched)


@DBOS.step(preemptible=True, **AGAIN)
async def render_piece(generation: str, number: int, prepared: Json) -> Json:
    """See `Steps.piece`."""
    return await steps().piece(generation, number, prepared)


@DBOS.step(preemptible=True, **AGAIN)
async def join(generation: str, prepared: Json, pieces: list[list[str]]) -> Json:
    """See `Steps.join`."""
    return await steps().join(generation, prepared, pieces)


@DBOS.step(**PATIENT)
async def finish(generation: str, made: Json) -> Json:
    """See `Steps.finish`."""
    return await steps().finish(generation, made)


@DBOS.step(**PATIENT)
async def fail(generation: str, error: Json) -> Json:
    """See `Steps.fail`."""
    return await steps().fail(generation, error)


@DBOS.workflow(name="generation", max_recovery_attempts=100)
async def generation(identity: str) -> Json:
    """One generation from PENDING to its end."""
    with context(generation=identity):
        if not (await begin(identity))["go"]:
            return {"status": "ended before"}
        _log.info("the generation is in work")
        gathered = await gather(identity)
        made = gathered if "error" in gathered else await render(identity, gathered["fetched"])
        ended = await (fail(identity, made["error"]) if "error" in made else finish(identity, made))
        if ended["delivery"] is not None:
            await hand_over(ended["delivery"])
        _log.info("the generation has ended: %s", made["error"]["code"] if "error" in made else "completed")
        return {"status": "failed" if "error" in made else "completed"}


async def render(identity: str, fetched: Json) -> Json:
    """The output of a generation, by as many workers as are free if it is long."""
    prepared = await prepare(identity, fetched)
    if "pieces" not in prepared:
        return prepared
    handles = []
    for number in range(len(prepared["pieces"])):
        with SetWorkflowID(f"{identity}.piece.{number}"):
            handles.append(await DBOS.enqueue_workflow_async(PIECES, piece, identity, number, prepared))
    made: list[list[str]] = []
    for number, handle in enumerate(handles):
        done = await handle.get_result()
        if "error" in done:
            for other in handles[number + 1 :]:
                await DBOS.cancel_workflow_async(other.get_workflow_id())
            return done
        made.append(done["files"])
    return await join(identity, prepared, made)


@DBOS.workflow(name="piece", max_recovery_attempts=100)
async def piece(identity: str, number: int, prepared: Json) -> Json:
    """One piece of a generation."""
    with context(generation=identity, piece=str(number)):
        return await render_piece(identity, number, prepared)


@DBOS.step()
async def hand_over(identity: str) -> None:
    """Put a delivery into its queue."""
    steps().services.queue.deliver(identity)


@DBOS.step(**AGAIN)
async def attempt(identity: str, last: bool) -> Json:
    """See `delivering.attempt`."""
    return await delivering.attempt(steps().services, identity, last)


@DBOS.step()
async def waits() -> list[float]:
    """How long to wait between tries: remembered, since the configuration may change meanwhile."""
    config = steps().services.config
    return [delivering.jittered(wait) for wait in delivering.waits(config.webhook_first_retry, config.webhook_hours)]


@DBOS.workflow(name="delivery", max_recovery_attempts=1000)
async def delivery(identity: str) -> Json:
    """One webhook, tried until it is taken or the time is over. Between tries it sleeps, through restarts too."""
    pauses = await waits()
    for number in range(len(pauses) + 1):
        if (await attempt(identity, number == len(pauses)))["done"]:
            return {"delivered": True}
        if number < len(pauses):
            await DBOS.sleep_async(pauses[number])
    return {"delivered": False}


@DBOS.step(preemptible=True, **AGAIN)
async def look_for_faces(asset: str) -> Json:
    """See `lipwright.service.jobs.faces`."""
    return await find_faces(steps().services, asset)


@DBOS.workflow(name="faces", max_recovery_attempts=20)
async def faces(asset: str) -> Json:
    """The faces of one asset."""
    return await look_for_faces(asset)


__all__ = ["delivery", "faces", "generation", "piece", "steps", "use"]
