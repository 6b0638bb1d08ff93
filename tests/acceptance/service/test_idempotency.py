"""`Idempotency-Key` on POST /v2/generate (contract 16, decision D9)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import Service


def test_a_repeated_request_is_answered_as_before(service: Service, plain: dict[str, Any]) -> None:
    key = f"Job.1~{uuid4()}_a"
    first = service.post(plain, Idempotency_Key=key)
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    service.cancel(first.json()["id"])
    service.ended(first.json()["id"])
    again = service.post(plain, Idempotency_Key=key)
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["status"] == first.json()["status"]


def test_another_body_under_the_same_key(service: Service, plain: dict[str, Any]) -> None:
    key = str(uuid4())
    service.cancel(service.create(plain, Idempotency_Key=key)["id"])
    refused = service.post({**plain, "options": {"sync_mode": "loop"}}, Idempotency_Key=key)
    assert refused.status_code == 409
    assert refused.json()["statusCode"] == 409
    assert refused.json()["errorCode"]


def test_keys_are_case_sensitive(service: Service, plain: dict[str, Any]) -> None:
    key = f"a{uuid4()}"
    made = [service.create(plain, Idempotency_Key=one)["id"] for one in (key, key.upper())]
    for id in made:
        service.cancel(id)
    assert made[0] != made[1]


def test_a_refused_request_does_not_use_its_key_up(service: Service, plain: dict[str, Any]) -> None:
    key = str(uuid4())
    assert service.post({**plain, "model": "lipsync-9"}, Idempotency_Key=key).status_code == 400
    made = service.post(plain, Idempotency_Key=key)
    assert made.status_code == 201, made.text
    service.cancel(made.json()["id"])


@pytest.mark.parametrize("key", ["", "two words", "a/b", "é".encode().decode("latin-1"), "x" * 129])
def test_malformed_keys(service: Service, plain: dict[str, Any], key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    refused = service.http.post("/v2/generate", json=plain, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["errorCode"] == "INVALID_IDEMPOTENCY_KEY"


def test_a_key_given_twice(service: Service, plain: dict[str, Any]) -> None:
    headers = [("x-api-key", service.key), ("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    refused = httpx.post(f"{service.url}/v2/generate", json=plain, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["errorCode"] == "INVALID_IDEMPOTENCY_KEY"


def test_the_longest_key(service: Service, plain: dict[str, Any]) -> None:
    key = f"{uuid4()}".ljust(128, "x")
    service.cancel(service.create(plain, Idempotency_Key=key)["id"])


def test_requests_at_the_same_time_make_one(service: Service, plain: dict[str, Any]) -> None:
    key = str(uuid4())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.post(plain, Idempotency_Key=key), range(4)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    for id in made:
        service.cancel(id)
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409, 503}


def test_multipart_too(service: Service, media: MediaHost) -> None:
    key = str(uuid4())
    files = {"video": media.bytes("talk.mp4"), "audio": media.bytes("line.wav")}
    answers = [
        service.http.post("/v2/generate", data={"model": "lipsync-2"}, files=files, headers={"Idempotency-Key": key})
        for _ in range(2)
    ]
    service.cancel(answers[0].json()["id"])
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1].headers["Idempotency-Replayed"] == "true"


def test_other_keys_of_the_organisation_share_them(service: Service, plain: dict[str, Any]) -> None:
    key = str(uuid4())
    first = service.create(plain, Idempotency_Key=key)
    service.cancel(first["id"])
    with service.client(service.new_key()) as other:
        again = other.post("/v2/generate", json=plain, headers={"Idempotency-Key": key})
    assert again.status_code == 201
    assert again.json()["id"] == first["id"]


def test_through_the_sdk(sdk: Sdk, service: Service, plain: dict[str, Any]) -> None:
    options = {"additional_headers": {"Idempotency-Key": str(uuid4())}}
    made = [sdk(lambda client: client.generations.create(**plain, request_options=options)).id for _ in range(2)]
    service.cancel(made[0])
    assert made[0] == made[1]
