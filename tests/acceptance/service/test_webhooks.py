"""Webhooks (contract 14): what is sent, how it is signed, and what happens when nobody takes it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sync import GenerationNotification
from sync.core.unchecked_base_model import construct_type
from tests.acceptance.service.loopback import Call, MediaHost, Receiver
from tests.acceptance.service.server import Service
from tests.acceptance.service.signatures import parts, valid_raw, valid_reserialised

REQUIRED = {"status", "createdAt", "id", "input", "model"}
OPTIONAL = {"error", "error_code", "options", "outputDuration", "outputUrl", "segmentOutputUrl", "webhookUrl"}


@pytest.fixture(scope="module")
def call(done: dict[str, Any], webhooks: Receiver) -> Call:
    """The webhook of the finished generation."""
    [arrived] = webhooks.wait("done")
    assert arrived.json["id"] == done["id"]
    return arrived


def test_what_it_holds(call: Call, done: dict[str, Any]) -> None:
    told = call.json
    assert REQUIRED <= set(told) <= REQUIRED | OPTIONAL
    assert call.headers["content-type"].split(";")[0] == "application/json"
    for key in ("status", "id", "createdAt", "model", "input", "options", "outputDuration", "webhookUrl"):
        assert told[key] == done[key], key
    typed: Any = construct_type(type_=GenerationNotification, object_=told)
    assert (typed.status, typed.id, typed.output_url) == ("COMPLETED", done["id"], told["outputUrl"])


def test_its_signature_by_the_raw_body(call: Call, secret: str) -> None:
    assert valid_raw(call, secret)
    assert not valid_raw(call, secret.removeprefix("whsec_"))
    assert not valid_raw(Call(call.path, call.headers, call.body.replace(b"COMPLETED", b"FAILED"), call.at), secret)


def test_its_signature_by_python_serialising_again(call: Call, secret: str) -> None:
    assert valid_reserialised(call, secret)


def test_its_signature_by_javascript_serialising_again(call: Call, secret: str, node: Any) -> None:
    told = {"signature": call.headers["sync-signature"], "body": call.body.decode(), "secret": secret}
    assert node("verify", **told) == {"valid": True}
    assert node("verify", **{**told, "secret": secret + "x"}) == {"valid": False}


def test_its_time(call: Call) -> None:
    assert abs(int(parts(call)["t"]) - call.at) < 60
    assert len(parts(call)["v1"]) == 64
    assert parts(call)["v1"] == parts(call)["v1"].lower()


def test_it_is_compact_and_whole_numbers_are_whole(call: Call, done: dict[str, Any]) -> None:
    text = call.body.decode()
    assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    assert done["outputDuration"] == 2
    assert '"outputDuration":2,' in text.replace("}", ",")


def test_text_that_is_not_ascii_is_sent_as_it_is(service: Service, media: MediaHost, webhooks: Receiver, node: Any,
                                                 secret: str) -> None:  # fmt: skip
    """Raw body and JavaScript agree on it; Python's recipe cannot (contract 14)."""
    provider = {"name": "local", "voiceId": "heart", "script": "Voilà, a naïve café — done."}
    body = {
        "model": "lipsync-2",
        "input": [{"type": "video", "url": media.url("talk.mp4")}, {"type": "text", "provider": provider}],
        "webhookUrl": webhooks.url("accents"),
    }
    created = service.create(body)
    service.cancel(created["id"])
    [call] = webhooks.wait("accents")
    assert "café".encode() in call.body
    assert valid_raw(call, secret)
    assert node("verify", signature=call.headers["sync-signature"], body=call.body.decode(), secret=secret)["valid"]


def test_failures_are_sent(service: Service, plain: dict[str, Any], webhooks: Receiver, secret: str) -> None:
    created = service.create({**plain, "webhookUrl": webhooks.url("failed")})
    service.cancel(created["id"])
    [call] = webhooks.wait("failed")
    assert call.json["status"] == "FAILED"
    assert call.json["error_code"] == "generation_cancelled"
    assert call.json["error"]
    assert valid_raw(call, secret)


def test_what_is_not_taken_is_sent_again(service: Service, plain: dict[str, Any], webhooks: Receiver) -> None:
    created = service.create({**plain, "webhookUrl": webhooks.url("broken/1")})
    service.cancel(created["id"])
    first, second = webhooks.wait("broken/1", 2)
    assert first.body == second.body
    assert second.at - first.at > 0.3
    found = deliveries(service, created["id"])
    assert len(found) == 1


def test_deliveries_are_listed_and_can_be_repeated(service: Service, done: dict[str, Any], call: Call,
                                                   webhooks: Receiver, secret: str) -> None:  # fmt: skip
    [delivery] = deliveries(service, done["id"])
    again = service.http.post(f"/v2/webhooks/deliveries/{delivery['id']}/redeliver")
    assert again.status_code in (200, 201, 202), again.text
    calls = webhooks.wait("done", 2)
    assert calls[1].json == call.json
    assert valid_raw(calls[1], secret)


def deliveries(service: Service, id: str) -> list[dict[str, Any]]:
    """The deliveries of a generation, once the last of them has settled."""
    until = time.monotonic() + 20
    while True:
        answer = service.http.get("/v2/webhooks/deliveries", params={"generationId": id})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        found: list[dict[str, Any]] = told if isinstance(told, list) else told["items"]
        if all(one["status"] != "PENDING" for one in found) or time.monotonic() > until:
            return found
        time.sleep(0.2)
