"""Webhooks as their owner sees them: the secret they are signed with, and what became of each delivery."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from lipwright.errors import DeliveryNotFound
from lipwright.service.answers import moment
from lipwright.service.api import lists
from lipwright.service.api.state import TheCaller, TheServices
from lipwright.service.api.wire import Query, documented, gives
from lipwright.service.api.wire.service import Delivery as Shape
from lipwright.service.api.wire.service import FullDelivery, Secret
from lipwright.service.net.signing import new_secret
from lipwright.service.services import Services
from lipwright.service.storage import deliveries
from lipwright.service.storage.access import Caller
from lipwright.service.storage.deliveries import STATUSES
from lipwright.service.storage.tables import Delivery, Organisation

router = APIRouter(tags=["webhooks"])

Json = dict[str, Any]

PAGE = 50


@router.get("/v2/organizations/webhook/secret", **documented("webhooks.secret", gives(Secret)))
async def secret(services: TheServices, caller: TheCaller) -> Response:
    """The secret that webhooks of your organisation are signed with."""

    def read() -> str:
        with services.database.reading() as session:
            return session.get_one(Organisation, caller.organisation).webhook_secret

    return _private({"secret": await asyncio.to_thread(read)})


@router.post("/v2/organizations/webhook/secret/rotate", **documented("webhooks.rotate_secret", gives(Secret)))
async def rotate(services: TheServices, caller: TheCaller) -> Response:
    """Replace the secret. Everything that is sent from now on, repetitions too, is signed with the new one only."""

    def write() -> str:
        with services.database.writing() as session:
            row = session.get_one(Organisation, caller.organisation)
            row.webhook_secret = new_secret()
            return row.webhook_secret

    return _private({"secret": await asyncio.to_thread(write)})


@router.get(
    "/v2/webhooks/deliveries",
    **documented(
        "webhooks.deliveries",
        gives(Shape, many=True),
        query=(
            Query("generationId", "Only those that tell of this generation."),
            Query("batchId", "Only those that tell of this batch."),
            Query.some_of("status", STATUSES),
            Query.whole("limit", 1, 100, PAGE),
            Query("cursor", "The id of the last one of the page before."),
        ),
        errors=("generation_input_validation_failed",),
    ),
)
async def list_all(request: Request, services: TheServices, caller: TheCaller) -> Response:
    """Deliveries, newest first, a page at a time; the id of the last one is the next `cursor`."""
    limit = lists.whole(request, "limit", 1, 100, PAGE) or PAGE
    statuses = lists.one_of(lists.listed(request, "status"), STATUSES, "status")
    which = deliveries.Filter(
        caller.organisation,
        lists.text(request, "generationId"),
        lists.text(request, "batchId"),
        statuses,
    )
    cursor = lists.text(request, "cursor")

    def read() -> list[Delivery]:
        with services.database.reading() as session:
            return deliveries.page(session, which, limit, cursor)

    return JSONResponse([told(row) for row in await asyncio.to_thread(read)])


@router.get(
    "/v2/webhooks/deliveries/{delivery_id}",
    **documented("webhooks.delivery", gives(FullDelivery), errors=("delivery_not_found",)),
)
async def get(delivery_id: str, services: TheServices, caller: TheCaller) -> Response:
    """One delivery, with the body exactly as it is sent."""
    row = await asyncio.to_thread(_row, services, caller, delivery_id)
    return JSONResponse({**told(row), "body": row.body})


@router.post(
    "/v2/webhooks/deliveries/{delivery_id}/redeliver",
    **documented("webhooks.redeliver", gives(Shape, 202), errors=("delivery_not_found",)),
)
async def redeliver(delivery_id: str, services: TheServices, caller: TheCaller) -> Response:
    """Send it again, at once and, if it is not taken, as often as the first time; with the same `webhook-id`.

    Asked again before the next try, it is sent once.
    """

    def write() -> Delivery:
        with services.database.writing() as session:
            row = deliveries.find(session, caller.organisation, delivery_id)
            if row is None:
                raise _missing(delivery_id)
            deliveries.reopen(row)
            return row

    row = await asyncio.to_thread(write)
    await asyncio.to_thread(services.queue.redeliver, row.id, len(row.attempts))
    return JSONResponse(told(row), 202)


def told(row: Delivery) -> Json:
    """What is said of a delivery."""
    return {
        "id": row.id,
        "generationId": row.generation_id,
        "batchId": row.batch_id,
        "url": row.url,
        "status": row.status,
        "createdAt": moment(row.created_at),
        "deliveredAt": moment(row.delivered_at),
        "attempts": row.attempts,
    }


def _row(services: Services, caller: Caller, delivery: str) -> Delivery:
    """The caller's delivery.

    Raises:
        DeliveryNotFound: there is none of that id, or it is somebody else's.
    """
    with services.database.reading() as session:
        row = deliveries.find(session, caller.organisation, delivery)
    if row is None:
        raise _missing(delivery)
    return row


def _missing(delivery: str) -> DeliveryNotFound:
    return DeliveryNotFound(f"There is no delivery {delivery[:80]!r}.", field="id")


def _private(answer: Json) -> Response:
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})
