"""What holds for all endpoints: keys, errors and their catalogue, estimates, media that cannot be used, limits."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from tests.acceptance.service.conftest import Behind
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.output import fetched
from tests.acceptance.service.server import Service

CODES = [
    "generation_unsupported_model",
    "generation_pipeline_failed",
    "generation_unknown_error",
    "generation_input_validation_failed",
    "generation_infra_storage_error",
    "generation_infra_resource_exhausted",
    "generation_infra_service_unavailable",
    "generation_input_video_inaccessible",
    "generation_input_audio_inaccessible",
    "generation_input_image_inaccessible",
    "generation_input_video_invalid",
    "generation_input_audio_invalid",
    "generation_input_segments_invalid",
    "generation_input_trim_invalid",
    "generation_input_face_selection_invalid",
    "generation_input_resolution_unsupported",
    "generation_input_duration_greater_than_max_duration",
    "generation_input_asset_type_mismatch",
    "generation_input_too_many_visual",
    "generation_not_deletable_while_processing",
    "invalid_generation_id",
    "generation_not_found",
    "concurrency_limit_reached",
    "rate_limit_exceeded",
    "internal_error",
    "asset_not_found",
    "asset_forbidden",
    "invalid_asset_id_format",
    "uploaded_file_not_found",
    "file_not_in_org_storage",
    "voice_not_found",
    "elevenlabs_quota_exceeded",
    "elevenlabs_api_key_invalid",
    "elevenlabs_service_unavailable",
]


class TestKeys:
    def test_the_key_printed_at_the_first_start_works(self, service: Service) -> None:
        words = set(re.findall(r"[A-Za-z0-9_.-]{20,}", service.log.read_text(errors="replace")))
        statuses = []
        for word in words:
            with service.client(word) as client:
                statuses.append(client.get("/v2/models").status_code)
        assert 200 in statuses

    def test_without_a_key(self, service: Service) -> None:
        with service.client(None) as client:
            answer = client.get("/v2/generations")
        assert answer.status_code == 401
        assert answer.json() == {
            "message": "Either Cookie or x-api-key header must be provided",
            "error": "Unauthorized",
            "statusCode": 401,
        }

    @pytest.mark.parametrize("key", ["nonsense", "sk-0", "é".encode().decode("latin-1")])
    def test_with_a_wrong_key(self, service: Service, key: str) -> None:
        headers = [(b"x-api-key", key.encode("latin-1"))]
        answer = httpx.get(f"{service.url}/v2/generations", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"message": "Unauthorized", "statusCode": 401}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/v2/generate"),
            ("GET", "/v2/generate/00000000-0000-4000-8000-000000000000"),
            ("DELETE", "/v2/generations/00000000-0000-4000-8000-000000000000"),
            ("POST", "/v2/analyze/cost"),
            ("GET", "/v2/assets"),
            ("POST", "/v2/assets/upload"),
            ("GET", "/v2/batch"),
            ("GET", "/v2/models"),
            ("GET", "/v2/organizations/webhook/secret"),
            ("GET", "/v2/webhooks/deliveries"),
        ],
    )
    def test_nothing_is_open_that_should_not_be(self, service: Service, method: str, path: str) -> None:
        with service.client(None) as client:
            assert client.request(method, path).status_code == 401

    def test_a_bearer_token_is_a_key_too(self, service: Service) -> None:
        answer = httpx.get(f"{service.url}/v2/models", headers={"Authorization": f"Bearer {service.key}"})
        assert answer.status_code == 200

    def test_health_needs_none(self, service: Service) -> None:
        with service.client(None) as client:
            assert client.get("/health").status_code == 200
            assert client.get("/ready").status_code == 200


class TestErrors:
    def test_the_catalogue_needs_no_key(self, service: Service) -> None:
        with service.client(None) as client:
            answer = client.get("/v2/errors")
        assert answer.status_code == 200
        catalogue = {entry["code"]: entry for entry in answer.json()}
        assert not set(CODES) - set(catalogue)
        assert all(entry["message"] and "suggestion" in entry for entry in catalogue.values())

    def test_a_body_that_is_no_json(self, service: Service) -> None:
        headers = {"content-type": "application/json"}
        for content in (b"{not json", b"", b"[]", b'"text"', b"\xff\xfe"):
            answer = service.http.post("/v2/generate", content=content, headers=headers)
            assert answer.status_code == 400, content
            assert answer.json()["statusCode"] == 400
            assert answer.json()["message"]

    def test_all_faults_are_told(self, service: Service, plain: dict[str, Any]) -> None:
        wrong = {**plain, "options": {"temperature": 7, "sync_mode": "sideways"}}
        answer = service.post(wrong)
        assert answer.status_code == 400
        told = answer.json()["message"]
        assert isinstance(told, list)
        assert any("temperature" in one for one in told)
        assert any("sync_mode" in one for one in told)

    def test_paths_that_are_not_there_and_methods_that_are_not(self, service: Service) -> None:
        missing = service.http.get("/v2/nothing")
        assert missing.status_code == 404
        assert missing.json()["statusCode"] == 404
        assert service.http.put("/v2/generate", json={}).status_code in (404, 405)

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"model": "lipsync-9"}, "generation_unsupported_model", "model"),
            ({"model": None}, "generation_input_validation_failed", "model"),
            ({"input": []}, "generation_input_validation_failed", "input"),
            ({"input": "video.mp4"}, "generation_input_validation_failed", "input"),
            ({"options": {"temperature": 2}}, "generation_input_validation_failed", "options.temperature"),
            ({"webhookUrl": "not a url"}, "generation_input_validation_failed", "webhookUrl"),
            (
                {"options": {"active_speaker_detection": {"frame_number": 0, "coordinates": [-5, 1]}}},
                "generation_input_face_selection_invalid",
                "options.active_speaker_detection.coordinates",
            ),
        ],
    )
    def test_fields_are_named(
        self, service: Service, plain: dict[str, Any], change: dict[str, Any], code: str, field: str
    ) -> None:
        answer = service.post({**plain, **change})
        assert answer.status_code == 400, answer.text
        assert (answer.json()["errorCode"], answer.json()["field"]) == (code, field)

    def test_two_visuals(self, service: Service, plain: dict[str, Any]) -> None:
        answer = service.post({**plain, "input": [plain["input"][0], *plain["input"]]})
        assert answer.status_code == 400
        assert answer.json()["errorCode"] == "generation_input_too_many_visual"


class TestEstimates:
    def test_of_a_request(self, service: Service, plain: dict[str, Any], done: dict[str, Any]) -> None:
        """As many frames as the finished one has (`done` is the same request)."""
        answer = service.http.post("/v2/analyze/cost", json={**plain, "webhookUrl": None})
        assert answer.status_code == 200, answer.text
        [cost] = answer.json()
        assert cost["estimatedFrameCount"] == len(fetched(done["outputUrl"]).times)
        assert cost["estimatedGenerationCost"] >= 0

    def test_of_segments(self, service: Service, media: MediaHost) -> None:
        video = {"type": "video", "url": media.url("talk.mp4")}
        audio = {"type": "audio", "url": media.url("line.wav"), "refId": "a"}
        segments = [{"startTime": 0, "endTime": 1, "audioInput": {"refId": "a"}}]
        body = {"model": "lipsync-2", "input": [video, audio], "segments": segments}
        [cost] = service.http.post("/v2/analyze/cost", json=body).json()
        assert cost["estimatedFrameCount"] == 100  # 75 of the video, and 1 s of it became 2 s

    def test_of_a_wrong_request(self, service: Service, plain: dict[str, Any]) -> None:
        answer = service.http.post("/v2/analyze/cost", json={**plain, "model": "lipsync-9"})
        assert answer.status_code == 400
        assert answer.json()["errorCode"] == "generation_unsupported_model"

    @pytest.mark.parametrize("path", ["/v2/generations/estimate", "/v2/generate/estimate-cost"])
    def test_of_a_length(self, service: Service, path: str) -> None:
        answer = service.http.post(path, json={"model": "lipsync-2", "duration": 10, "fps": 25})
        assert answer.status_code == 200, answer.text
        assert answer.json()["estimatedFrameCount"] == 250
        assert {"estimatedGenerationCost", "estimatedCredits"} <= set(answer.json())
        thirty = service.http.post(path, json={"model": "lipsync-2", "duration": 10}).json()
        assert thirty["estimatedFrameCount"] == 300
        assert service.http.post(path, json={"model": "lipsync-2", "duration": 0}).status_code == 400


class TestMedia:
    @pytest.mark.parametrize("kind", ["video", "audio", "image"])
    def test_what_cannot_be_fetched(self, service: Service, media: MediaHost, plain: dict[str, Any], kind: str) -> None:
        missing = {"type": kind, "url": media.url("missing.bin")}
        kept = plain["input"][0] if kind == "audio" else plain["input"][1]
        answer = service.post({"model": "sync-3", "input": [missing, kept]})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errorCode"] == f"generation_input_{kind}_inaccessible"
        assert answer.json()["field"].startswith("input[0]")
        assert answer.json()["suggestion"]

    @pytest.mark.parametrize("url", ["video.mp4", "ftp://127.0.0.1/video.mp4", "file:///etc/passwd", "http://"])
    def test_addresses_that_are_none(self, service: Service, plain: dict[str, Any], url: str) -> None:
        """The guide's placeholder among them: a clean refusal."""
        answer = service.post({**plain, "input": [{"type": "video", "url": url}, plain["input"][1]]})
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["field"].startswith("input[0]")

    @pytest.mark.parametrize("name", ["page.html", "lying.mp4"])
    def test_a_page_instead_of_a_video(
        self, service: Service, media: MediaHost, plain: dict[str, Any], name: str
    ) -> None:
        """Told at once or later, as a file that cannot be read or as an address that gives none."""
        code = service.outcome({**plain, "input": [{"type": "video", "url": media.url(name)}, plain["input"][1]]})
        assert code in ("generation_input_video_invalid", "generation_input_video_inaccessible")

    def test_a_picture_instead_of_an_audio(self, service: Service, media: MediaHost, plain: dict[str, Any]) -> None:
        audio = {"type": "audio", "url": media.url("portrait.jpg")}
        assert service.outcome({**plain, "input": [plain["input"][0], audio]}) == "generation_input_audio_invalid"

    def test_a_segment_behind_the_end(self, service: Service, media: MediaHost) -> None:
        video = {"type": "video", "url": media.url("talk.mp4")}
        audio = {"type": "audio", "url": media.url("line.wav"), "refId": "a"}
        segments = [{"startTime": 30, "endTime": 31, "audioInput": {"refId": "a"}}]
        code = service.outcome({"model": "lipsync-2", "input": [video, audio], "segments": segments})
        assert code == "generation_input_segments_invalid"

    def test_hosts_that_are_slow_or_have_moved(self, service: Service, media: MediaHost) -> None:
        """And a picture that speaks: as long as its audio, whatever the mode."""
        image = {"type": "image", "url": media.url("slow/portrait.jpg")}
        audio = {"type": "audio", "url": media.url("moved/short.wav")}
        created = service.create({"model": "sync-3", "input": [image, audio], "options": {"sync_mode": "remap"}})
        finished = service.finished(created["id"])
        assert finished["outputDuration"] == pytest.approx(1.0, abs=0.05)
        assert fetched(finished["outputUrl"]).picture_seconds == pytest.approx(1.0, abs=0.05)

    def test_a_picture_has_no_speaker_to_detect(self, service: Service, media: MediaHost) -> None:
        image = {"type": "image", "url": media.url("portrait.jpg")}
        audio = {"type": "audio", "url": media.url("short.wav")}
        options = {"active_speaker_detection": {"auto_detect": True}}
        answer = service.post({"model": "sync-3", "input": [image, audio], "options": options})
        assert answer.status_code == 400
        assert answer.json()["errorCode"] == "generation_input_face_selection_invalid"


class TestLimits:
    def test_too_many_requests(self, behind: Behind) -> None:
        """Twenty a minute there; a key of its own, so that no other test is in the way."""
        with behind.service.client(behind.service.new_key()) as client:
            answers = [client.post("/v2/generate", json={}) for _ in range(21)]
            others = client.get("/v2/models")
        assert [answer.status_code for answer in answers] == [400] * 20 + [429]
        limited = answers[-1].json()
        assert limited["errorCode"] == "rate_limit_exceeded"
        assert limited["error"] == "Too Many Requests"
        assert limited["statusCode"] == 429
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
        assert others.status_code == 200

    def test_too_many_at_once(self, behind: Behind, lengthy: dict[str, Any]) -> None:
        with behind.service.client(behind.service.new_key()) as client:
            running = client.post("/v2/generate", json=lengthy)
            assert running.status_code == 201, running.text
            refused = client.post("/v2/generate", json=lengthy)
            client.post(f"/v2/generations/{running.json()['id']}/cancel")
            behind.service.ended(running.json()["id"])
            again = client.post("/v2/generate", json=lengthy)
            assert again.status_code == 201, again.text
            client.post(f"/v2/generations/{again.json()['id']}/cancel")
        assert refused.status_code == 429
        told = refused.json()
        assert told["errorCode"] == "concurrency_limit_reached"
        assert (told["activeGenerations"], told["concurrencyLimit"]) == (1, 1)
        assert told["retryAfterSeconds"] > 0
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["X-Sync-Concurrency-Limit"] == "1"
        assert refused.headers["X-Sync-Active-Generations"] == "1"
