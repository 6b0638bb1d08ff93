"""What Prometheus is told."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from tests.servers.api import Api, api

from lipwright import __version__
from lipwright.service.api.metrics import Folder
from lipwright.service.jobs.queue import Waiting
from lipwright.service.storage.tables import ApiKey, Delivery, Executor, Generation, now

pytestmark = pytest.mark.anyio

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(here: Api) -> Samples:
    """All samples, by name and labels."""
    answer = await here.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return samples[name, frozenset(labels.items())]


async def test_a_key_is_needed_unless_it_is_set_up_otherwise(api: Api) -> None:
    async with api.client() as nobody:
        assert (await nobody.get("/metrics")).status_code == 401
        bearer = await nobody.get("/metrics", headers={"Authorization": f"Bearer {api.key}"})
        assert bearer.status_code == 200


async def test_it_can_be_open(tmp_path: Path) -> None:
    async with api(tmp_path, metrics_open=True) as here, here.client() as nobody:
        assert (await nobody.get("/metrics")).status_code == 200


async def test_requests_are_counted_by_route_and_never_by_path(api: Api) -> None:
    created = await api.create()
    for _ in range(3):
        await api.http.get(f"/v2/generate/{created['id']}")
    await api.http.get("/v2/generate/rubbish")
    await api.http.get("/nowhere/at/all")
    await api.http.request("BREW", "/v2/generate")
    samples = await scraped(api)
    one = {"route": "/v2/generate/{generation_id}", "method": "GET"}
    assert value(samples, "lipwright_http_requests_total", **one, status="200") == 3
    assert value(samples, "lipwright_http_requests_total", **one, status="400") == 1
    assert value(samples, "lipwright_http_request_seconds_count", **one) == 4
    assert value(samples, "lipwright_http_requests_total", route="unmatched", method="GET", status="404") == 1
    text = (await api.http.get("/metrics")).text
    assert "nowhere" not in text
    assert "BREW" not in text
    assert created["id"] not in text


async def test_what_fails_inside_is_counted_as_a_500(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.service.api.health.alive", None)
    monkeypatch.setattr(api.app.state, "answers", None)
    await api.http.get("/v2/generations")
    created = await api.http.post("/v2/generate", json=api.body())
    assert created.status_code == 500
    samples = await scraped(api)
    broken = {"route": "/v2/generate", "method": "POST", "status": "500"}
    assert value(samples, "lipwright_http_requests_total", **broken) == 1


async def test_the_state_of_the_installation(api: Api) -> None:
    key = api.services.database
    with key.reading() as session:
        [identity] = [one.id for one in session.query(ApiKey)]
        at = key.clock(session)
    for _ in range(3):
        await api.create()
    done = await api.create()
    api.change(done["id"], status="COMPLETED")
    api.add(
        Delivery(id="msg_1", organisation_id=api.organisation, url="https://x.test", body="{}", status="FAILED"),
        Executor(id="worker-1", host="here", pid=1, seen_at=at - 2),
        Executor(id="worker-2", host="here", pid=2, seen_at=at - 1000),
    )
    api.queue.depth = {"generations": Waiting(4, 12.5)}
    samples = await scraped(api)
    assert value(samples, "lipwright_generations", status="PENDING") == 3
    assert value(samples, "lipwright_generations", status="COMPLETED") == 1
    assert value(samples, "lipwright_generations", status="REJECTED") == 0
    assert value(samples, "lipwright_key_active_generations", key=identity[:8]) == 3
    assert value(samples, "lipwright_webhook_deliveries", status="FAILED") == 1
    assert value(samples, "lipwright_queue_depth", queue="generations") == 4
    assert value(samples, "lipwright_queue_oldest_seconds", queue="generations") == 12.5
    assert value(samples, "lipwright_workers") == 1
    assert 1.5 < value(samples, "lipwright_worker_heartbeat_age_seconds", worker="worker-1") < 30
    assert value(samples, "lipwright_data_free_bytes") > 0
    assert value(samples, "lipwright_data_bytes") > 10_000
    assert any(name == "lipwright_build_info" and ("version", __version__) in labels for name, labels in samples)


async def test_the_key_itself_is_not_told(api: Api) -> None:
    await api.create()
    text = (await api.http.get("/metrics")).text
    assert api.key[:9] not in text


async def test_scraping_takes_few_queries_and_milliseconds_however_many_rows_there_are(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwright.service.api.metrics._KEPT", 0.0)
    start = now()
    api.add(*(_row(api, number, start - timedelta(seconds=number)) for number in range(5000)))
    await api.http.get("/metrics")
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    event.listen(api.services.database.engine, "before_cursor_execute", note)
    try:
        times = []
        for _ in range(5):
            before = time.perf_counter()
            await api.http.get("/metrics")
            times.append(time.perf_counter() - before)
    finally:
        event.remove(api.services.database.engine, "before_cursor_execute", note)
    assert len(statements) <= 6 * 5  # BEGIN is one
    assert min(times) < 0.1


def _row(here: Api, number: int, created: Any) -> Generation:
    status = ("COMPLETED", "FAILED", "PENDING")[number % 3]
    return Generation(
        organisation_id=here.organisation, api_key_id=f"{number % 20:08}", status=status, model="lipsync-2",
        engine="exemplar", request={}, echo={}, created_at=created,
    )  # fmt: skip


def test_a_folder_is_measured_now_and_then(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 1000)
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    folder = Folder(tmp_path, every=60.0, patience=5.0)
    first = folder.size()
    assert first is not None
    assert first >= 1000
    (tmp_path / "c").write_bytes(b"x" * 5000)
    assert folder.size() == first
    assert Folder(tmp_path, every=0.0, patience=5.0).size() == first + 5000
