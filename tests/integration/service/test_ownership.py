"""What a client cannot reach by naming it: objects of others, files of this machine, fields that are ours."""

from __future__ import annotations

from typing import Any

import pytest
from tests.servers.api import MEDIA, Api, organisation_of

from lipwright.service.storage.tables import Generation

pytestmark = pytest.mark.anyio


async def foreign_object(api: Api) -> str:
    """The key of an object of another organisation."""
    api.new_key("another")
    key = f"assets/{organisation_of(api, 'another')}/1/secret.mp4"
    await api.services.objects.put_bytes(key, b"theirs")
    return key


async def own_object(api: Api) -> str:
    """The key of an object of the caller's organisation."""
    key = f"assets/{api.organisation}/1/own.mp4"
    await api.services.objects.put_bytes(key, b"ours")
    return key


def kept(api: Api, identity: str) -> dict[str, Any]:
    """What the job will be given."""
    with api.services.database.reading() as session:
        return session.get_one(Generation, identity).request


async def test_a_key_that_the_client_writes_itself_means_nothing(api: Api) -> None:
    key = await foreign_object(api)
    body = api.body()
    for item in body["input"]:
        item["key"] = key
    created = (await api.http.post("/v2/generate", json=body)).json()
    assert [item.get("key") for item in kept(api, created["id"])["input"]] == [None, None]


async def test_our_own_links_are_good_for_the_owner_only(api: Api) -> None:
    theirs, ours = await foreign_object(api), await own_object(api)
    for url in (api.services.links.reference(theirs), f"{api.services.links.reference(ours)}x"):
        body = api.body()
        body["input"][0]["url"] = url
        answer = await api.http.post("/v2/generate", json=body)
        assert answer.status_code == 422
        assert answer.json()["errorCode"] == "generation_input_video_inaccessible"
        assert answer.json()["field"] == "input[0].url"
    body = api.body()
    body["input"][0]["url"] = api.services.links.reference(ours)
    created = (await api.http.post("/v2/generate", json=body)).json()
    assert kept(api, created["id"])["input"][0]["key"] == ours


@pytest.mark.parametrize("where", ["options", "segment"])
async def test_boxes_too(api: Api, where: str) -> None:
    theirs = api.services.links.reference(await foreign_object(api))
    for url in (theirs, "/etc/passwd", "file:///etc/passwd", "face:1", "http://127.0.0.1/boxes.json"):
        choice = {"active_speaker_detection": {"bounding_boxes_url": url}}
        body = api.body()
        if where == "options":
            body["options"] = choice
        else:
            body["input"][1]["refId"] = "a"
            audio = {"refId": "a"}
            body["segments"] = [{"startTime": 0, "endTime": 1, "audioInput": audio, "optionsOverride": choice}]
        answer = await api.http.post("/v2/generate", json=body)
        assert answer.status_code == 422, (url, answer.text)
        assert answer.json()["errorCode"] == "generation_input_face_selection_invalid"
        assert answer.json()["field"].endswith("active_speaker_detection.bounding_boxes_url")


@pytest.mark.parametrize(
    "url", ["/etc/passwd", "file:///etc/passwd", "video.mp4", "upload:video", "concat:a|b", "s3://b/k"]
)
async def test_a_path_is_no_address(api: Api, url: str) -> None:
    for index, kind in enumerate(("video", "audio")):
        body = api.body()
        body["input"][index]["url"] = url
        answer = await api.http.post("/v2/generate", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errorCode"] == f"generation_input_{kind}_inaccessible"


async def test_other_organisations_see_nothing(api: Api) -> None:
    created = await api.create()
    api.change(created["id"], status="COMPLETED", report_key="generations/x/y/report.json", output_key="k/o/p.mp4")
    async with api.client(api.new_key("another")) as stranger:
        for method, path in (
            ("GET", f"/v2/generate/{created['id']}"),
            ("GET", f"/v2/generations/{created['id']}/download"),
            ("GET", f"/v2/generations/{created['id']}/report"),
            ("GET", f"/v2/generations/{created['id']}/segments"),
            ("GET", f"/v2/generations/{created['id']}/events"),
            ("POST", f"/v2/generations/{created['id']}/cancel"),
            ("DELETE", f"/v2/generations/{created['id']}"),
        ):
            answer = await stranger.request(method, path)
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.json()["errorCode"] == "generation_not_found"
        assert (await stranger.get("/v2/generations")).json() == []
        assert (await stranger.get("/v2/generations", params={"ids": created["id"]})).json() == []
        assert (await stranger.get("/v2/generations/count")).json() == {"count": 0}
    assert (await api.http.get(f"/v2/generate/{created['id']}")).status_code == 200
    assert f"{MEDIA}/v.mp4" in str(created["input"])
