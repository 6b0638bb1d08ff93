"""The shapes of webhooks, and of what the service says of itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from lipwright.service.api.wire.base import A_TIME, AN_ID, Json, Moment, Wire


class Secret(Wire):
    """What webhooks are signed with."""

    secret: str

    example: ClassVar[Json | None] = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


class Attempt(Wire):
    """One try to deliver."""

    number: int
    at: Moment
    status: int | None
    """What the receiver answered; null if it did not."""
    seconds: float
    note: str | None
    """Why there was no answer, or what was odd about it."""


class Delivery(Wire):
    """A webhook and what became of it."""

    id: str
    """The `webhook-id` of every try."""
    generation_id: str | None
    batch_id: str | None
    url: str
    status: Literal["PENDING", "DELIVERED", "FAILED"]
    created_at: Moment
    delivered_at: Moment | None
    attempts: list[Attempt]

    example: ClassVar[Json | None] = {
        "id": "msg_6f1c1d2e3f4d0c8a579b2f6f0e2f3a01",
        "generationId": AN_ID,
        "batchId": None,
        "url": "https://example.com/hooks/lipwright",
        "status": "DELIVERED",
        "createdAt": A_TIME,
        "deliveredAt": "2026-01-15T09:30:07.000Z",
        "attempts": [
            {"number": 1, "at": A_TIME, "status": 503, "seconds": 0.21, "note": None},
            {"number": 2, "at": "2026-01-15T09:30:07.000Z", "status": 200, "seconds": 0.12, "note": None},
        ],
    }


class FullDelivery(Delivery):
    """A webhook, what became of it, and what it says."""

    body: str
    """The body, byte for byte as it is sent and signed."""

    example: ClassVar[Json | None] = {**(Delivery.example or {}), "body": '{"status":"COMPLETED","id":"..."}'}


class Health(Wire):
    """The API answers."""

    status: str
    version: str

    example: ClassVar[Json | None] = {"status": "ok", "version": "0.1.0"}


class Ready(Wire):
    """Whether work is taken and done."""

    status: str
    workers: int

    example: ClassVar[Json | None] = {"status": "ready", "workers": 1}


class Model(Wire):
    """A name that `model` can have."""

    id: str
    name: str
    type: Literal["lipsync", "react"]
    version: str
    description: str | None
    deprecated_at: Moment | None
    engine: str
    """The engine that answers to it here."""
    options: list[str]
    """The options it honours."""

    example: ClassVar[Json | None] = {
        "id": "lipsync-2",
        "name": "lipsync-2",
        "type": "lipsync",
        "version": "0.1.0",
        "deprecatedAt": None,
        "description": "Stands for the engine 'exemplar' of this installation.",
        "engine": "exemplar",
        "options": ["sync_mode", "temperature"],
    }


class Voice(Wire):
    """A voice that text can be spoken with."""

    id: str
    name: str
    provider: str
    voice_id: str
    language: str
    gender: str | None
    installed: bool
    needs: str | None
    """What is missing before it can speak."""
    preview_url: str | None

    example: ClassVar[Json | None] = {
        "id": "en_US-a",
        "name": "A",
        "provider": "local",
        "voiceId": "en_US-a",
        "language": "en-US",
        "gender": None,
        "installed": True,
        "needs": None,
        "previewUrl": None,
    }


class CodeEntry(Wire):
    """What an error code means."""

    code: str
    status: int
    message: str
    suggestion: str

    example: ClassVar[Json | None] = {
        "code": "generation_not_found",
        "status": 404,
        "message": "There is no such generation.",
        "suggestion": "Check the id, and that the key is yours.",
    }
