"""What the API says of itself, held to what it does: by hand, and by requests that are made up from the description."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.servers.api import Api
from tests.servers.running import Running, in_thread

from lipwright.error_codes import BY_CODE
from lipwright.service.api import describing
from lipwright.service.api.app import create_app
from lipwright.service.api.describing import shapes
from lipwright.service.api.wire import Wire
from lipwright.service.api.wire.generations import Generation as Shape
from lipwright.service.config import ServiceConfig
from lipwright.service.storage.tables import Asset, Batch, Delivery, new_id

EXAMPLES = int(os.environ.get("LIPWRIGHT_TEST_EXAMPLES", "12"))
"""Requests made up for each operation, of each kind; many more find more."""

OTHERS = {
    "generations.cancel": {"generation_id": "pending"},
    "generations.delete": {"generation_id": "doomed generation"},
    "assets.delete": {"asset_id": "doomed asset"},
}
"""What is ended or deleted, and so no good for anything else."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

DOCUMENT: dict[str, Any] = create_app(ServiceConfig(data_dir=Path("/nonexistent"))).openapi()
OPERATIONS = {
    one["operationId"]: (method, path) for path, all in DOCUMENT["paths"].items() for method, one in all.items()
}
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SDK = {
    *("generations.create", "generations.get", "generations.list", "generations.estimate_cost"),
    *("assets.list", "assets.get", "batch.create", "batch.get", "batch.list", "models.list"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real server, with a row of each kind."""
    with in_thread(tmp_path_factory.mktemp("openapi"), seeded, concurrency_per_key=100_000) as found:
        yield found


async def seeded(here: Api) -> dict[str, str]:
    """Ids of things that exist, by the name of the parameter."""
    pending, ended, doomed = await here.create(), await here.create(), await here.create()
    for one in (ended, doomed):
        here.change(one["id"], status="FAILED", error="It broke.", error_code="generation_pipeline_failed")
    assets, batch = [new_id(), new_id()], new_id()
    owner = {"organisation_id": here.organisation}
    here.add(
        *(Asset(id=id, key=f"assets/{here.organisation}/{id}/a", name="a", type="VIDEO", **owner) for id in assets),
        Batch(id=batch, api_key_id="k", **owner),
        Delivery(id="msg_1", url="https://x.test", body="{}", generation_id=ended["id"], **owner),
    )
    return {
        "generation_id": ended["id"],
        "pending": pending["id"],
        "doomed generation": doomed["id"],
        "asset_id": assets[0],
        "doomed asset": assets[1],
        "batch_id": batch,
        "delivery_id": "msg_1",
        "key": f"assets/{here.organisation}/{assets[0]}/a",
    }


def _kinds() -> list[Any]:
    """All operations with valid requests, and those that a request can be wrong for with invalid ones."""
    found = []
    for name, (method, path) in sorted(OPERATIONS.items()):
        told = DOCUMENT["paths"][path][method]
        found.append(pytest.param(name, GenerationMode.POSITIVE, id=f"{name}-valid"))
        if name != "files.upload" and (told.get("parameters") or told.get("requestBody")):
            found.append(pytest.param(name, GenerationMode.NEGATIVE, id=f"{name}-invalid"))
    return found


@pytest.mark.parametrize(("operation", "mode"), _kinds())
def test_made_up_requests_are_answered_as_described(running: Running, operation: str, mode: GenerationMode) -> None:
    method, path = OPERATIONS[operation]
    described = SCHEMA[path][method]
    session = requests.Session()

    @seed(20260115)
    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=described.as_strategy(generation_mode=mode), real=st.booleans())
    def ask(case: schemathesis.Case, real: bool) -> None:
        if real:
            ids = running.ids | {name: running.ids[other] for name, other in OTHERS.get(operation, {}).items()}
            known = {name: ids[name] for name in case.path_parameters or {} if name in ids}
            case.path_parameters = {**(case.path_parameters or {}), **known}
        answer = case.call(
            base_url=running.url, session=session, headers={"x-api-key": running.here.key}, timeout=20,
        )  # fmt: skip
        if answer.content == b"Invalid HTTP request received.":
            return  # such as a content-length of letters, which never gets as far as the application
        checks = CHECKS if operation != "service.ready" else CHECKS[1:]  # there is no worker
        case.validate_response(answer, checks=checks)
        assert answer.headers["x-request-id"]
        if answer.status_code >= 400:
            _is_an_error(json.loads(answer.content), answer.status_code)

    ask()
    session.close()


def _is_an_error(body: dict[str, Any], status: int) -> None:
    if "status" in body and status == 503:
        return  # /ready
    assert body["statusCode"] == status
    assert body["message"]
    if status != 401:
        assert body["errorCode"] in BY_CODE
        assert body["requestId"]


def test_operations_are_called_as_the_sdk_calls_them() -> None:
    assert set(OPERATIONS) >= SDK
    assert len(OPERATIONS) == sum(len(path) for path in DOCUMENT["paths"].values())


def test_every_route_is_described() -> None:
    routes = {(method.lower(), route.path_format) for route in _routes() for method in route.methods}
    described = {(method, path) for path, all in DOCUMENT["paths"].items() for method in all}
    twins = {
        ("head", "/files/{key}"),
        ("head", "/v2/batch/{batch_id}/result"),
        ("head", "/v2/batches/{batch_id}/result"),
    }
    pages = {("get", path) for path in ("/openapi.json", "/api-json", "/docs")}
    aliases = {("get", "/v2/generations/{generation_id}"), ("post", "/v2/generate/estimate-cost")}
    batches = {one for one in routes if one[1].startswith("/v2/batches")}
    assert routes - twins - pages - aliases - batches == described


def _routes() -> Iterator[Any]:
    from fastapi.routing import APIRoute, iter_route_contexts

    for context in iter_route_contexts(create_app(ServiceConfig(data_dir=Path("/nonexistent"))).routes):
        if isinstance(context.original_route, APIRoute):
            yield context


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_says_what_it_is_for_and_shows_an_example(name: str) -> None:
    method, path = OPERATIONS[name]
    told = DOCUMENT["paths"][path][method]
    assert told["summary"]
    assert told["description"]
    assert told["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    for content in told.get("requestBody", {}).get("content", {}).values():
        assert "example" in content or content["examples"]
    for status, answer in told["responses"].items():
        for content in answer.get("content", {}).values():
            assert "example" in content or content["examples"], status
    keyed = "401" in told["responses"]
    assert bool(told["security"]) == keyed
    assert "HTTPValidationError" not in json.dumps(told)


@pytest.mark.parametrize(
    "shape", [one for one in shapes(Wire) if one.example is not None], ids=lambda one: one.__name__
)
def test_examples_are_of_the_shape_they_show(shape: type[Wire]) -> None:
    assert shape.example is not None
    shape.model_validate(shape.example)
    required = {field.alias or name for name, field in shape.model_fields.items() if field.is_required()}
    assert required <= set(shape.example)


def test_a_generation_is_described_key_for_key(running: Running) -> None:
    answer = requests.get(
        f"{running.url}/v2/generate/{running.ids['generation_id']}?include=progress",
        headers={"x-api-key": running.here.key},
        timeout=10,
    ).json()
    told = DOCUMENT["components"]["schemas"]["Generation"]["properties"]
    assert set(answer) == set(told)
    assert set(answer["progress"]) == set(DOCUMENT["components"]["schemas"]["Progress"]["properties"])
    Shape.model_validate(answer)


def test_references_lead_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names <= set(DOCUMENT["components"]["schemas"])


def test_it_is_where_tools_look_for_it(running: Running) -> None:
    first = requests.get(f"{running.url}/openapi.json", timeout=10)
    assert first.json() == requests.get(f"{running.url}/api-json", timeout=10).json()
    assert first.json()["components"]["securitySchemes"]["apiKey"]["name"] == "x-api-key"


def test_the_page_needs_nothing_from_elsewhere(running: Running) -> None:
    answer = requests.get(f"{running.url}/docs", timeout=10)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", answer.text)
    [script] = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_page_draws_every_operation() -> None:
    page = (Path(describing.__file__).parent / "docs.html").read_text("utf-8")
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    program = f"const DOCUMENT = {json.dumps(DOCUMENT)};\n{DOM}\n{script}\n{SHOW}"
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == set(OPERATIONS)


DOM = """
const made = {};
const node = () => ({
  children: [], dataset: {}, tagName: "X", hidden: false,
  append(...all) { this.children.push(...all); }, addEventListener() {}, scrollIntoView() {},
  set id(name) { made[name] = this; },
});
const byId = { about: node(), list: node(), find: node() };
globalThis.document = {
  createElement: node, getElementById: (name) => byId[name] || null, querySelectorAll: () => [],
};
globalThis.location = { hash: "" };
globalThis.fetch = async () => ({ json: async () => DOCUMENT });
"""
SHOW = """
setTimeout(() => {
  if (!String(byId.about.textContent).includes("Version")) throw new Error(byId.about.textContent);
  console.log(JSON.stringify(Object.keys(made)));
}, 50);
"""
