"""Every exception Lipwright raises on purpose, in one tree.

    LipwrightError                      500  internal_error
    |-- RequestError                    400  generation_input_validation_failed   (holds one or more Fault)
    |   |-- SegmentsInvalid             400  generation_input_segments_invalid
    |   |-- TrimInvalid                 400  generation_input_trim_invalid
    |   |-- FaceSelectionInvalid        400  generation_input_face_selection_invalid
    |   |-- TextLengthExceeded          400  generation_text_length_exceeded
    |   |-- VoiceNotFound               400  voice_not_found
    |   |-- UnsupportedModel            400  generation_unsupported_model
    |   |-- TooManyVisual               400  generation_input_too_many_visual
    |   |-- InvalidIdempotencyKey       400  INVALID_IDEMPOTENCY_KEY
    |   `-- IdempotencyKeyReused        409  IDEMPOTENCY_KEY_REUSED
    |-- MediaError                      422  generation_input_video_invalid
    |   |-- VideoInaccessible           422  generation_input_video_inaccessible
    |   |-- AudioInaccessible           422  generation_input_audio_inaccessible
    |   |-- ImageInaccessible           422  generation_input_image_inaccessible
    |   |-- BoxesInaccessible           422  generation_input_face_selection_invalid
    |   |-- FileTooLarge                422  file_size_exceeds_plan_limit
    |   |-- AudioInvalid                422  generation_input_audio_invalid
    |   |-- ResolutionUnsupported       422  generation_input_resolution_unsupported
    |   |-- DurationExceeded            422  generation_input_duration_greater_than_max_duration
    |   `-- NoUsableFace                422  generation_input_face_selection_invalid
    |-- NotThere                        404  not_found
    |   |-- GenerationNotFound          404  generation_not_found
    |   |-- AssetNotFound               404  asset_not_found
    |   |-- BatchNotFound               404  batch_not_found
    |   `-- DeliveryNotFound            404  delivery_not_found
    |-- AssetTypeMismatch               422  generation_input_asset_type_mismatch
    |-- Conflict                        409  generation_conflict
    |   |-- StillProcessing             409  generation_not_deletable_while_processing
    |   `-- AssetInUse                  409  asset_in_use
    |-- SpeechServiceError              503  elevenlabs_service_unavailable
    |   |-- SpeechKeyInvalid            401  elevenlabs_api_key_invalid
    |   |-- SpeechQuotaExceeded         402  elevenlabs_quota_exceeded
    |   `-- SpeechTimeout               504  elevenlabs_service_unavailable
    |-- ModelFileError                  503  generation_infra_service_unavailable
    |-- OutputError                     500  generation_infra_storage_error
    |-- RenderError                     500  generation_pipeline_failed
    `-- Cancelled                       499  generation_cancelled

Each class carries the wire `code` and HTTP `status` of the sync.so contract (section 15), so that the command line,
the Python API and the HTTP service say the same thing about the same fault. The status is the one that
`lipwright.error_codes` gives the code, unless the class says another. The docstring of a class is its default message;
`suggestion` tells the user what to do next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from lipwright.error_codes import BY_CODE


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where it is, what was given and what is allowed."""

    field: str
    message: str
    code: str = "generation_input_validation_failed"


class LipwrightError(Exception):
    """Something went wrong inside Lipwright."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = BY_CODE["internal_error"].status

    def __init_subclass__(cls, **given: object) -> None:
        """A class that has a code of its own and says no status has that of the catalogue."""
        super().__init_subclass__(**given)
        if "code" in vars(cls) and "status" not in vars(cls) and cls.code in BY_CODE:
            cls.status = BY_CODE[cls.code].status

    def __init__(self, message: str | None = None, *, field: str | None = None, suggestion: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.field = field
        self.suggestion = suggestion
        super().__init__(self.message)


class RequestError(LipwrightError):
    """The request is not valid."""

    code = "generation_input_validation_failed"

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        suggestion: str | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        if not faults:
            faults = (Fault(field or "", message or (type(self).__doc__ or "").strip(), self.code),)
        said = message or "; ".join(fault.message for fault in faults)
        super().__init__(said, field=field or faults[0].field, suggestion=suggestion)
        self.faults = faults

    @classmethod
    def of(cls, faults: list[Fault]) -> RequestError:
        """The error for one or more faults, in the order of their fields; its class is that of the first one's code."""
        faults = sorted(faults, key=_place)
        kind = next((k for k in _request_kinds(RequestError) if k.code == faults[0].code), RequestError)
        return kind(faults=tuple(faults))


class SegmentsInvalid(RequestError):
    """The segments are not valid."""

    code = "generation_input_segments_invalid"


class TrimInvalid(RequestError):
    """The audio crop of a segment is not valid."""

    code = "generation_input_trim_invalid"


class FaceSelectionInvalid(RequestError):
    """The face selection is not valid."""

    code = "generation_input_face_selection_invalid"


class TextLengthExceeded(RequestError):
    """The script is too long."""

    code = "generation_text_length_exceeded"


class VoiceNotFound(RequestError):
    """There is no such voice."""

    code = "voice_not_found"


class UnsupportedModel(RequestError):
    """There is no such model."""

    code = "generation_unsupported_model"


class TooManyVisual(RequestError):
    """There is more than one video or image."""

    code = "generation_input_too_many_visual"


class InvalidIdempotencyKey(RequestError):
    """The Idempotency-Key is not valid."""

    code = "INVALID_IDEMPOTENCY_KEY"


class IdempotencyKeyReused(RequestError):
    """The Idempotency-Key was used for a different request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class MediaError(LipwrightError):
    """The video could not be read."""

    code = "generation_input_video_invalid"


class VideoInaccessible(MediaError):
    """The video could not be opened."""

    code = "generation_input_video_inaccessible"


class AudioInaccessible(MediaError):
    """The audio could not be opened."""

    code = "generation_input_audio_inaccessible"


class ImageInaccessible(MediaError):
    """The image could not be opened."""

    code = "generation_input_image_inaccessible"


class BoxesInaccessible(MediaError):
    """The bounding boxes could not be opened."""

    code = "generation_input_face_selection_invalid"
    status = 422


class FileTooLarge(MediaError):
    """The file is larger than the limit."""

    code = "file_size_exceeds_plan_limit"


class AudioInvalid(MediaError):
    """The audio could not be read."""

    code = "generation_input_audio_invalid"


class ResolutionUnsupported(MediaError):
    """The picture size is not supported."""

    code = "generation_input_resolution_unsupported"


class DurationExceeded(MediaError):
    """The media is longer than the limit."""

    code = "generation_input_duration_greater_than_max_duration"


class NoUsableFace(MediaError):
    """No usable face was found where one is needed."""

    code = "generation_input_face_selection_invalid"
    status = 422


class NotThere(LipwrightError):
    """There is nothing at this address."""

    code = "not_found"


class GenerationNotFound(NotThere):
    """There is no such generation."""

    code = "generation_not_found"


class AssetNotFound(NotThere):
    """There is no such asset."""

    code = "asset_not_found"


class BatchNotFound(NotThere):
    """There is no such batch."""

    code = "batch_not_found"


class DeliveryNotFound(NotThere):
    """There is no such delivery."""

    code = "delivery_not_found"


class AssetTypeMismatch(LipwrightError):
    """The asset is of another type than the input it is used for."""

    code = "generation_input_asset_type_mismatch"


class Conflict(LipwrightError):
    """The generation is not in a state in which this can be done."""

    code = "generation_conflict"


class StillProcessing(Conflict):
    """The generation is still in work and cannot be deleted."""

    code = "generation_not_deletable_while_processing"


class AssetInUse(Conflict):
    """The asset is used by a generation in work."""

    code = "asset_in_use"


class SpeechServiceError(LipwrightError):
    """The text-to-speech service did not answer."""

    code = "elevenlabs_service_unavailable"


class SpeechKeyInvalid(SpeechServiceError):
    """The text-to-speech service refused the API key."""

    code = "elevenlabs_api_key_invalid"


class SpeechQuotaExceeded(SpeechServiceError):
    """The text-to-speech service's quota is used up."""

    code = "elevenlabs_quota_exceeded"


class SpeechTimeout(SpeechServiceError):
    """The text-to-speech service took too long."""

    status = 504


class ModelFileError(LipwrightError):
    """A model file is missing; run `lipwright models fetch`."""

    code = "generation_infra_service_unavailable"


class OutputError(LipwrightError):
    """The output could not be written."""

    code = "generation_infra_storage_error"


class RenderError(LipwrightError):
    """Rendering failed."""

    code = "generation_pipeline_failed"


class Cancelled(LipwrightError):
    """The job was cancelled."""

    code = "generation_cancelled"


_SEGMENT = re.compile(r"segments\[([0-9]+)\]")


def _place(fault: Fault) -> tuple[int, int]:
    """Where a fault is told: the inputs and all else as found, then the segments by number, options last."""
    if segment := _SEGMENT.match(fault.field):
        return 1, int(segment[1])
    return (2, 0) if fault.field.startswith("options") else (0, 0)


def _request_kinds(root: type[RequestError]) -> list[type[RequestError]]:
    """All subclasses of `root`, depth first."""
    found: list[type[RequestError]] = []
    for kind in root.__subclasses__():
        found += [kind, *_request_kinds(kind)]
    return found
