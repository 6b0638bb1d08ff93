"""The shapes of assets, uploads and faces (contract section 11), and of batches (section 10)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from lipwright.service.api.wire.base import A_TIME, AN_ID, Json, Link, Moment, Uuid, Wire
from lipwright.service.api.wire.orders import File, GenerateRequest, Snake

AssetType = Literal["VIDEO", "AUDIO", "IMAGE"]
Visibility = Literal["USER", "ORGANIZATION"]


class Asset(Wire):
    """A file of your organisation that generations can use."""

    id: Uuid
    created_at: Moment
    updated_at: Moment
    type: AssetType
    visibility: Visibility
    name: str
    url: Link | None
    size: int | None
    """Bytes."""
    format: str | None
    input_type: str
    duration_seconds: float | None
    thumbnail_url: Link | None
    width: int | None
    height: int | None
    project_id: str | None

    example: ClassVar[Json | None] = {
        "id": AN_ID,
        "createdAt": A_TIME,
        "updatedAt": A_TIME,
        "type": "VIDEO",
        "visibility": "USER",
        "name": "talk.mp4",
        "url": "https://lipwright.example.com/files/assets/o/a/talk.mp4?signature=...",
        "size": 1234567,
        "format": "mp4",
        "inputType": "UPLOAD",
        "durationSeconds": 8.64,
        "thumbnailUrl": None,
        "width": 1920,
        "height": 1080,
        "projectId": None,
    }


class AssetPage(Wire):
    """A page of assets."""

    items: list[Asset]
    next_cursor: str | None = None
    """What to send as `cursor` for the next page; absent on the last."""
    total_count: Annotated[int, Field(ge=0)]

    example: ClassVar[Json | None] = {"items": [Asset.example], "totalCount": 1}


class UploadRequest(Wire):
    """A file that is going to be uploaded."""

    file_name: Annotated[str, Field(min_length=1, max_length=255)]
    content_type: str
    size: Annotated[int, Field(ge=1)] | None = None
    """Bytes."""

    example: ClassVar[Json | None] = {"fileName": "talk.mp4", "contentType": "video/mp4", "size": 1234567}


class Upload(Wire):
    """Where to PUT the file, with the same Content-Type and no key, and under which url to register it then."""

    upload_url: str
    url: str
    expires_in: int
    """Seconds."""

    example: ClassVar[Json | None] = {
        "uploadUrl": "https://lipwright.example.com/files/uploads/o/u/talk.mp4?signature=...",
        "url": "https://lipwright.example.com/files/uploads/o/u/talk.mp4",
        "expiresIn": 86400,
    }


class AssetRequest(Wire):
    """An uploaded file that is to become an asset."""

    url: str
    """The `url` that POST /v2/assets/upload answered."""
    type: AssetType
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    visibility: Visibility | None = "USER"
    project_id: str | None = None

    example: ClassVar[Json | None] = {
        "url": "https://lipwright.example.com/files/uploads/o/u/talk.mp4",
        "type": "VIDEO",
        "name": "Talk",
    }


class AssetChange(Wire):
    """What is to be changed; what is not given stays."""

    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    visibility: Visibility | None = None
    format: Annotated[str, Field(max_length=32)] | None = None
    duration_seconds: Annotated[float, Field(ge=0)] | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=0)] | None = None
    height: Annotated[int, Field(ge=0)] | None = None

    example: ClassVar[Json | None] = {"name": "The talk, second take"}


class FaceSearch(Wire):
    """How to look for faces."""

    again: bool | None = False
    """Look again although it was done before."""

    example: ClassVar[Json | None] = {"again": False}


class Faces(Wire):
    """The faces in an asset, or how far the search for them is."""

    status: Literal["NOT_STARTED", "PROCESSING", "COMPLETED", "FAILED"]
    faces: list[dict[str, Any]]
    """Who was found. `choose` of one can be sent as `options.active_speaker_detection`."""
    sheet_url: Link | None
    """A picture that shows them with their numbers."""
    error: str | None = None
    error_code: str | None = None

    example: ClassVar[Json | None] = {
        "status": "COMPLETED",
        "faces": [{"id": 1, "choose": {"frame_number": 12, "coordinates": [640, 410]}}],
        "sheetUrl": "https://lipwright.example.com/files/assets/o/a.faces.png?signature=...",
    }


class BatchMetrics(Snake):
    """How the generations of a batch stand."""

    total_generations: int
    success_count: int
    failed_count: int
    pending_count: int


class Batch(Wire):
    """Many generations ordered in one file."""

    id: Uuid
    created_at: Annotated[Moment, Field(alias="created_at")]
    status: Literal["PENDING", "JOBS_CREATED", "PROCESSING", "COMPLETED", "FAILED"]
    metrics: BatchMetrics
    webhook_url: str | None
    output_url: str
    """Where the results are once it is COMPLETED (a redirect to JSONL), empty before."""

    example: ClassVar[Json | None] = {
        "id": AN_ID,
        "created_at": A_TIME,
        "status": "PROCESSING",
        "webhookUrl": None,
        "outputUrl": "",
        "metrics": {"total_generations": 20, "success_count": 7, "failed_count": 1, "pending_count": 12},
    }


class Validated(Wire):
    """The answer to a dry run."""

    status: Literal["VALIDATED"]

    example: ClassVar[Json | None] = {"status": "VALIDATED"}


class BatchLine(Snake):
    """One request of a batch."""

    request_id: Annotated[str, Field(min_length=1, max_length=255)]
    endpoint: Literal["/v2/generate"]
    payload: GenerateRequest


_A_LINE = {"request_id": "first", "endpoint": "/v2/generate", "payload": GenerateRequest.example}


class BatchRequest(Snake):
    """A batch as JSON."""

    rows: Annotated[list[BatchLine], Field(min_length=1, max_length=500)]
    webhook_url: str | None = None
    dry_run: bool | None = False

    example: ClassVar[Json | None] = {"rows": [_A_LINE], "dry_run": True}


class BatchForm(Snake):
    """A batch as a form with a file of JSON lines, each as in `BatchLine`, at most 500 lines and 5 MB."""

    input: File
    webhook_url: str | None = None
    dry_run: Literal["true", "false"] | None = None


BATCH_FORM_EXAMPLE: Json = {
    "input": '{"request_id": "first", "endpoint": "/v2/generate", "payload": {"model": "lipsync-2", "input": []}}',
    "dry_run": "true",
}
