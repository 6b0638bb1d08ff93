"""The ElevenLabs client against a stand-in on this machine that speaks its wire format and gives its errors."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import numpy as np
import pytest

from lipwright.errors import (
    Cancelled,
    LipwrightError,
    RequestError,
    SpeechKeyInvalid,
    SpeechQuotaExceeded,
    SpeechServiceError,
    SpeechTimeout,
    TextLengthExceeded,
    VoiceNotFound,
)
from lipwright.progress import CancelToken, Progress
from lipwright.speech.tts import Manner, TextToSpeech, TtsSettings
from lipwright.speech.tts.elevenlabs import ElevenLabs
from lipwright.timeline.request import TextInput

KEY = "sk_very_secret"
VOICE = "EXAVITQu4vr4xnSDxMaL"
TONE = (8000 * np.sin(np.arange(24000) / 9)).astype("<i2")


@dataclass
class StandIn:
    """What the service was asked, and the (status, body, headers) it gives before it behaves."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    slow: bool = False
    url: str = ""

    def refuse(self, status: int, code: str = "", message: str = "", **headers: str) -> None:
        detail = {"detail": {"status": code, "message": message}}
        self.answers.append((status, detail, {k.replace("_", "-"): v for k, v in headers.items()}))

    def client(self, **changes: Any) -> ElevenLabs:
        made: dict[str, Any] = {
            "api_key": KEY,
            "base_url": self.url,
            "client": lambda: httpx.Client(trust_env=False),
            "pause": lambda _: None,
        }
        return ElevenLabs(**{**made, **changes})


@pytest.fixture
def service() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            url = urlsplit(self.path)
            stand_in.asked.append(
                {
                    "path": unquote(url.path),
                    "query": parse_qs(url.query),
                    "key": self.headers["xi-api-key"],
                    "body": body,
                }
            )
            if stand_in.slow:
                stand_in.hold.wait(10)
                return
            if stand_in.answers:
                status, answer, headers = stand_in.answers.pop(0)
                self._give(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), headers)
            elif self.headers["xi-api-key"] != KEY:
                detail = {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}
                self._give(401, json.dumps(detail).encode(), {})
            else:
                self._give(200, TONE.tobytes(), {"Content-Type": "audio/pcm"})

        def do_GET(self) -> None:
            voices = [{"voice_id": VOICE, "name": "Sarah", "labels": {"gender": "female", "language": "en"}}]
            self._give(200, json.dumps({"voices": voices}).encode(), {})

        def _give(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield stand_in
    stand_in.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


def say(client: ElevenLabs, script: str = "Hello.", voice: str = VOICE, manner: Manner | None = None) -> Any:
    return client.speak(script, voice, manner or Manner(), Progress())


def test_the_request_is_the_documented_one_and_the_sound_comes_back_exact(service: StandIn) -> None:
    speech = say(service.client(), "Hello there.", manner=Manner(stability=0.4, similarity_boost=0.8, seed=7))
    (asked,) = service.asked
    assert asked["path"] == f"/v1/text-to-speech/{VOICE}"
    assert asked["query"] == {"output_format": ["pcm_24000"]}
    assert asked["key"] == KEY
    assert asked["body"]["text"] == "Hello there."
    assert asked["body"]["voice_settings"] == {"stability": 0.4, "similarity_boost": 0.8}
    assert asked["body"]["seed"] == 7
    assert asked["body"]["model_id"]
    assert speech.rate == 24000
    assert np.array_equal(np.round(speech.samples * 32768).astype("<i2"), TONE)


def test_settings_that_were_not_given_are_the_voices_own(service: StandIn) -> None:
    say(service.client())
    say(service.client(), manner=Manner(stability=0.0))
    assert "voice_settings" not in service.asked[0]["body"]
    assert service.asked[1]["body"]["voice_settings"] == {"stability": 0.0}


def test_a_voice_id_cannot_leave_its_place_in_the_address(service: StandIn) -> None:
    say(service.client(), voice="../../admin?x=1")
    assert service.asked[0]["path"] == "/v1/text-to-speech/../../admin?x=1"
    assert set(service.asked[0]["query"]) == {"output_format"}


@pytest.mark.parametrize(
    ("status", "code", "error", "wire"),
    [
        (401, "invalid_api_key", SpeechKeyInvalid, ("elevenlabs_api_key_invalid", 401)),
        (403, "missing_permissions", SpeechKeyInvalid, ("elevenlabs_api_key_invalid", 401)),
        (401, "quota_exceeded", SpeechQuotaExceeded, ("elevenlabs_quota_exceeded", 402)),
        (402, "payment_required", SpeechQuotaExceeded, ("elevenlabs_quota_exceeded", 402)),
        (429, "quota_exceeded", SpeechQuotaExceeded, ("elevenlabs_quota_exceeded", 402)),
        (404, "voice_not_found", VoiceNotFound, ("voice_not_found", 400)),
        (400, "voice_not_found", VoiceNotFound, ("voice_not_found", 400)),
        (400, "max_character_limit_exceeded", TextLengthExceeded, ("generation_text_length_exceeded", 400)),
        (422, "", RequestError, ("generation_input_validation_failed", 400)),
        (501, "", SpeechServiceError, ("elevenlabs_service_unavailable", 503)),
    ],
)
def test_a_refusal_is_told_once_as_what_it_is(
    service: StandIn, status: int, code: str, error: type[LipwrightError], wire: tuple[str, int]
) -> None:
    service.refuse(status, code, "The reason given.")
    with pytest.raises(error, match="The reason given") as caught:
        say(service.client())
    assert (caught.value.code, caught.value.status) == wire
    assert len(service.asked) == 1


def test_validation_faults_in_a_list_are_understood(service: StandIn) -> None:
    service.answers.append((422, {"detail": [{"loc": ["body", "text"], "msg": "field required"}]}, {}))
    with pytest.raises(RequestError, match="field required"):
        say(service.client())


def test_a_busy_service_is_asked_again_after_growing_pauses_or_the_one_it_names(service: StandIn) -> None:
    pauses: list[float] = []
    service.refuse(429, "too_many_concurrent_requests")
    service.refuse(503)
    service.refuse(429, "system_busy", "", Retry_After="7")
    assert say(service.client(pause=pauses.append)).seconds == 1.0
    assert len(service.asked) == 4
    assert pauses == [0.5, 1.0, 7.0]


def test_a_service_that_stays_busy_is_given_up(service: StandIn) -> None:
    for _ in range(9):
        service.refuse(429, "system_busy", "Heavy traffic.")
    with pytest.raises(SpeechServiceError, match="is busy: Heavy traffic") as caught:
        say(service.client())
    assert caught.value.code == "elevenlabs_service_unavailable"
    assert len(service.asked) == 4


def test_a_service_that_does_not_answer_is_not_asked_twice(service: StandIn) -> None:
    service.slow = True
    with pytest.raises(SpeechTimeout) as caught:
        say(service.client(timeout_s=0.3))
    assert caught.value.status == 504
    assert len(service.asked) == 1


def test_nobody_there_is_tried_again_and_then_a_sentence() -> None:
    pauses: list[float] = []
    client = ElevenLabs(KEY, "http://127.0.0.1:9", client=lambda: httpx.Client(trust_env=False), pause=pauses.append)
    with pytest.raises(SpeechServiceError, match="cannot be reached"):
        say(client)
    assert len(pauses) == 3


@pytest.mark.parametrize(
    ("answer", "sentence"), [(b"", "0 bytes"), (b"abc", "3 bytes")], ids=["nothing", "half a sample"]
)
def test_an_answer_that_is_no_sound_is_refused(service: StandIn, answer: bytes, sentence: str) -> None:
    service.answers.append((200, answer, {}))
    with pytest.raises(SpeechServiceError, match=sentence):
        say(service.client())


def test_a_redirect_is_not_followed_with_the_key(service: StandIn) -> None:
    service.answers.append((302, b"", {"Location": f"{service.url}/elsewhere"}))
    with pytest.raises(SpeechServiceError, match="HTTP 302"):
        say(service.client())
    assert len(service.asked) == 1


def test_cancelling_stops_the_retries(service: StandIn) -> None:
    token = CancelToken()

    def cancel(_: float) -> None:
        token.cancel()

    service.refuse(503)
    with pytest.raises(Cancelled):
        service.client(pause=cancel).speak("Hello.", VOICE, Manner(), Progress(token=token))
    assert len(service.asked) == 1


@pytest.fixture
def speaks(service: StandIn) -> Callable[[str], TextToSpeech]:
    return lambda key: TextToSpeech(TtsSettings(key, service.url))


def test_the_key_is_in_no_error_log_or_repr(
    service: StandIn, speaks: Callable[[str], TextToSpeech], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SpeechKeyInvalid) as caught:
        speaks("sk_wrong_key").speak(TextInput("Hello.", VOICE))
    shown = f"{caught.value!r} {caught.value.message} {caplog.text} {ElevenLabs('sk_wrong_key')!r}"
    assert service.asked[0]["key"] == "sk_wrong_key"
    assert "sk_wrong_key" not in shown


def test_the_whole_way_through_the_facade(service: StandIn, speaks: Callable[[str], TextToSpeech]) -> None:
    speech = speaks(KEY).speak(TextInput("Hello.", VOICE, stability=0.5))
    assert speech.seconds == 1.0
    assert speech.voice.provider == "elevenlabs"
    service.refuse(404, "voice_not_found", "Gone.")
    with pytest.raises(VoiceNotFound) as caught:
        speaks(KEY).speak(TextInput("Hello.", VOICE), where="input[3].provider")
    assert caught.value.field == "input[3].provider.voiceId"


def test_the_voices_of_the_account(service: StandIn) -> None:
    (voice,) = service.client().voices()
    assert (voice.id, voice.name, voice.language, voice.gender) == (VOICE, "Sarah", "en", "female")
