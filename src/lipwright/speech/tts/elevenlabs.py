"""ElevenLabs over HTTP, with httpx instead of its SDK: two requests are all that is needed.

    POST {base}/v1/text-to-speech/{voice_id}?output_format=pcm_24000     header xi-api-key
    {"text": ..., "model_id": ..., "voice_settings": {"stability": ..., "similarity_boost": ...}, "seed": ...}

Raw 24 kHz PCM is asked for because every plan offers it and it needs no decoder. Refusals carry
`{"detail": {"status": "...", "message": "..."}}` and become the error a user can act on. A request that the service
surely did not carry out (connection refused, 429, 5xx) is tried again, with pauses that grow; one that may have been
(no answer in time) is not, because it may have been paid for. The key goes into one header and nowhere else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

from lipwright.errors import (
    LipwrightError,
    RequestError,
    SpeechKeyInvalid,
    SpeechQuotaExceeded,
    SpeechServiceError,
    SpeechTimeout,
    TextLengthExceeded,
    VoiceNotFound,
)
from lipwright.progress import Progress
from lipwright.speech.tts.speech import PHASE, RATE, Manner, Speech, Voice, check_manner, check_script

DEFAULT_BASE_URL = "https://api.elevenlabs.io"
MODEL_ID = "eleven_multilingual_v2"
MAX_SECONDS = 1800
ATTEMPTS = 4
LONGEST_PAUSE_S = 30.0
TIMEOUT_S = 120.0
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_MAX_REFUSAL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ElevenLabs:
    """A synthesiser on the service at `base_url` with the account of `api_key`.

    `timeout_s` is how long to wait for the next byte. `client` makes the HTTP client and `pause` waits (seconds); both
    are there for tests.
    """

    api_key: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    model_id: str = MODEL_ID
    timeout_s: float = TIMEOUT_S
    client: Callable[[], httpx.Client] = httpx.Client
    pause: Callable[[float], None] = time.sleep

    def voices(self) -> Sequence[Voice]:
        """The voices of the account."""
        body = self._ask("GET", "/v1/voices", None, 1 << 24, Progress())
        try:
            listed = _json(body)["voices"]
            return tuple(_voice(entry) for entry in listed)
        except (TypeError, KeyError) as error:
            raise SpeechServiceError("The text-to-speech service answered with something else than voices.") from error

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        """Speak `script` with the voice `voice_id` of the account."""
        text = check_script(script)
        check_manner(manner)
        settings = {"stability": manner.stability, "similarity_boost": manner.similarity_boost}
        body: dict[str, Any] = {"text": text, "model_id": self.model_id, "seed": manner.seed}
        if chosen := {name: value for name, value in settings.items() if value is not None}:
            body["voice_settings"] = chosen
        path = f"/v1/text-to-speech/{quote(voice_id, safe='')}?output_format=pcm_{RATE}"
        progress.advance(PHASE, 0, 1, "requests")
        sound = self._ask("POST", path, body, 2 * RATE * MAX_SECONDS, progress)
        if not sound or len(sound) % 2:
            raise SpeechServiceError(f"The text-to-speech service sent {len(sound)} bytes, which is no 16-bit sound.")
        progress.advance(PHASE, 1, 1, "requests")
        samples = (np.frombuffer(sound, "<i2") / 32768.0).astype(np.float32)
        return Speech(samples, RATE, Voice(voice_id, voice_id, "", "", "elevenlabs"))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, limit: int, progress: Progress) -> bytes:
        """The body of the answer, at most `limit` bytes; errors as in the module's docstring."""
        problem: LipwrightError = SpeechServiceError()
        with self.client() as client:
            for attempt in range(ATTEMPTS):
                progress.check()
                wait = 0.5 * 2.0**attempt
                try:
                    status, headers, answer = self._once(client, method, path, body, limit, progress)
                except httpx.ConnectTimeout as error:
                    problem = SpeechTimeout(f"The text-to-speech service at {self.base_url} did not answer.")
                    problem.__cause__ = error
                except httpx.TimeoutException as error:
                    raise SpeechTimeout(f"The text-to-speech service took over {self.timeout_s:.0f} s.") from error
                except httpx.ConnectError as error:
                    problem = SpeechServiceError(f"The text-to-speech service at {self.base_url} cannot be reached.")
                    problem.__cause__ = error
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise SpeechServiceError(f"The text-to-speech service failed: {error}.") from error
                else:
                    if status == 200:
                        return answer
                    problem = _refusal(status, answer)
                    if status not in _TRY_AGAIN or isinstance(problem, SpeechQuotaExceeded):
                        raise problem
                    wait = _asked_pause(headers) or wait
                if attempt < ATTEMPTS - 1:
                    self.pause(min(wait, LONGEST_PAUSE_S))
        raise problem

    def _once(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        limit: int,
        progress: Progress,
    ) -> tuple[int, httpx.Headers, bytes]:
        """One request: status, headers and body. Redirects are not followed: they would carry the key elsewhere."""
        url = self.base_url.rstrip("/") + path
        answer = bytearray()
        timeout = httpx.Timeout(self.timeout_s, connect=min(10.0, self.timeout_s))
        with client.stream(
            method, url, json=body, headers={"xi-api-key": self.api_key}, timeout=timeout, follow_redirects=False
        ) as response:
            if response.status_code != 200:
                limit = _MAX_REFUSAL_BYTES
            for chunk in response.iter_bytes():
                progress.check()
                answer += chunk
                if len(answer) > limit:
                    if response.status_code == 200:
                        raise SpeechServiceError(f"The text-to-speech service sent more than {limit} bytes.")
                    break
        return response.status_code, response.headers, bytes(answer)


def _refusal(status: int, answer: bytes) -> LipwrightError:
    """The error for an HTTP status and the body that came with it."""
    code, said = _detail(answer)
    why = f": {said.rstrip('.')}." if said else f" (HTTP {status})."
    if code in ("quota_exceeded", "credits_exceeded") or status == 402:
        return SpeechQuotaExceeded(f"The text-to-speech service's quota is used up{why}")
    if code in ("voice_not_found", "voice_does_not_exist") or status == 404:
        return VoiceNotFound(f"The text-to-speech service has no such voice{why}", field="provider.voiceId")
    if code in ("max_character_limit_exceeded", "text_too_long"):
        message = f"The script is too long for the text-to-speech service{why}"
        return TextLengthExceeded(message, field="provider.script")
    if status in (401, 403):
        return SpeechKeyInvalid(
            f"The text-to-speech service refused the API key{why}", suggestion="Check ELEVENLABS_API_KEY."
        )
    if status in (400, 422):
        return RequestError(f"The text-to-speech service refused the request{why}", field="provider")
    if status == 429:
        return SpeechServiceError(f"The text-to-speech service is busy{why}", suggestion="Try again later.")
    return SpeechServiceError(f"The text-to-speech service failed{why}")


def _detail(answer: bytes) -> tuple[str, str]:
    """The code and the sentence of a refusal: `detail` is an object, a list of validation faults, or a string."""
    try:
        detail = _json(answer)["detail"]
    except (SpeechServiceError, TypeError, KeyError):
        return "", ""
    if isinstance(detail, list) and detail:
        detail = detail[0]
    if isinstance(detail, dict):
        code = str(detail.get("status") or detail.get("code") or "")
        return code, str(detail.get("message") or detail.get("msg") or "")[:300]
    return "", str(detail)[:300]


def _json(body: bytes) -> Any:
    """The body as JSON."""

    try:
        return json.loads(body)
    except ValueError as error:
        raise SpeechServiceError("The text-to-speech service answered with something else than JSON.") from error


def _asked_pause(headers: httpx.Headers) -> float:
    """The seconds of a Retry-After header; 0 without one (dates are not used by this service)."""
    value = headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else 0.0


def _voice(entry: Any) -> Voice:
    labels = entry.get("labels") or {}
    return Voice(
        id=str(entry["voice_id"]),
        name=str(entry.get("name", entry["voice_id"])),
        language=str(labels.get("language", "")),
        gender=str(labels.get("gender", "")),
        provider="elevenlabs",
    )
