"""Every error code there is, once: what it means, what to do about it, and the HTTP status it goes with.

The single source of `GET /v2/errors`, of docs/errors.md and of the exceptions' statuses (`lipwright.errors`). Names are
those of the sync.so contract (section 15.3) where it has one for the case; codes that only billing or its own platform
could raise are left out, since this service would never send them. Codes of our own are listed last in each group.

`python -m lipwright.error_codes > docs/errors.md` writes the page.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One code: its usual HTTP status, what it means and what the user can do."""

    code: str
    status: int
    message: str
    suggestion: str


CODES: tuple[ErrorCode, ...] = (
    # generation: the request
    ErrorCode(
        "generation_unsupported_model",
        400,
        "There is no such model.",
        "GET /v2/models lists the models of this installation.",
    ),
    ErrorCode(
        "generation_input_validation_failed",
        400,
        "The request is not valid.",
        "Correct the fields that the message names.",
    ),
    ErrorCode(
        "generation_input_segments_invalid",
        400,
        "The segments are not valid.",
        "Every segment needs a range inside the video and an audioInput whose refId names an audio or text input.",
    ),
    ErrorCode(
        "generation_input_trim_invalid",
        400,
        "The audio crop of a segment is not valid.",
        "Give both startTime and endTime of audioInput, the start not after the end, inside the audio.",
    ),
    ErrorCode(
        "generation_input_face_selection_invalid",
        400,
        "The face selection is not valid, or nobody can be found where it points.",
        "Choose a face with POST /v2/assets/{id}/faces, or leave the selection out.",
    ),
    ErrorCode(
        "generation_input_too_many_visual",
        400,
        "There is more than one video or image.",
        "Give exactly one video or image input.",
    ),
    ErrorCode("generation_text_length_exceeded", 400, "The script is too long.", "Split it: at most 5000 characters."),
    ErrorCode(
        "generation_input_asset_type_mismatch",
        422,
        "The asset is of another type than the input it is used for.",
        "Use an asset of the input's type.",
    ),
    ErrorCode(
        "INVALID_IDEMPOTENCY_KEY",
        400,
        "The Idempotency-Key is not valid.",
        "Send one header of 1 to 128 letters, digits and . _ ~ -",
    ),
    ErrorCode(
        "IDEMPOTENCY_KEY_REUSED",
        409,
        "The Idempotency-Key was used for a different request.",
        "Use a new key for a new request.",
    ),
    # generation: the media
    ErrorCode(
        "generation_input_video_inaccessible",
        422,
        "The provided video URL is inaccessible.",
        "Use a direct, publicly reachable http(s) link to the file, or upload it as an asset.",
    ),
    ErrorCode(
        "generation_input_audio_inaccessible",
        422,
        "The provided audio URL is inaccessible.",
        "Use a direct, publicly reachable http(s) link to the file, or upload it as an asset.",
    ),
    ErrorCode(
        "generation_input_image_inaccessible",
        422,
        "The provided image URL is inaccessible.",
        "Use a direct, publicly reachable http(s) link to the file, or upload it as an asset.",
    ),
    ErrorCode(
        "generation_input_video_invalid",
        422,
        "The video could not be read.",
        "Use an undamaged MP4, MOV, WebM or AVI file, or a JPEG, PNG or WebP image.",
    ),
    ErrorCode(
        "generation_input_audio_invalid",
        422,
        "The audio could not be read.",
        "Use an undamaged WAV, MP3, OGG, FLAC or M4A file.",
    ),
    ErrorCode(
        "generation_input_resolution_unsupported",
        422,
        "The picture size is not supported.",
        "Scale the video to at most 4096x2304.",
    ),
    ErrorCode(
        "generation_input_duration_greater_than_max_duration",
        422,
        "The media is longer than the limit.",
        "Cut it, or ask who runs this service to raise the limit.",
    ),
    ErrorCode(
        "generation_media_probe_timeout",
        504,
        "Looking at the media took too long.",
        "Try again; if it goes on, the file may be damaged.",
    ),
    ErrorCode(
        "generation_media_probe_unavailable",
        503,
        "The media could not be looked at just now.",
        "Try again in a moment.",
    ),
    # generation: the job
    ErrorCode("generation_not_found", 404, "There is no such generation.", "Check the id, and that the key is yours."),
    ErrorCode("invalid_generation_id", 400, "The generation id is not valid.", "Use the id that create answered."),
    ErrorCode(
        "unsupported_generation_id_format",
        400,
        "The generation id has an unknown form.",
        "Use the id that create answered.",
    ),
    ErrorCode(
        "generation_conflict",
        409,
        "The generation is not in a state in which this can be done.",
        "Look at its status first.",
    ),
    ErrorCode(
        "generation_not_deletable_while_processing",
        409,
        "The generation is still in work and cannot be deleted.",
        "Cancel it first, or wait until it has ended.",
    ),
    ErrorCode(
        "generation_pipeline_failed", 500, "Rendering failed.", "Try again; if it goes on, look at the service's log."
    ),
    ErrorCode(
        "generation_unknown_error",
        500,
        "The generation failed for a reason that is not known.",
        "Try again; if it goes on, look at the service's log.",
    ),
    ErrorCode(
        "generation_infra_storage_error",
        500,
        "The output could not be stored.",
        "The service's disk or object store may be full or out of reach.",
    ),
    ErrorCode(
        "generation_infra_resource_exhausted",
        500,
        "The job needed more memory or time than it is allowed.",
        "Use a smaller or shorter video, or ask who runs this service to raise the limit.",
    ),
    ErrorCode(
        "generation_infra_service_unavailable",
        503,
        "Something that the job needs is missing.",
        "Model files may be missing; run `lipwright models fetch` on the server.",
    ),
    ErrorCode("generation_cancelled", 499, "The job was cancelled.", "Create a new generation."),
    ErrorCode(
        "generation_timeout",
        504,
        "The generation took too long.",
        "Use a shorter video, or ask who runs this service to raise the limit.",
    ),
    ErrorCode(
        "cost_estimate_unavailable",
        422,
        "The cost cannot be told for these inputs.",
        "Use inputs that can be fetched quickly, or estimate by duration.",
    ),
    # account
    ErrorCode(
        "concurrency_limit_reached",
        429,
        "As many generations are in work as the key may have.",
        "Wait until one has ended, then try again.",
    ),
    ErrorCode("rate_limit_exceeded", 429, "Rate limit exceeded. Please try again later.", "Wait, then try again."),
    # batch
    ErrorCode("batch_file_too_large", 400, "The batch file is too large.", "At most 5 MB are allowed."),
    ErrorCode("batch_too_many_requests", 400, "The batch has too many lines.", "At most 500 are allowed."),
    ErrorCode("batch_insufficient_records", 400, "The batch has no lines.", "Send at least one request."),
    ErrorCode(
        "batch_invalid_jsonl",
        400,
        "A line of the batch is not a JSON object as it has to be.",
        "Each line holds request_id, endpoint and payload.",
    ),
    ErrorCode(
        "batch_duplicate_request_id", 400, "A request_id stands on more than one line.", "Make each request_id unique."
    ),
    ErrorCode("batch_invalid_endpoint", 400, "A line names another endpoint.", "The endpoint has to be /v2/generate."),
    ErrorCode("batch_concurrency_limit_reached", 429, "Batch concurrency limit reached.", "Wait until one has ended."),
    ErrorCode("batch_not_found", 404, "There is no such batch.", "Check the id, and that the key is yours."),
    # assets
    ErrorCode("asset_not_found", 404, "There is no such asset.", "Check the id, and that the key is yours."),
    ErrorCode("asset_forbidden", 403, "The asset or link is not yours to use.", "Ask for a new link."),
    ErrorCode("invalid_asset_id_format", 400, "The asset id is not valid.", "Use the id that the upload answered."),
    ErrorCode(
        "uploaded_file_not_found",
        400,
        "No file was uploaded to that address.",
        "PUT the bytes to uploadUrl first, then register the asset.",
    ),
    ErrorCode(
        "file_not_in_org_storage",
        400,
        "The url is not one of your uploads.",
        "Use the url that POST /v2/assets/upload answered.",
    ),
    ErrorCode(
        "file_size_exceeds_plan_limit",
        422,
        "The file is larger than the limit.",
        "Use a smaller file, or ask who runs this service to raise the limit.",
    ),
    ErrorCode("asset_in_use", 409, "The asset is used by a generation in work.", "Wait until it has ended."),
    # voices
    ErrorCode("voice_not_found", 400, "There is no such voice.", "GET /v2/voices lists the voices."),
    ErrorCode(
        "elevenlabs_service_unavailable",
        503,
        "The text-to-speech service did not answer.",
        "Try again later, or use a local voice.",
    ),
    ErrorCode(
        "elevenlabs_api_key_invalid",
        401,
        "The text-to-speech service refused the API key.",
        "Set ELEVENLABS_API_KEY on the server.",
    ),
    ErrorCode(
        "elevenlabs_quota_exceeded",
        402,
        "The text-to-speech service's quota is used up.",
        "Top it up, or use a local voice.",
    ),
    # webhooks
    ErrorCode("delivery_not_found", 404, "There is no such delivery.", "GET /v2/webhooks/deliveries lists them."),
    # the service
    ErrorCode(
        "unauthorized",
        401,
        "The API key is missing or not valid.",
        "Send it in the x-api-key header; `lipwright keys create` makes one.",
    ),
    ErrorCode("not_found", 404, "There is nothing at this address.", "See /docs for what there is."),
    ErrorCode("method_not_allowed", 405, "This address does not take this method.", "See /docs for what there is."),
    ErrorCode("request_too_large", 413, "The request is larger than allowed.", "Upload large files as assets."),
    ErrorCode(
        "request_timeout", 408, "The request's body took too long to arrive.", "Send it again on a faster connection."
    ),
    ErrorCode(
        "unsupported_media_type",
        415,
        "The body is of a type that is not taken here.",
        "Send JSON or multipart/form-data.",
    ),
    ErrorCode("range_not_satisfiable", 416, "The file has no such bytes.", "Ask for a range inside the file."),
    ErrorCode("internal_error", 500, "Something went wrong inside Lipwright.", "Try again; the log has the details."),
    ErrorCode("service_unavailable", 503, "The service cannot do this just now.", "Try again in a moment."),
)

BY_CODE: dict[str, ErrorCode] = {one.code: one for one in CODES}


def known(code: str) -> ErrorCode:
    """The entry of `code`; that of `generation_unknown_error` for one that is not listed."""
    return BY_CODE.get(code, BY_CODE["generation_unknown_error"])


_HEAD = """# Errors

Whatever goes wrong, but for a wrong key (401), the body of the answer has this form:

```json
{
  "statusCode": 400,
  "message": "segments[0].audioInput.refId is 'narrator', which no audio or text input has.",
  "error": "Bad Request",
  "errorCode": "generation_input_segments_invalid",
  "suggestion": "Every segment needs a range inside the video and an audioInput whose refId names an input.",
  "field": "segments[0].audioInput.refId",
  "requestId": "6f1c0a0c4a5b4d0b8d4c7a6b0a8f1e11"
}
```

`message` is a list where a body has several faults; `faults` then tells each with its field and code. `requestId` is
also in the header `X-Request-Id` and in the log of the server. What goes wrong after a generation was accepted is told
by its `error` and `error_code` (and `errorCode`, the same), with the codes below; their status is the one an HTTP
answer with that code has. `GET /v2/errors` answers this table as JSON and needs no key.

| Code | Status | What it means | What to do |
|---|---:|---|---|
"""


def page() -> str:
    """The whole text of docs/errors.md."""
    rows = (f"| `{one.code}` | {one.status} | {one.message} | {one.suggestion} |\n" for one in CODES)
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
