"""Attacks by addresses, keys, headers and methods: refused in the one shape of errors, and the service goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from tests.servers.api import api
from tests.servers.attacking import ask, head, raw, refused
from tests.servers.running import Running

from lipwright.service.api.app import create_app
from lipwright.service.config import ServiceConfig, driver_url
from lipwright.service.storage import access
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Asset, Generation

PATHS = [
    "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5cwindows", "%00", "a%00b",
    "%c0%ae%c0%ae",
    "....//....//etc/passwd", "'%20or%201=1--", "$%7bjndi:ldap://x%7d", "%ff%fe", "%0d%0aSet-Cookie:%20a=b",
    "a" * 5000,
    "%F0%9F%92%A9", "..;", "%252e%252e%252f", "*", "~root", "con", "-1", "0", "null", "None", "undefined", "%20",
    "%7b%7d",
]  # fmt: skip
ROUTES = [
    ("GET", "/v2/generate/{}"), ("GET", "/v2/generations/{}/download"), ("GET", "/v2/generations/{}/report"),
    ("GET", "/v2/generations/{}/segments"), ("GET", "/v2/generations/{}/events"), ("DELETE", "/v2/generations/{}"),
    ("POST", "/v2/generations/{}/cancel"), ("GET", "/v2/assets/{}"), ("DELETE", "/v2/assets/{}"), ("GET",
    "/v2/batch/{}"),
    ("GET", "/v2/batch/{}/result"), ("GET", "/v2/webhooks/deliveries/{}"), ("POST",
    "/v2/webhooks/deliveries/{}/redeliver"),
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:24])
def test_odd_ids(target: Running, path: str) -> None:
    for method, route in ROUTES:
        body = refused(ask(target, method, route.format(path)), 400, 404, 405)
        assert len(json.dumps(body)) < 2000


@pytest.mark.parametrize("path", [
    "/files/..%2f..%2f..%2fetc%2fpasswd", "/files/%2e%2e/%2e%2e/lipwright.sqlite", "/files//etc/passwd", "/files/%00",
    "/files/assets/..%2f..%2f..%2fsecret", "/files/..%5csecret", "/files/.staging/x",
    "/files/" + "a/" * 400, "/files/%ff",
])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize(
    "query", ["", "?signature=x&expires=9999999999", "?signature=%00&expires=nan", "?" + "a=b&" * 500]
)
def test_odd_file_names(target: Running, path: str, method: str, query: str) -> None:
    answer = ask(target, method, path + query, data=b"x" if method == "PUT" else None)
    if method == "HEAD":
        assert answer.status_code == 403
    else:
        refused(answer, 403)


def test_a_path_with_dots_is_not_resolved(target: Running) -> None:
    for path in ("/files/../../../../etc/passwd", "/../../etc/passwd", "//etc/passwd", "/docs/../../secret"):
        said = raw(target, head(target, f"GET {path}"))
        assert said.startswith((b"HTTP/1.1 403", b"HTTP/1.1 404"))
        assert b"root:" not in said


@pytest.mark.parametrize("query", [
    "status=%00", "ids=%00", "ids=%5b%22%00%22%5d", "source=%00", "projectId=a%00", "cursor=%00&limit=3",
    "limit=" + "9" * 6000,
    "limit=%D9%A1", "limit=-1", "limit=1e3",
    "ids=" + "%5b" * 3000, "status=" + "A," * 3000, "limit=3&cursor=" + "x" * 5000,
])  # fmt: skip
def test_odd_queries(target: Running, query: str) -> None:
    for route in ("/v2/generations", "/v2/generations/count", "/v2/assets", "/v2/webhooks/deliveries", "/v2/batch"):
        answer = ask(target, "GET", f"{route}?{query}")
        if answer.status_code != 200:
            refused(answer, 400)


@pytest.mark.parametrize(
    "query", ["created_after=%00", "created_after=" + "9" * 400, "created_before=0001-01-01T00:00:00%2B23:59"]
)
def test_odd_times(target: Running, query: str) -> None:
    answer = ask(target, "GET", f"/v2/batch?{query}")
    if answer.status_code != 200:
        refused(answer, 400)


def test_keys_that_are_none(target: Running) -> None:
    for key in (
        "",
        "x",
        "lw_",
        "'",
        "\xff\xfe",
        "lw_" + "a" * 8000,
        "None",
        target.here.key[:-1],
        target.here.key + "a",
    ):
        answer = requests.get(f"{target.url}/v2/generations", headers={"x-api-key": key.encode("latin-1")}, timeout=10)
        refused(answer, 401)
    for scheme in ("Basic", "bearer", "Bearer", "Token"):
        answer = requests.get(
            f"{target.url}/v2/generations", headers={"Authorization": f"{scheme} nothing"}, timeout=10
        )
        refused(answer, 401)


def test_a_revoked_key(target: Running) -> None:
    key = target.here.new_key("revoked", name="to-be-revoked")
    with target.here.services.database.writing() as session:
        assert access.revoke(session, "to-be-revoked") == 1
    refused(requests.get(f"{target.url}/v2/generations", headers={"x-api-key": key}, timeout=10), 401)


def _with_ids() -> list[tuple[str, str]]:
    document = create_app(ServiceConfig(data_dir=Path("/nonexistent"))).openapi()
    return [(method.upper(), path) for path, all in document["paths"].items() for method in all if "{" in path]


@pytest.mark.parametrize(("method", "path"), _with_ids())
def test_what_is_somebody_elses_is_not_there(target: Running, method: str, path: str) -> None:
    body = {"name": "mine"} if method in ("PATCH", "POST") else None
    answer = ask(target, method, path.format(**target.ids), json=body)
    refused(answer, 403 if path.startswith("/files") else 404)
    with target.here.services.database.reading() as session:
        assert session.get(Generation, target.ids["generation_id"]) is not None
        asset = session.get(Asset, target.ids["asset_id"])
        assert asset is not None
        assert asset.name == "a.mp4"


def test_every_route_that_says_so_needs_a_key(target: Running) -> None:
    document = create_app(ServiceConfig(data_dir=Path("/nonexistent"))).openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["security"]:
                answer = requests.request(method, target.url + path.format(**target.ids), timeout=10)
                refused(answer, 401)


def test_inputs_of_somebody_else_cannot_be_used(target: Running) -> None:
    here, audio = target.here, {"type": "audio", "url": "https://media.test/a.wav"}
    theirs = [{"type": "video", "assetId": target.ids["asset_id"]}, audio]
    refused(ask(target, "POST", "/v2/generate", json=here.body(input=theirs)), 404)
    link = here.services.links.reference(target.ids["key"])
    refused(ask(target, "POST", "/v2/generate", json=here.body(input=[{"type": "video", "url": link}, audio])), 422)
    refused(ask(target, "POST", "/v2/assets", json={"url": link, "type": "VIDEO"}), 400)


def test_headers_that_are_too_large(target: Running) -> None:
    said = raw(target, head(target, "GET /v2/generations", X_Large="a" * 200_000))
    assert said.startswith(b"HTTP/1.1 4") or not said
    said = raw(target, head(target, "GET /" + "a" * 100_000))
    assert said.startswith(b"HTTP/1.1 4") or not said
    answer = ask(
        target, "GET", "/v2/generations", headers={"X-Request-Id": "a" * 30_000, "x-sync-source": "b" * 30_000}
    )
    assert answer.status_code == 200
    assert len(answer.headers["x-request-id"]) < 100


def test_a_request_id_cannot_forge_anything(target: Running) -> None:
    answer = ask(target, "GET", "/v2/nothing", headers={"X-Request-Id": '"><script>'})
    assert "<" not in refused(answer, 404)["requestId"]


@pytest.mark.parametrize("key", ["", "a" * 129, "ä", "a b", "a\tb", "../x", "a;b"])
def test_odd_idempotency_keys(target: Running, key: str) -> None:
    answer = ask(
        target, "POST", "/v2/generate", json=target.here.body(), headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert refused(answer, 400)["errorCode"] == "INVALID_IDEMPOTENCY_KEY"


@pytest.mark.parametrize("method", ["BREW", "TRACE", "PROPFIND", "OPTIONS", "PATCH", "get", "A" * 500])
def test_methods_that_nobody_knows(target: Running, method: str) -> None:
    for path in ("/v2/generate", "/v2/generations", "/v2/batch", "/health", "/files/x", "/metrics", "/docs"):
        said = raw(target, head(target, f"{method} {path}"))
        assert said.startswith(b"HTTP/1.1 405"), said[:200]
        body = json.loads(said.partition(b"\r\n\r\n")[2])
        assert body["errorCode"] == "method_not_allowed"
        assert body["requestId"]


def test_links_do_not_follow_the_host_header(target: Running) -> None:
    given = {"fileName": "a.mp4", "contentType": "video/mp4"}
    headers = {"Host": "evil.test", "X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test"}
    assert "evil" not in ask(target, "POST", "/v2/assets/upload", json=given, headers=headers).text


def test_addresses_that_lead_inside(target: Running) -> None:
    for url in (
        "http://127.0.0.1:8080/v.mp4", "http://localhost/v.mp4", "http://[::1]/v.mp4",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd", "ftp://x.test/v.mp4", "gopher://127.0.0.1/", "data:video/mp4;base64,AAAA",
        "concat:/etc/passwd",
        "http://0x7f000001/v.mp4", "http://2130706433/", "//127.0.0.1/x", "video.mp4", "http://user:pass@127.0.0.1/",
        "pipe:0", "subfile,,start,0,end,9,,:/etc/passwd", "http://x.test:22/v.mp4", "http://10.0.0.1/",
        "/etc/passwd", "\\\\h\\s",
    ):  # fmt: skip
        inputs = [{"type": "video", "url": url}, {"type": "audio", "url": "https://media.test/a.wav"}]
        body = refused(ask(target, "POST", "/v2/generate", json={"model": "lipsync-2", "input": inputs}), 400, 422)
        assert body["field"] == "input[0].url"
        refused(ask(target, "POST", "/v2/generate", json=target.here.body(webhookUrl=url)), 400)


@pytest.mark.anyio
async def test_what_postgresql_does_not_take(postgres: Callable[[], str], tmp_path: Path) -> None:
    url = postgres()
    database = Database(driver_url(url))
    database.migrate()
    database.close()
    async with api(tmp_path, database_url=url) as here:
        for query in ("ids=%00", "ids=%5b%22%5cu0000%22%5d", "ids=%5b%22%5cud800%22%5d", "source=%00", "projectId=%00",
                      "limit=2&cursor=%00", "generationId=%00", "batchId=a%00", "searchQuery=%00"):  # fmt: skip
            for path in (
                "/v2/generations",
                "/v2/generations/count",
                "/v2/webhooks/deliveries",
                "/v2/assets",
                "/v2/batch",
            ):
                assert (await here.http.get(f"{path}?{query}")).status_code in (200, 400)
        for method, route in ROUTES:
            assert (await here.http.request(method, route.format("a%00b"))).status_code in (400, 404)
        headers = {"x-sync-source": b"a\x00b", "Idempotency-Key": b"a"}
        assert (await here.http.post("/v2/generate", json=here.body(), headers=headers)).status_code == 201
        mine = here.body(projectId="p", outputFileName="\x7f\u2028")
        assert (await here.http.post("/v2/generate", json=mine)).status_code == 201
