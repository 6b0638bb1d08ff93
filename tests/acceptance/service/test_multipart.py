"""Multipart bodies of POST /v2/generate (contract 4), and the urlencoded one that the Python SDK can produce."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.server import Service

File = tuple[str, bytes, str]
Part = tuple[str, tuple[None, str] | File]


def text(name: str, value: object) -> Part:
    """A text part; what is not a string is sent as JSON."""
    return name, (None, value if isinstance(value, str) else json.dumps(value))


def file(name: str, content: bytes) -> Part:
    """A file part as the Python SDK sends bytes: with a name and a type that say nothing."""
    return name, ("upload", content, "application/octet-stream")


def post(service: Service, *parts: Part) -> httpx.Response:
    """POST /v2/generate with these parts in this order."""
    return service.http.post("/v2/generate", files=list(parts))


def taken(service: Service, *parts: Part) -> dict[str, Any]:
    """The generation, stopped."""
    answer = post(service, *parts)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    service.cancel(created["id"])
    return created


MODEL = text("model", "lipsync-2")


@pytest.fixture(scope="module")
def video(media: MediaHost) -> Part:
    """The video as a file part."""
    return file("video", media.bytes("talk.mp4"))


@pytest.fixture(scope="module")
def audio(media: MediaHost) -> Part:
    """The audio as a file part."""
    return file("audio", media.bytes("line.wav"))


def test_files_alone(service: Service, media: MediaHost, video: Part, audio: Part) -> None:
    """Entries are made up for them in the echo, with addresses that hold what was sent."""
    created = taken(service, MODEL, video, audio)
    assert [entry["type"] for entry in created["input"]] == ["video", "audio"]
    for entry, name in zip(created["input"], ("talk.mp4", "line.wav"), strict=True):
        stored = httpx.get(entry["url"])
        assert stored.status_code == 200
        assert stored.content == media.bytes(name)


@pytest.mark.parametrize("repeated", [False, True], ids=["array", "repeated"])
def test_placeholders_name_uploaded_files(service: Service, video: Part, audio: Part, repeated: bool) -> None:
    entries = [{"type": "video"}, {"type": "audio", "refId": "a"}]
    parts = [text("input", entry) for entry in entries] if repeated else [text("input", entries)]
    segments = [{"startTime": 0.5, "endTime": 1.5, "audioInput": {"refId": "a"}}]
    created = taken(service, MODEL, video, audio, *parts, text("segments", segments))
    assert [entry["type"] for entry in created["input"]] == ["video", "audio"]
    assert created["input"][1]["refId"] == "a"
    assert all(entry["url"] for entry in created["input"])
    assert created["segments"][0]["audioInput"]["refId"] == "a"


@pytest.mark.parametrize("repeated", [False, True], ids=["array", "repeated"])
def test_a_file_beside_addresses(service: Service, media: MediaHost, video: Part, repeated: bool) -> None:
    entry = {"type": "audio", "url": media.url("line.wav")}
    created = taken(service, MODEL, video, text("input", entry if repeated else [entry]))
    assert {entry["type"] for entry in created["input"]} == {"video", "audio"}
    assert next(one for one in created["input"] if one["type"] == "audio")["url"] == entry["url"]


def test_several_addresses_and_no_file(service: Service, plain: dict[str, Any]) -> None:
    created = taken(service, MODEL, *(text("input", entry) for entry in plain["input"]))
    assert [entry["url"] for entry in created["input"]] == [entry["url"] for entry in plain["input"]]


def test_a_file_wins_over_an_address(service: Service, media: MediaHost, video: Part, audio: Part) -> None:
    entries = [{"type": "video", "url": media.url("missing.mp4")}, {"type": "audio", "refId": "a"}]
    created = taken(service, MODEL, video, audio, text("input", entries))
    assert created["input"][0]["url"] != media.url("missing.mp4")
    assert httpx.get(created["input"][0]["url"]).content == media.bytes("talk.mp4")


def test_order_of_parts_does_not_matter(service: Service, video: Part, audio: Part) -> None:
    created = taken(service, audio, text("options", {"sync_mode": "loop"}), video, MODEL)
    assert created["options"] == {"sync_mode": "loop"}


def test_options_and_other_text_parts(service: Service, video: Part, audio: Part) -> None:
    more = (text("options", {"sync_mode": "silence", "temperature": 0.2}), text("outputFileName", "a b"))
    created = taken(service, MODEL, video, audio, *more)
    assert created["options"] == {"sync_mode": "silence", "temperature": 0.2}
    assert created["outputFileName"] == "a_b"


def test_flat_legacy_parts_are_ignored(service: Service, media: MediaHost, plain: dict[str, Any]) -> None:
    """The official ComfyUI node sends both; the JSON parts are what counts."""
    legacy = {
        "video_url": media.url("missing.mp4"),
        "audio_url": media.url("missing.wav"),
        "sync_mode": "bounce",
        "temperature": "0.9",
        "active_speaker": "true",
    }
    parts = [text("input", plain["input"]), text("options", {"sync_mode": "cut_off"})]
    created = taken(service, MODEL, *parts, *(text(name, value) for name, value in legacy.items()))
    assert created["options"] == {"sync_mode": "cut_off"}
    assert len(created["input"]) == 2


def test_a_picture_as_file(service: Service, media: MediaHost, audio: Part) -> None:
    created = taken(service, text("model", "sync-3"), file("image", media.bytes("portrait.jpg")), audio)
    assert [entry["type"] for entry in created["input"]] == ["image", "audio"]


def test_chunked_without_a_length(service: Service, media: MediaHost) -> None:
    request = httpx.Request("POST", service.url, files=[MODEL, file("video", media.bytes("talk.mp4"))])
    entries = [{"type": "audio", "url": media.url("line.wav")}]
    request = httpx.Request(
        "POST",
        service.url,
        files=[MODEL, file("video", media.bytes("talk.mp4")), text("input", entries)],
    )
    content = request.read()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    kind = {"content-type": request.headers["content-type"]}
    answer = service.http.post("/v2/generate", content=pieces(), headers=kind)
    assert answer.status_code == 201, answer.text
    service.cancel(answer.json()["id"])


def test_uploaded_files_become_assets(service: Service, video: Part, audio: Part) -> None:
    taken(service, MODEL, ("video", ("holiday.mp4", video[1][1], "video/mp4")), audio)  # type: ignore[arg-type]
    page = service.http.get("/v2/assets", params={"searchQuery": "holiday", "types": "VIDEO"}).json()
    assert [item["inputType"] for item in page["items"]] == ["UPLOAD"]
    assert page["items"][0]["width"] == 360


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ((), "model"),
        ((MODEL, text("options", "{not json")), "options"),
        ((MODEL, text("segments", '{"startTime": 1}')), "segments"),
        ((MODEL, text("input", "video.mp4")), "input"),
    ],
    ids=["no model", "options", "segments", "input"],
)
def test_a_part_that_is_wrong_is_named(
    service: Service, video: Part, audio: Part, parts: tuple[Part, ...], field: str
) -> None:
    answer = post(service, video, audio, *parts)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errorCode"] == "generation_input_validation_failed"
    assert answer.json()["field"].startswith(field)


def test_two_files_for_one_part_are_refused(service: Service, video: Part, audio: Part) -> None:
    answer = post(service, MODEL, video, video, audio)
    assert answer.status_code in (400, 413), answer.text
    assert answer.json()["errorCode"] in ("generation_input_validation_failed", "generation_input_too_many_visual")


def test_a_file_that_is_no_media(service: Service, media: MediaHost, audio: Part) -> None:
    """Named and typed as a video, and a web page in fact."""
    answer = post(service, MODEL, ("video", ("clip.mp4", media.bytes("lying.mp4"), "video/mp4")), audio)
    if answer.status_code == 201:
        assert service.ended(answer.json()["id"])["errorCode"] == "generation_input_video_invalid"
    else:
        assert answer.status_code in (400, 422)
        assert answer.json()["errorCode"] == "generation_input_video_invalid"


@pytest.mark.parametrize("part", ["a file", "a text"])
def test_a_body_that_is_cut_short(service: Service, video: Part, plain: dict[str, Any], part: str) -> None:
    """Its end never came, so nobody knows what else was asked for; what did arrive is not taken for all of it."""
    last = video if part == "a file" else text("options", {"sync_mode": "cut_off", "temperature": 0.1})
    request = httpx.Request("POST", service.url, files=[MODEL, text("input", plain["input"]), last])
    content, kind = request.read(), request.headers["content-type"]
    inside = len(content) - len(kind.partition("boundary=")[2]) - 20
    answer = service.http.post("/v2/generate", content=content[:inside], headers={"content-type": kind})
    if answer.status_code == 201:
        service.cancel(answer.json()["id"])
    assert answer.status_code == 400, answer.text
    assert answer.json()["statusCode"] == 400


def test_urlencoded_says_what_to_send(service: Service, plain: dict[str, Any]) -> None:
    answer = service.http.post("/v2/generate", data={"model": "lipsync-2", "input": [str(e) for e in plain["input"]]})
    assert answer.status_code == 400
    told = str(answer.json()["message"]).lower() + str(answer.json().get("suggestion", "")).lower()
    assert "multipart/form-data" in told
    assert "application/json" in told
