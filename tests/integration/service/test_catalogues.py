"""What an installation says of itself: models, voices, error codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.servers.api import Api, api

from lipwright.error_codes import CODES
from lipwright.service.api import voices as voices_module
from lipwright.speech.tts import Voice

pytestmark = pytest.mark.anyio


async def told(here: Api, path: str) -> list[dict[str, Any]]:
    answer = await here.http.get(path)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()
    return items


async def test_models_are_the_names_that_generations_take(api: Api) -> None:
    models = await told(api, "/v2/models")
    names = [one["name"] for one in models]
    assert names == ["sync-3", "react-1", "lipsync-2-pro", "lipsync-2", "lipsync-1.9.0-beta", "exemplar"]
    assert {one["name"]: one["type"] for one in models if one["type"] != "lipsync"} == {"react-1": "react"}
    assert all(one["version"] and one["description"] and one["deprecatedAt"] is None for one in models)
    assert len({one["id"] for one in models}) == len(models)
    assert {one["engine"] for one in models} == {"exemplar"}
    assert {"sync_mode", "temperature", "active_speaker_detection"} <= set(models[0]["options"])
    assert "model_mode" not in models[0]["options"]
    for name in names:
        assert (await api.http.post("/v2/generate", json=api.body(model=name))).status_code == 201


async def test_models_are_configured(tmp_path: Path) -> None:
    names = {"ours": "exemplar", "lipsync-2": "exemplar", "sync-3": "an engine that is not installed"}
    async with api(tmp_path / "own", models=names) as here:
        assert [one["name"] for one in await told(here, "/v2/models")] == ["lipsync-2", "ours", "exemplar"]
        assert (await here.http.post("/v2/generate", json=here.body(model="sync-3"))).status_code == 400


async def test_voices_of_this_machine(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Voice("heart", "Heart", "en-US", "female", "hibari")
    missing = Voice("jm_kumo", "Kumo", "ja", "", "kokoro", False, "Run `lipwright models fetch`.")
    monkeypatch.setattr(voices_module, "voices", lambda: [there, missing])
    first, second = await told(api, "/v2/voices")
    assert first == {
        "id": "heart",
        "name": "Heart",
        "provider": "hibari",
        "voiceId": "heart",
        "language": "en-US",
        "gender": "female",
        "installed": True,
        "needs": None,
        "previewUrl": None,
    }
    assert (second["installed"], second["gender"], second["needs"]) == (False, None, missing.needs)


async def test_a_voice_that_is_told_can_be_asked_for(api: Api) -> None:
    for voice in (await told(api, "/v2/voices"))[:2]:
        text = {"name": voice["provider"], "voiceId": voice["voiceId"], "script": "Hello."}
        inputs = [api.body()["input"][0], {"type": "text", "provider": text}]
        answer = await api.http.post("/v2/generate", json=api.body(input=inputs))
        assert answer.status_code == 201, answer.text


async def test_error_codes_need_no_key(api: Api) -> None:
    async with api.client() as nobody:
        codes = await told(Api(api.app, api.services, "", "", nobody), "/v2/errors")
    assert [one["code"] for one in codes] == [one.code for one in CODES]
    assert set(codes[0]) == {"code", "message", "suggestion", "status"}
