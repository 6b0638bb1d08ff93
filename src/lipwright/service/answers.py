"""What the API and webhooks say of generations, assets and batches: rows to JSON (contract sections 6, 10, 11, 14).

Plain dictionaries, since the same is needed in an answer, a webhook, a batch's results and an event stream; `api.wire`
describes them for OpenAPI. Links are signed anew for every answer and good for `link_seconds`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from lipwright.service.config import ServiceConfig
from lipwright.service.storage.batches import Counts
from lipwright.service.storage.generations import COMPLETED
from lipwright.service.storage.links import Links
from lipwright.service.storage.tables import Asset, Batch, BatchRow, Generation

Json = dict[str, Any]

CONTENT_TYPES = {"mp4": "video/mp4", "json": "application/json", "wav": "audio/wav", "jsonl": "application/x-ndjson"}


def moment(time: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, as the contract has times."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Answers:
    """Makes answers with links of one installation."""

    def __init__(self, config: ServiceConfig, links: Links) -> None:
        self._config, self._links = config, links

    def link(self, key: str | None, filename: str | None = None) -> str | None:
        """A link to an object, None without one."""
        if key is None:
            return None
        kind = CONTENT_TYPES.get(key.rpartition(".")[2])
        return self._links.download(key, timedelta(seconds=self._config.link_seconds), filename, kind)

    def generation(self, row: Generation, progress: bool = False) -> Json:
        """The `Generation` of the contract, with our additions: engine, warnings and the segment map."""
        result = row.result or {}
        name = f"{row.output_file_name}.mp4" if row.output_file_name else None
        done = row.status == COMPLETED
        answer: Json = {
            "id": row.id,
            "createdAt": moment(row.created_at),
            "status": row.status,
            "model": row.model,
            "input": [self._input(item) for item in row.echo.get("input") or []],
            "options": row.echo.get("options"),
            "segments": row.echo.get("segments"),
            "webhookUrl": row.webhook_url,
            "outputUrl": self.link(row.output_key, name) if done else None,
            "outputDuration": row.output_seconds,
            "segmentOutputUrl": self.link(row.segment_output_key, name) if done else None,
            "synthesizedAudioUrl": self.link(row.speech_key) if done else None,
            "error": row.error,
            "error_code": row.error_code,
            "errorCode": row.error_code,
            "outputFileName": row.output_file_name,
            "projectId": row.project_id,
            "startedAt": moment(row.started_at),
            "finishedAt": moment(row.finished_at),
            "engine": result.get("engine") or row.engine,
            "warnings": result.get("warnings") or [],
        }
        if progress:
            answer["progress"] = self.progress(row)
        return answer

    def _input(self, item: Any) -> Any:
        """An input as it is repeated: one that is an object of ours has a link that can be followed."""
        if not isinstance(item, dict) or "key" not in item:
            return item
        return {**{name: value for name, value in item.items() if name != "key"}, "url": self.link(item["key"])}

    def progress(self, row: Generation) -> Json:
        """How far a generation is: percent, phase, frames, and the seconds that are left as far as can be told."""
        known = row.progress or {}
        ended = row.status in ("COMPLETED", "FAILED", "REJECTED")
        return {
            "status": row.status,
            "percent": 100.0 if row.status == COMPLETED else float(known.get("percent", 0.0)),
            "phase": None if ended else known.get("phase") or ("queued" if row.status == "PENDING" else "starting"),
            "frames": row.frames if row.status == COMPLETED else known.get("frames"),
            "totalFrames": row.frames if row.status == COMPLETED else known.get("totalFrames"),
            "etaSeconds": None if ended else known.get("etaSeconds"),
            "updatedAt": moment(row.updated_at),
        }

    def notification(self, row: Generation) -> Json:
        """What a webhook says of a generation that has ended (contract section 14)."""
        full = self.generation(row)
        names = (
            *("status", "createdAt", "id", "input", "model", "error", "error_code", "options"),
            *("outputDuration", "outputUrl", "segmentOutputUrl", "webhookUrl"),
        )
        return {name: full[name] for name in names}

    def batch(self, row: Batch, counts: Counts) -> Json:
        """The `BatchResponse` of the contract, and why a batch failed."""
        answer: Json = {
            "id": row.id,
            "created_at": moment(row.created_at),
            "status": row.status,
            "metrics": {
                "total_generations": counts.total,
                "success_count": counts.success,
                "failed_count": counts.failed,
                "pending_count": counts.pending,
            },
            "webhookUrl": row.webhook_url,
            "outputUrl": self._results_of(row),
        }
        return answer if row.error is None else answer | {"error": row.error}

    def batch_row(self, row: BatchRow, generation: Generation | None) -> Json:
        """A line of a batch's results; its generation is None if there is none, or none any more."""
        url = self.generation(generation)["outputUrl"] if generation is not None else None
        return {
            "request_id": row.request_id,
            "requestId": row.request_id,
            "generation_id": row.generation_id,
            "generationId": row.generation_id,
            "status": row.status,
            "output_url": url,
            "outputUrl": url,
            "outputMediaUrl": url,
            "error": row.error,
            "error_code": row.error_code,
            "errorCode": row.error_code,
        }

    def _results_of(self, row: Batch) -> str:
        """Where a batch's results are asked for: always the same address, with a permit that needs no API key.

        The permit is good for at least half of `link_seconds`, and renewed in such steps, so that answers agree.
        """
        if row.result_key is None or row.finished_at is None:
            return ""
        step = self._config.link_seconds / 2
        ended = row.finished_at.timestamp()
        expires = int(ended + ((time.time() - ended) // step + 2) * step)
        query = urlencode(self._links.permit(row.result_key, expires))
        return f"{self._config.base_url}/v2/batch/{row.id}/result?{query}"

    def asset(self, row: Asset) -> Json:
        """The `Asset` of the contract."""
        return {
            "id": row.id,
            "createdAt": moment(row.created_at),
            "updatedAt": moment(row.updated_at),
            "type": row.type,
            "visibility": row.visibility,
            "name": row.name,
            "url": self.link(row.key, row.name),
            "size": row.size,
            "format": row.format,
            "inputType": row.input_type,
            "durationSeconds": row.duration_seconds,
            "thumbnailUrl": self.link(row.thumbnail_key),
            "width": row.width,
            "height": row.height,
            "projectId": row.project_id,
        }
