"""Caps and rates with a hundred clients at once, against a real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.service.installation import Installation, plain_body
from benchmarks.service.material import make_speech, make_talk, upload

CLIENTS, CAP, RATE = 100, 7, 13


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An API whose generations stay pending, because no worker takes them."""
    settings = {"LIPWRIGHT_CONCURRENCY_PER_KEY": str(CAP)}
    if request.param == "postgres":
        make: Callable[[], str] = request.getfixturevalue("postgres")
        settings["LIPWRIGHT_DATABASE_URL"] = make()
    installation = Installation(tmp_path / "data", settings)
    yield installation
    installation.stop()


def body_for(client: httpx.Client, folder: Path) -> dict[str, Any]:
    """A request that the server takes."""
    make_talk(folder / "talk.mp4", 0.4, 128)
    make_speech(folder / "line.wav", 0.4)
    return plain_body(upload(client, folder / "talk.mp4", "VIDEO"), upload(client, folder / "line.wav", "AUDIO"))


def at_once(house: Installation, key: str, body: dict[str, Any]) -> list[httpx.Response]:
    """The answers to a hundred orders of as many clients."""

    def one(_: int) -> httpx.Response:
        with house.client(key) as client:
            return client.post("/v2/generate", json=body)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


def test_the_cap_is_exact(house: Installation, tmp_path: Path) -> None:
    house.api()
    key = house.key()
    with house.client(key) as client:
        body = body_for(client, tmp_path)
        answers = at_once(house, key, body)
        assert Counter(answer.status_code for answer in answers) == {201: CAP, 429: CLIENTS - CAP}
        refusal = next(answer for answer in answers if answer.status_code == 429)
        told = refusal.json()
        assert told["errorCode"] == "concurrency_limit_reached"
        assert (told["activeGenerations"], told["concurrencyLimit"]) == (CAP, CAP)
        assert "upgradeUrl" in told
        assert refusal.headers["Retry-After"] == str(told["retryAfterSeconds"])
        assert refusal.headers["X-Sync-Concurrency-Limit"] == refusal.headers["X-Sync-Active-Generations"] == str(CAP)
        assert client.get("/v2/generations/count").json() == {"count": CAP}
        first = next(answer for answer in answers if answer.status_code == 201).json()["id"]
        client.post(f"/v2/generations/{first}/cancel").raise_for_status()
        assert client.post("/v2/generate", json=body).status_code == 201
        assert client.post("/v2/generate", json=body).status_code == 429
    with house.client(house.key()) as other:
        assert other.get("/v2/generations").status_code == 200
    others = Counter(answer.status_code for answer in at_once(house, house.key(), body))
    assert others == {201: CAP, 429: CLIENTS - CAP}, "another key has a cap of its own"


def test_the_rate_is_exact(tmp_path: Path) -> None:
    house = Installation(tmp_path / "data", {"LIPWRIGHT_RATE_GENERATE": f"{RATE}/minute"})
    try:
        house.api()
        key = house.key()
        with house.client(key) as client:
            answers = at_once(house, key, body_for(client, tmp_path))
            assert Counter(answer.status_code for answer in answers) == {201: RATE, 429: CLIENTS - RATE}
            refusal = next(answer for answer in answers if answer.status_code == 429)
            assert refusal.json()["errorCode"] == "rate_limit_exceeded"
            assert refusal.json()["error"] == "Too Many Requests"
            assert 1 <= int(refusal.headers["Retry-After"]) <= 60
            assert client.get("/v2/generations").status_code == 200, "reading has a rate of its own"
    finally:
        house.stop()
