"""Webhooks as their owner sees them: the secret, what became of each delivery, and sending one again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.api import Api, organisation_of

from lipwright.service.jobs import delivering
from lipwright.service.jobs.queue import DurableQueue
from lipwright.service.jobs.steps import Steps
from lipwright.service.jobs.upkeep import Upkeep
from lipwright.service.net.fetch import Posted
from lipwright.service.storage import deliveries
from lipwright.service.storage.tables import Delivery

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 1, tzinfo=UTC)


class Receiver:
    """What a receiver answers, in turn, and what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.calls = list(statuses), list[tuple[str, bytes, dict[str, str]]]()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Take a delivery."""
        self.calls.append((url, body, dict(headers)))
        return Posted(self.statuses.pop(0), 0.25)


def receive(here: Api, monkeypatch: pytest.MonkeyPatch, *statuses: int) -> Receiver:
    """Let a receiver answer all deliveries."""
    receiver = Receiver(*statuses)
    monkeypatch.setattr(here.services.fetcher, "post", receiver.post)
    return receiver


def deliver(here: Api, name: str, minutes: float = 0, organisation: str | None = None, **more: Any) -> str:
    """A delivery that was written down."""
    row = Delivery(
        id=f"msg_{name}",
        organisation_id=organisation or here.organisation,
        url="https://hooks.test/x",
        body='{"id":"g","text":"Grüße"}',
        created_at=START + timedelta(minutes=minutes),
        **more,
    )
    here.add(row)
    return f"msg_{name}"


async def ids(here: Api, **query: Any) -> list[str]:
    """The ids of the listed deliveries."""
    answer = await here.http.get("/v2/webhooks/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


async def test_the_secret_can_be_read_and_replaced(api: Api) -> None:
    first = (await api.http.get("/v2/organizations/webhook/secret")).json()
    rotated = (await api.http.post("/v2/organizations/webhook/secret/rotate")).json()
    assert first["secret"].startswith("whsec_")
    assert rotated["secret"] != first["secret"]
    assert (await api.http.get("/v2/organizations/webhook/secret")).json() == rotated
    async with api.client(api.new_key()) as other:
        assert (await other.get("/v2/organizations/webhook/secret")).json() not in (first, rotated)


async def test_deliveries_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    named = [deliver(api, f"{number:02}", number) for number in range(7)]
    assert await ids(api) == named[::-1]
    assert await ids(api, limit=3) == named[:3:-1]
    assert await ids(api, limit=3, cursor=named[4]) == named[3:0:-1]
    assert await ids(api, cursor="msg_unknown") == []


async def test_deliveries_are_found_by_what_they_tell_of_and_how_they_went(api: Api) -> None:
    deliver(api, "a", generation_id="g1", status="FAILED")
    deliver(api, "b", 1, batch_id="b1", status="DELIVERED")
    assert await ids(api, generationId="g1") == ["msg_a"]
    assert await ids(api, batchId="b1") == ["msg_b"]
    assert await ids(api, status="FAILED") == ["msg_a"]
    assert await ids(api, status="FAILED,DELIVERED") == ["msg_b", "msg_a"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "status=LOST", f"limit={'9' * 5000}"])
async def test_a_query_that_is_not_right_is_refused(api: Api, query: str) -> None:
    answer = await api.http.get(f"/v2/webhooks/deliveries?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == query.partition("=")[0]


async def test_one_delivery_is_shown_with_the_body_as_sent(api: Api) -> None:
    deliver(api, "a", generation_id="g1")
    told = (await api.http.get("/v2/webhooks/deliveries/msg_a")).json()
    assert told["body"] == '{"id":"g","text":"Grüße"}'
    assert told["createdAt"] == "2026-01-01T00:00:00.000Z"
    assert told["status"] == "PENDING"
    assert told["deliveredAt"] is None


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/redeliver")])
async def test_what_is_not_there_or_somebody_elses_is_not_found(api: Api, method: str, path: str) -> None:
    deliver(api, "theirs", organisation=organisation_of(api, "another"))
    for name in ("msg_theirs", "msg_none"):
        answer = await api.http.request(method, f"/v2/webhooks/deliveries/{name}{path}")
        assert answer.status_code == 404
        assert answer.json()["errorCode"] == "delivery_not_found"
    assert await ids(api) == []
    assert api.queue.calls == []


async def test_a_repetition_is_sent_under_the_same_id_and_its_tries_are_numbered_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive(api, monkeypatch, 500, 200, 503, 204)
    name = deliver(api, "a")
    await delivering.attempt(api.services, name, last=False)
    await delivering.attempt(api.services, name, last=False)
    taken = (await api.http.get(f"/v2/webhooks/deliveries/{name}")).json()
    assert taken["status"] == "DELIVERED"
    assert taken["deliveredAt"] is not None

    again = await api.http.post(f"/v2/webhooks/deliveries/{name}/redeliver")
    assert again.status_code == 202
    assert again.json()["status"] == "PENDING"
    assert again.json()["deliveredAt"] is None
    assert api.queue.asked("redeliver") == [(name, 2)]

    assert await delivering.attempt(api.services, name, last=False) == {"done": False}
    assert (await api.http.get(f"/v2/webhooks/deliveries/{name}")).json()["status"] == "PENDING"
    assert await delivering.attempt(api.services, name, last=False) == {"done": True}
    told = (await api.http.get(f"/v2/webhooks/deliveries/{name}")).json()
    assert told["status"] == "DELIVERED"
    assert [(one["number"], one["status"]) for one in told["attempts"]] == [(1, 500), (2, 200), (3, 503), (4, 204)]
    assert {call[2]["webhook-id"] for call in receiver.calls} == {name}
    assert len({call[1] for call in receiver.calls}) == 1


async def test_a_repetition_that_nobody_takes_has_failed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(api, monkeypatch, 500)
    name = deliver(api, "a", status="DELIVERED", attempts=[{"number": 1, "at": "2026-01-01T00:00:00.000Z"}])
    await api.http.post(f"/v2/webhooks/deliveries/{name}/redeliver")
    await delivering.attempt(api.services, name, last=True)
    assert (await api.http.get(f"/v2/webhooks/deliveries/{name}")).json()["status"] == "FAILED"


async def test_what_was_taken_is_not_sent_again_by_a_try_that_comes_late(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive(api, monkeypatch, 200)
    name = deliver(api, "a")
    assert await delivering.attempt(api.services, name, last=False) == {"done": True}
    assert await delivering.attempt(api.services, name, last=True) == {"done": True}
    assert len(receiver.calls) == 1


async def test_a_repetition_that_never_reached_the_queue_is_handed_over(api: Api) -> None:
    old = {"number": 1, "at": "2026-01-01T00:00:00.000Z", "status": 200, "seconds": 0.1, "note": None}
    lost = deliver(api, "lost", attempts=[old])
    deliver(api, "between", attempts=[old, {**old, "at": datetime.now(UTC).isoformat()}])
    fresh = deliver(api, "fresh")
    await Upkeep(Steps(api.services)).reconcile()
    assert api.queue.asked("redeliver") == [(lost, 1)]
    assert api.queue.asked("deliver") == [(fresh,)]


async def test_a_cancelled_generation_leaves_a_delivery_that_can_be_read(api: Api) -> None:
    created = await api.create(webhookUrl="https://1.1.1.1/hook")
    await api.http.post(f"/v2/generations/{created['id']}/cancel")
    [name] = await ids(api, generationId=created["id"])
    assert name == deliveries.delivery_id(created["id"])
    told = (await api.http.get(f"/v2/webhooks/deliveries/{name}")).json()
    assert json.loads(told["body"])["error_code"] == "generation_cancelled"
    assert (await api.http.get("/v2/webhooks/deliveries", params={"batchId": "x"})).json() == []


async def test_the_real_queue_counts_what_waits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    DurableQueue.prepare(url)
    queue = DurableQueue(url)
    try:
        queue.redeliver("msg_a", 1)
        queue.redeliver("msg_a", 1)
        queue.redeliver("msg_a", 2)
        queue.generate("g", 1)
        waiting = queue.waiting()
    finally:
        queue.close()
    assert {name: one.count for name, one in waiting.items()} == {
        "generations": 1,
        "pieces": 0,
        "deliveries": 2,
        "light": 0,
    }
    assert 0 <= waiting["deliveries"].seconds < 60
