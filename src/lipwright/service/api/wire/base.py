"""What all shapes have in common, and the shape of errors (contract section 15)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from lipwright.error_codes import known

Json = dict[str, Any]

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time", "example": "2026-01-15T09:30:00.000Z"})]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Link = Annotated[str, Field(description="A signed link, good for days; use it as it is.")]

AN_ID = "550e8400-e29b-41d4-a716-446655440000"
A_TIME = "2026-01-15T09:30:00.000Z"


class Wire(BaseModel):
    """A shape: keys are camelCase, there may be more of them than are told here, and `example` is one of it."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", use_attribute_docstrings=True
    )

    example: ClassVar[Json | None] = None


class Fault(Wire):
    """One of several things wrong with a request."""

    field: str
    message: str
    error_code: str

    example = {
        "field": "input[1].url",
        "message": "input[1].url is missing.",
        "errorCode": "generation_input_validation_failed",
    }


class Error(Wire):
    """What every error looks like. GET /v2/errors lists the codes."""

    status_code: int
    message: str | list[str]
    """A sentence, or one for each fault of the body."""
    error: str | None = None
    """The status in words."""
    error_code: str | None = None
    suggestion: str | None = None
    """What can be done."""
    field: str | None = None
    """Where in the request it is, such as `segments[0].audioInput.refId`."""
    faults: list[Fault] = []
    """All faults of a body that has several."""
    request_id: str | None = None
    """What the log of the service has about this request; also in the header X-Request-Id."""
    active_generations: int | None = None
    """With `concurrency_limit_reached`: how many are in work."""
    concurrency_limit: int | None = None
    """With `concurrency_limit_reached`: how many may be."""
    retry_after_seconds: int | None = None
    """With `concurrency_limit_reached`: when to try again."""


def error_example(code: str) -> Json:
    """An error of that code as it is answered."""
    entry = known(code)
    if code == "unauthorized":  # these bodies are recorded from sync.so, see contract section 1
        return {"message": "Unauthorized", "statusCode": 401}
    told: Json = {"statusCode": entry.status, "message": entry.message, "error": HTTPStatus(entry.status).phrase}
    told |= {"errorCode": code, "suggestion": entry.suggestion}
    if code == "concurrency_limit_reached":
        told |= {"activeGenerations": 100, "concurrencyLimit": 100, "retryAfterSeconds": 10}
    return {**told, "requestId": "0f6f1c1d2e3f4d0c8a579b2f6f0e2f3a"}
