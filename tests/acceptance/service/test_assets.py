"""Assets (contract 11): the way of an upload from its address to a generation, and the list."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.server import Service


def upload(service: Service, content: bytes, name: str, kind: str) -> str:
    """Put `content` where the server says; the address to make an asset of."""
    asked = service.http.post("/v2/assets/upload", json={"fileName": name, "contentType": kind, "size": len(content)})
    assert asked.status_code == 201, asked.text
    place = asked.json()
    assert place["expiresIn"] > 0
    put = httpx.put(place["uploadUrl"], content=content, headers={"Content-Type": kind})
    assert put.status_code in (200, 201, 204), put.text
    return str(place["url"])


def make(service: Service, url: str, kind: str, **more: Any) -> dict[str, Any]:
    """Make an asset of an upload."""
    answer = service.http.post("/v2/assets", json={"url": url, "type": kind, **more})
    assert answer.status_code in (200, 201), answer.text
    asset: dict[str, Any] = answer.json()
    return asset


@pytest.fixture(scope="module")
def video(service: Service, media: MediaHost) -> dict[str, Any]:
    """An uploaded video."""
    url = upload(service, media.bytes("talk.mp4"), "interview one.mp4", "video/mp4")
    return make(service, url, "VIDEO", name="interview one")


@pytest.fixture(scope="module")
def audio(service: Service, media: MediaHost) -> dict[str, Any]:
    """An uploaded audio."""
    return make(service, upload(service, media.bytes("line.wav"), "line.wav", "audio/wav"), "AUDIO")


def test_what_an_asset_tells(service: Service, media: MediaHost, video: dict[str, Any]) -> None:
    assert video["type"] == "VIDEO"
    assert video["visibility"] == "USER"
    assert video["name"] == "interview one"
    assert video["inputType"] == "UPLOAD"
    assert (video["width"], video["height"], video["format"]) == (360, 360, "mp4")
    assert video["size"] == len(media.bytes("talk.mp4"))
    assert video["durationSeconds"] == pytest.approx(3.0, abs=0.05)
    assert video["createdAt"].endswith("Z")
    assert video["updatedAt"].endswith("Z")
    assert httpx.get(video["url"]).content == media.bytes("talk.mp4")
    assert service.http.get(f"/v2/assets/{video['id']}").json()["id"] == video["id"]


def test_a_generation_of_assets(service: Service, video: dict[str, Any], audio: dict[str, Any]) -> None:
    entries = [{"type": "video", "assetId": video["id"]}, {"type": "audio", "assetId": audio["id"], "refId": "a"}]
    segments = [{"startTime": 1, "endTime": 1.4, "audioInput": {"refId": "a", "startTime": 0, "endTime": 0.4}}]
    created = service.create({"model": "lipsync-2", "input": entries, "segments": segments})
    assert [entry["assetId"] for entry in created["input"]] == [video["id"], audio["id"]]
    assert service.finished(created["id"])["outputDuration"] == pytest.approx(3.0, abs=0.05)


def test_an_asset_wins_over_an_address(
    service: Service, media: MediaHost, video: dict[str, Any], audio: dict[str, Any]
) -> None:
    entries = [
        {"type": "video", "assetId": video["id"], "url": media.url("missing.mp4")},
        {"type": "audio", "assetId": audio["id"]},
    ]
    service.accepted({"model": "lipsync-2", "input": entries})


def test_an_asset_of_another_type(service: Service, audio: dict[str, Any], plain: dict[str, Any]) -> None:
    body = {**plain, "input": [{"type": "video", "assetId": audio["id"]}, plain["input"][1]]}
    refused = service.post(body)
    assert 400 <= refused.status_code < 500
    assert refused.json()["errorCode"] == "generation_input_asset_type_mismatch"
    assert refused.json()["field"].startswith("input[0]")


def test_an_asset_that_is_not_there(service: Service, plain: dict[str, Any]) -> None:
    for id, codes in ((str(uuid4()), {"asset_not_found"}), ("x", {"asset_not_found", "invalid_asset_id_format"})):
        refused = service.post({**plain, "input": [{"type": "video", "assetId": id}, plain["input"][1]]})
        assert 400 <= refused.status_code < 500
        assert refused.json()["errorCode"] in codes
        assert refused.json()["field"].startswith("input[0]")
    unknown = service.http.get(f"/v2/assets/{uuid4()}")
    assert unknown.status_code == 404
    assert unknown.json()["errorCode"] == "asset_not_found"
    malformed = service.http.get("/v2/assets/nonsense")
    assert malformed.status_code == 400
    assert malformed.json()["errorCode"] == "invalid_asset_id_format"


def test_change_and_delete(service: Service, media: MediaHost) -> None:
    asset = make(service, upload(service, media.bytes("short.wav"), "s.wav", "audio/wav"), "AUDIO", name="before")
    changed = service.http.patch(f"/v2/assets/{asset['id']}", json={"name": "after", "visibility": "ORGANIZATION"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["visibility"]) == ("after", "ORGANIZATION")
    assert changed.json()["updatedAt"] >= asset["updatedAt"]
    found = service.http.get("/v2/assets", params={"searchQuery": "after"}).json()["items"]
    assert [one["id"] for one in found] == [asset["id"]]
    deleted = service.http.delete(f"/v2/assets/{asset['id']}")
    assert deleted.status_code == 200
    assert deleted.json()["id"] == asset["id"]
    assert service.http.get(f"/v2/assets/{asset['id']}").status_code == 404
    assert service.http.delete(f"/v2/assets/{asset['id']}").status_code == 404


def test_what_was_not_uploaded(service: Service, media: MediaHost) -> None:
    place = service.http.post("/v2/assets/upload", json={"fileName": "a.wav", "contentType": "audio/wav", "size": 9})
    missing = service.http.post("/v2/assets", json={"url": place.json()["url"], "type": "AUDIO"})
    assert 400 <= missing.status_code < 500
    assert missing.json()["errorCode"] == "uploaded_file_not_found"
    elsewhere = service.http.post("/v2/assets", json={"url": media.url("line.wav"), "type": "AUDIO"})
    assert 400 <= elsewhere.status_code < 500
    assert elsewhere.json()["errorCode"] == "file_not_in_org_storage"


@pytest.mark.parametrize("encoding", ["repeated", "json", "comma"])
def test_types_in_a_query(service: Service, video: dict[str, Any], audio: dict[str, Any], encoding: str) -> None:
    wanted = ["VIDEO", "AUDIO"]
    query = {
        "repeated": [("types", one) for one in wanted],
        "json": [("types", json.dumps(wanted))],
        "comma": [("types", ",".join(wanted))],
    }[encoding]
    found = service.http.get("/v2/assets", params=httpx.QueryParams([*query, ("limit", "100")]))
    assert found.status_code == 200, found.text
    assert {item["type"] for item in found.json()["items"]} == {"VIDEO", "AUDIO"}
    assert {video["id"], audio["id"]} <= {item["id"] for item in found.json()["items"]}


def test_pages_and_order(service: Service, video: dict[str, Any], audio: dict[str, Any]) -> None:
    seen: list[dict[str, Any]] = []
    query = {"limit": "1", "sortBy": "nameAsc"}
    for _ in range(100):
        page = service.http.get("/v2/assets", params=query).json()
        seen += page["items"]
        if not page.get("nextCursor"):
            break
        query["cursor"] = page["nextCursor"]
    assert len({item["id"] for item in seen}) == len(seen)
    assert {video["id"], audio["id"]} <= {item["id"] for item in seen}
    names = [item["name"] for item in seen]
    assert names == sorted(names, key=str.lower) or names == sorted(names)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "sortBy=colourAsc", "types=TEXT"])
def test_queries_that_cannot_be(service: Service, query: str) -> None:
    assert service.http.get("/v2/assets", params=httpx.QueryParams(query)).status_code == 400
