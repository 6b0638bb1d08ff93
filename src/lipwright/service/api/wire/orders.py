"""The shape of a request for a generation (contract sections 3 to 5 and 7).

Every key may also be written in snake_case. Inside `options` snake_case is usual, as in the hosted service.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from lipwright.service.api.wire.base import AN_ID, Json, Wire
from lipwright.timeline.body import PROVIDERS
from lipwright.timeline.options import SyncMode

AN_INPUT = [
    {"type": "video", "url": "https://example.com/talk.mp4"},
    {"type": "audio", "url": "https://example.com/line.wav"},
]
SOME_SEGMENTS = [
    {"startTime": 0, "endTime": 4.5, "audioInput": {"refId": "intro"}},
    {"startTime": 4.5, "endTime": 9, "audioInput": {"refId": "outro", "startTime": 1, "endTime": 5.5}},
]


ORDER_ERRORS = (
    "generation_input_validation_failed",
    "generation_input_segments_invalid",
    "generation_input_trim_invalid",
    "generation_input_face_selection_invalid",
    "generation_input_too_many_visual",
    "generation_text_length_exceeded",
    "generation_unsupported_model",
    "INVALID_IDEMPOTENCY_KEY",
    "asset_not_found",
    "request_timeout",
    "IDEMPOTENCY_KEY_REUSED",
    "request_too_large",
    "unsupported_media_type",
    "generation_input_video_inaccessible",
    "generation_input_audio_inaccessible",
    "generation_input_image_inaccessible",
    "generation_input_video_invalid",
    "generation_input_audio_invalid",
    "generation_input_asset_type_mismatch",
    "generation_input_resolution_unsupported",
    "generation_input_duration_greater_than_max_duration",
    "file_size_exceeds_plan_limit",
    "concurrency_limit_reached",
    "generation_infra_storage_error",
    "generation_media_probe_unavailable",
    "generation_media_probe_timeout",
)
"""What can be wrong with a request for a generation."""


class Snake(Wire):
    """A shape whose keys are snake_case."""

    model_config = ConfigDict(alias_generator=None, extra="allow", use_attribute_docstrings=True)


class Provider(Wire):
    """Who speaks a text, and what."""

    name: Literal["elevenlabs", "local", "hibari", "kokoro"]
    voice_id: str
    script: Annotated[str, Field(min_length=1, max_length=5000)]
    stability: Annotated[float, Field(ge=0, le=1)] | None = 0.5
    similarity_boost: Annotated[float, Field(ge=0, le=1)] | None = 0.75


class Media(Wire):
    """A file: an address that can be fetched, or an asset; one of them is needed."""

    url: str | None = None
    asset_id: str | None = None
    ref_id: str | None = None
    """A name that segments use for it."""


class VideoInput(Media):
    """The video whose mouths are moved."""

    type: Literal["video"]
    segments_secs: Annotated[list[list[float]] | None, Field(alias="segments_secs", deprecated=True)] = None
    segments_frames: Annotated[list[list[int]] | None, Field(alias="segments_frames", deprecated=True)] = None


class ImageInput(Media):
    """A still picture to be made speak."""

    type: Literal["image"]


class AudioInput(Media):
    """What is said."""

    type: Literal["audio"]


class TextInput(Wire):
    """What is said, as text to be spoken."""

    type: Literal["text"]
    provider: Provider
    ref_id: str | None = None


class SpeakerSelection(Snake):
    """Whose mouth is moved: found by itself, or chosen by a point on a frame or by boxes."""

    auto_detect: bool | None = None
    frame_number: Annotated[int, Field(ge=0)] | None = None
    coordinates: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """x and y in pixels of the source, together with `frame_number`."""
    bounding_boxes: list[Annotated[list[float], Field(min_length=4, max_length=4)] | None] | None = None
    """`[x1, y1, x2, y2]` or null for every frame."""
    bounding_boxes_url: str | None = None
    """A JSON document with `bounding_boxes`."""


class SegmentOptions(Snake):
    """Options that can be other for a segment."""

    sync_mode: SyncMode | None = None
    """What happens when speech and picture are not equally long; `bounce` if it is not given."""
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    """How far mouths open."""
    occlusion_detection_enabled: bool | None = None
    active_speaker_detection: SpeakerSelection | bool | None = None


class Options(SegmentOptions):
    """How a generation is done. What a model does not know has no effect; `warnings` of the answer tells so."""

    preserve_timing: bool | None = None
    """An extension: no segment changes the length of the video."""
    background: Annotated[float, Field(ge=0, le=1)] | None = None
    """An extension: how loud the video's own sound stays under the speech."""
    full_reencode: bool | None = None
    """An extension: encode everything anew, also what is not changed and would else be copied as it is."""


class Crop(Wire):
    """Which audio a segment uses, and which part of it."""

    ref_id: Annotated[str, Field(min_length=1)]
    start_time: Annotated[float, Field(ge=0)] | None = None
    end_time: Annotated[float, Field(ge=0)] | None = None


class Segment(Wire):
    """A range of the video, in seconds or in frames, that is synced to its own audio."""

    start_time: Annotated[float, Field(ge=0)] | None = None
    end_time: Annotated[float, Field(ge=0)] | None = None
    start_frame: Annotated[int, Field(ge=0)] | None = None
    end_frame: Annotated[int, Field(ge=1)] | None = None
    """The frame after the last one."""
    audio_input: Crop
    options_override: SegmentOptions | None = None


Input = Annotated[VideoInput | ImageInput | AudioInput | TextInput, Field(discriminator="type")]


class GenerateRequest(Wire):
    """What is wanted: one video or image, and what is said."""

    model: Annotated[str, Field(examples=["lipsync-2"])]
    """One of GET /v2/models."""
    input: Annotated[list[Input], Field(min_length=1)]
    segments: list[Segment] | None = None
    """Needed when there is more than one audio or text."""
    options: Options | None = None
    webhook_url: str | None = None
    """A public https address that is told when the generation has ended."""
    output_file_name: Annotated[str, Field(max_length=255)] | None = None
    """The name of the output, without .mp4."""
    project_id: str | None = None
    """A label; generations can be listed by it."""

    example: ClassVar[Json | None] = {"model": "lipsync-2", "input": AN_INPUT, "options": {"sync_mode": "cut_off"}}


GENERATE_EXAMPLES: dict[str, Json] = {
    "plain": GenerateRequest.example or {},
    "segments": {
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": "https://example.com/talk.mp4"},
            {"type": "audio", "url": "https://example.com/intro.wav", "refId": "intro"},
            {"type": "audio", "assetId": AN_ID, "refId": "outro"},
        ],
        "segments": SOME_SEGMENTS,
    },
    "text": {
        "model": "lipsync-2",
        "input": [
            {"type": "video", "url": "https://example.com/talk.mp4"},
            {"type": "text", "provider": {"name": "local", "voiceId": "default", "script": "Hello there."}},
        ],
        "webhookUrl": "https://example.com/hooks/lipwright",
        "outputFileName": "hello",
    },
}

File = Annotated[bytes, Field(json_schema_extra={"type": "string", "format": "binary"})]
JsonText = Annotated[str, Field(json_schema_extra={"contentMediaType": "application/json"})]


class GenerateForm(Wire):
    """The same as a form, with files. JSON parts are texts."""

    model: str
    video: File | None = None
    audio: File | None = None
    image: File | None = None
    input: JsonText | None = None
    """Inputs that are no files, or that give a file its `refId`: an array, or an object in each of several parts."""
    segments: JsonText | None = None
    options: JsonText | None = None
    webhook_url: str | None = None
    output_file_name: str | None = None
    project_id: str | None = None


FORM_EXAMPLE: dict[str, Any] = {
    "model": "lipsync-2",
    "video": "(the bytes of talk.mp4)",
    "audio": "(the bytes of line.wav)",
    "options": '{"sync_mode": "cut_off"}',
}

assert set(PROVIDERS) == {"elevenlabs", "local", "hibari", "kokoro"}  # as in `Provider.name`
