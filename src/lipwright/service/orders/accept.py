"""From a client's body to a generation in the queue.

Everything that can be told while the client waits is told then: all faults of the body in one answer, assets that are
not there, addresses that cannot be reached. Nothing is rendered here. The row is written first and the queue asked
second; if the process dies in between, the upkeep of any worker asks again.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lipwright.error_codes import known
from lipwright.errors import (
    AssetNotFound,
    AssetTypeMismatch,
    AudioInaccessible,
    BoxesInaccessible,
    Fault,
    ImageInaccessible,
    MediaError,
    RequestError,
    VideoInaccessible,
    VoiceNotFound,
)
from lipwright.generation.engine import engine_names
from lipwright.service.config import ServiceConfig
from lipwright.service.orders import idempotency
from lipwright.service.orders.shape import boxes_urls, echo, entries
from lipwright.service.services import Services
from lipwright.service.storage import assets, generations
from lipwright.service.storage.access import Caller
from lipwright.service.storage.tables import Generation, new_id
from lipwright.speech.tts import TextToSpeech, TtsSettings
from lipwright.speech.tts.service import LOCAL
from lipwright.timeline.body import parse_request
from lipwright.timeline.request import GenerationRequest, TextInput

Json = dict[str, Any]

_log = logging.getLogger(__name__)

_AT_ONCE = 16
"""Addresses of one order that are asked at a time: a stranger's server is not to be knocked over by one request."""

ASSET_TYPES = {"video": "VIDEO", "audio": "AUDIO", "image": "IMAGE"}
INACCESSIBLE = {"video": VideoInaccessible, "audio": AudioInaccessible, "image": ImageInaccessible}


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for.

    Attributes:
        body: the decoded body, uploaded files already in it as URLs of ours.
        source: which program sent it, as it says itself.
        own_assets: ids of assets made of the files that came with it.
        key: the Idempotency-Key, with the digest of the request.
        batch: the batch that it is a line of.
        generation: the id it gets, where that is not a new one.
        along: what is done in the transaction that creates the generation, before it is; what it raises stops that.
        answer: what the client is told of the new generation; kept, if there is a key, for who asks again.
    """

    body: Json
    source: str | None = None
    own_assets: list[str] = field(default_factory=list)
    key: idempotency.Key | None = None
    batch: str | None = None
    generation: str | None = None
    along: Callable[[Session], None] | None = None
    answer: Callable[[Generation], Json] | None = None


def model_names(config: ServiceConfig) -> dict[str, str]:
    """Every name of a model that can be asked for, and the engine behind it."""
    engines = _engines()
    names = {name: engine for name, engine in config.models.items() if engine in engines}
    return names | {engine: engine for engine in engines}


@cache
def _engines() -> tuple[str, ...]:
    """The engines that were installed when first asked: looking reads a file of every package, ten milliseconds."""
    return tuple(engine_names())


def batch_priority(priority: int) -> int:
    """The priority of a batch's lines: after all interactive work, and among batches by that of their keys."""
    return max(-10, min(9, priority) - 10)


def check_body(services: Services, body: Mapping[str, Any]) -> GenerationRequest:
    """The request in `body`.

    Raises:
        RequestError: with all its faults.
    """
    faults: list[Fault] = []
    request = None
    try:
        request = parse_request(body, models=model_names(services.config))
    except RequestError as error:
        faults += error.faults
    for name in ("webhookUrl", "webhook_url"):
        url = body.get(name) if isinstance(body, Mapping) else None
        if isinstance(url, str) and url:
            try:
                services.fetcher.check_webhook_url(url)
            except RequestError as error:
                faults += error.faults
    if request is not None:
        faults += _voices(request)
    if faults or request is None:
        raise RequestError.of(faults)
    return request


def _voices(request: GenerationRequest) -> Iterator[Fault]:
    """A fault for every text that wants a voice of this machine that it has not; the cloud's are known to it alone."""
    for text in request.audio:
        if isinstance(text, TextInput) and text.provider in LOCAL:
            try:
                TextToSpeech(TtsSettings()).named(text.voice_id)
            except VoiceNotFound as error:
                yield Fault(f"input[{text.position}].provider.voiceId", error.message, error.code)


async def accept(services: Services, caller: Caller, order: Order) -> Generation:
    """Create the generation that `order` asks for and put it into the queue.

    Raises:
        RequestError: the body is not valid. AssetNotFound, AssetTypeMismatch, MediaError: an input cannot be used.
        generations.AtLimit: the key has too many in work.
        idempotency.Replayed: the same order was taken before.
    """
    if order.key is not None:
        await asyncio.to_thread(_replayed, services, caller, order.key)
    request = await asyncio.to_thread(check_body, services, order.body)
    kept = await find_inputs(services, caller.organisation, order.body)
    generation = Generation(
        id=order.generation or new_id(),
        organisation_id=caller.organisation,
        api_key_id=caller.key,
        model=request.model or "",
        engine=model_names(services.config)[request.model or ""],
        request=kept,
        echo=echo(kept),
        webhook_url=request.webhook_url,
        output_file_name=request.output_file_name,
        project_id=request.project_id,
        source=order.source,
        priority=caller.priority if order.batch is None else batch_priority(caller.priority),
        batch_id=order.batch,
        idempotency_key=order.key.text if order.key else None,
        idempotency_hash=order.key.digest if order.key else None,
        own_assets=order.own_assets,
        result={"warnings": list(request.warnings)},
    )
    limit = None if order.batch else (caller.concurrency or services.config.concurrency_per_key)
    try:
        await asyncio.to_thread(_create, services, caller, generation, order, limit)
    except IntegrityError:  # two keys of one organisation sent the same order at the same moment
        if order.key is not None:
            await asyncio.to_thread(_replayed, services, caller, order.key)
        raise
    try:
        await asyncio.to_thread(services.queue.generate, generation.id, generation.turn, generation.priority)
    except Exception:  # it is taken all the same: an error would have the client order it again
        _log.exception("generation %s did not reach the queue; the upkeep asks again", generation.id)
    return generation


def _create(services: Services, caller: Caller, generation: Generation, order: Order, limit: int | None) -> None:
    with services.database.writing() as session:
        # The limit is checked under a lock of the key's row, so two orders with one Idempotency-Key meet here.
        if order.key is not None:
            generations.lock(session, caller.key)
            idempotency.check(session, caller.organisation, order.key)
        if order.along is not None:
            order.along(session)
        generations.create(session, generation, limit)
        if order.key is not None and order.answer is not None:
            generation.result = {**(generation.result or {}), "created": order.answer(generation)}


def _replayed(services: Services, caller: Caller, key: idempotency.Key) -> None:
    with services.database.reading() as session:
        idempotency.check(session, caller.organisation, key)


async def find_inputs(services: Services, organisation: str, body: Json) -> Json:
    """`body` with what each input was found to be: `key`, an object of ours, or `url`, an address that answers.

    Raises:
        AssetNotFound, AssetTypeMismatch, MediaError: of the first input (in the order given) that cannot be used.
    """
    kept: Json = {**copy.deepcopy(body), "input": [_without_key(item) for item in entries(body)]}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(item: Json, index: int) -> Json:
        async with gate:
            return await _found(services, organisation, item, index)

    async def look_at_boxes(url: str, path: str) -> None:
        async with gate:
            await _boxes(services, organisation, url, path)

    boxes: dict[str, str] = {}
    for choice, name, path in boxes_urls(kept):
        boxes.setdefault(choice[name], path)
    found = await asyncio.gather(
        *(look(item, index) for index, item in enumerate(kept["input"])),
        *(look_at_boxes(url, path) for url, path in boxes.items()),
        return_exceptions=True,
    )
    for outcome in found:
        if isinstance(outcome, BaseException):
            raise outcome
    for item, outcome in zip(kept["input"], found, strict=False):
        item |= outcome
    return kept


async def _boxes(services: Services, organisation: str, url: str, path: str) -> None:
    """See that a document of boxes can be had."""
    key = services.links.key_of(url)
    if key is None:
        await services.fetcher.head(url, field=path, kind="boxes")
    elif not owned(key, organisation) or await services.objects.head(key) is None:
        raise BoxesInaccessible(field=path)


def _without_key(item: Any) -> Any:
    """An input as the client gave it, without what only we may say: which object of ours it is."""
    return {name: value for name, value in item.items() if name != "key"} if isinstance(item, dict) else item


async def _found(services: Services, organisation: str, item: Json, index: int) -> Json:
    """What one input is."""
    kind = item.get("type")
    if kind not in ASSET_TYPES:
        return {}
    asset_id, url = item.get("assetId") or item.get("asset_id"), item.get("url")
    if asset_id:
        return {"key": await asyncio.to_thread(asset_key, services, organisation, asset_id, kind, index)}
    field = f"input[{index}].url"
    assert isinstance(url, str)
    key = services.links.key_of(url)
    if key is None:
        await services.fetcher.head(url, field=field, kind=kind)
        return {}
    if not owned(key, organisation) or await services.objects.head(key) is None:
        raise inaccessible(kind, field)
    return {"key": key}


def asset_key(services: Services, organisation: str, asset: str, kind: str, index: int) -> str:
    """The object of an asset that is used as the `kind` input number `index`.

    Raises:
        AssetNotFound, AssetTypeMismatch.
    """
    field = f"input[{index}].assetId"
    with services.database.reading() as session:
        row = assets.find(session, organisation, asset)
    if row is None:
        raise AssetNotFound(f"{field} {asset!r} is not the id of an asset.", field=field)
    if row.type != ASSET_TYPES[kind]:
        sentence = f"{field} names an asset of type {row.type}; the input is of type {kind}."
        raise AssetTypeMismatch(sentence, field=field)
    return row.key


def owned(key: str, organisation: str) -> bool:
    """Whether an object is one of the organisation's: its keys have the id in second place."""
    parts = key.split("/")
    return len(parts) > 2 and parts[1] == organisation


def inaccessible(kind: str, field: str) -> MediaError:
    """The error for an address of ours that is nothing of the caller's."""
    entry = known(f"generation_input_{kind}_inaccessible")
    return INACCESSIBLE[kind](entry.message, field=field, suggestion=entry.suggestion)
