"""The shapes of what is said of a generation (contract sections 6 and 9)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from lipwright.service.api.wire.base import A_TIME, AN_ID, Json, Link, Moment, Uuid, Wire
from lipwright.service.api.wire.orders import AN_INPUT
from lipwright.service.storage.generations import STATUSES

Status = Annotated[str, Field(json_schema_extra={"enum": list(STATUSES)})]


class Progress(Wire):
    """How far a generation is."""

    status: Status
    percent: Annotated[float, Field(ge=0, le=100)]
    phase: str | None
    """queued, starting, fetch, faces, listen, render and so on; null when it has ended."""
    frames: int | None
    total_frames: int | None
    eta_seconds: float | None
    """About how long it will still take, once that can be told."""
    updated_at: Moment | None

    example: ClassVar[Json | None] = {
        "status": "PROCESSING",
        "percent": 61.5,
        "phase": "render",
        "frames": 212,
        "totalFrames": 600,
        "etaSeconds": 14.2,
        "updatedAt": A_TIME,
    }


class Generation(Wire):
    """A generation: what was asked, how it stands and what came of it."""

    id: Uuid
    created_at: Moment
    status: Status
    model: str
    input: list[dict[str, Any]]
    options: dict[str, Any] | None
    segments: list[dict[str, Any]] | None
    webhook_url: str | None
    output_url: Link | None
    """The result, once it is COMPLETED."""
    output_duration: float | None
    """Seconds."""
    segment_output_url: Link | None
    """Only the synced ranges, where the old `segments_secs` or `segments_frames` were used."""
    synthesized_audio_url: Link | None
    """What was spoken, where the input has a text."""
    error: str | None
    """Why it FAILED, in a sentence."""
    error_code: str | None
    error_code_snake: Annotated[str | None, Field(alias="error_code")]
    """The same as `errorCode`, under the SDK's name."""
    output_file_name: str | None
    project_id: str | None
    started_at: Moment | None
    finished_at: Moment | None
    engine: str | None
    """What moved the mouths."""
    warnings: list[str]
    """What had no effect or could not be done as asked."""
    progress: Progress | None = None
    """Only with include=progress."""

    example: ClassVar[Json | None] = {
        "id": AN_ID,
        "createdAt": A_TIME,
        "status": "COMPLETED",
        "model": "lipsync-2",
        "input": AN_INPUT,
        "options": {"sync_mode": "cut_off"},
        "segments": None,
        "webhookUrl": None,
        "outputUrl": f"https://lipwright.example.com/files/generations/o/{AN_ID}/output.mp4?signature=...",
        "outputDuration": 8.64,
        "segmentOutputUrl": None,
        "synthesizedAudioUrl": None,
        "error": None,
        "error_code": None,
        "errorCode": None,
        "outputFileName": None,
        "projectId": None,
        "startedAt": "2026-01-15T09:30:01.000Z",
        "finishedAt": "2026-01-15T09:30:31.000Z",
        "engine": "exemplar",
        "warnings": [],
    }


class Count(Wire):
    """How many there are."""

    count: Annotated[int, Field(ge=0)]

    example: ClassVar[Json | None] = {"count": 42}


class SegmentMap(Wire):
    """Where each segment of the request came to lie in the output."""

    id: Uuid
    output_duration: float | None
    segments: list[dict[str, Any]]

    example: ClassVar[Json | None] = {
        "id": AN_ID,
        "outputDuration": 9.0,
        "segments": [{"index": 0, "ref": "intro", "sync_mode": "cut_off", "source": [0, 4.5], "output": [0, 4.5]}],
    }


class Report(Wire):
    """The quality report (docs/quality-report.md): what was done to every frame and how good the result is."""

    example: ClassVar[Json | None] = {"engine": "exemplar", "overall": {"av_offset_ms": 4, "av_correlation": 0.81}}


class CostEstimate(Wire):
    """What a generation would come to."""

    estimated_frame_count: Annotated[int, Field(ge=0)]
    estimated_generation_cost: float
    """Dollars, by the price that this installation is set to."""
    estimated_seconds: float | None
    """About how long it would take here; null until something was done."""

    example: ClassVar[Json | None] = {
        "estimatedFrameCount": 216,
        "estimatedGenerationCost": 0.0,
        "estimatedSeconds": 18.5,
    }


class LengthEstimate(CostEstimate):
    """What an output of a length would come to."""

    estimated_credits: float | None
    """There are none here: null."""

    example: ClassVar[Json | None] = {**(CostEstimate.example or {}), "estimatedCredits": None}


class LengthRequest(Wire):
    """A length to be estimated."""

    model: str
    duration: Annotated[float, Field(gt=0, le=24 * 3600)]
    """Seconds of output."""
    fps: Annotated[float, Field(gt=0, le=1000)] | None = 30
    reasoning_enabled: bool | None = None
    workflow: str | None = None

    example: ClassVar[Json | None] = {"model": "lipsync-2", "duration": 30, "fps": 25}
