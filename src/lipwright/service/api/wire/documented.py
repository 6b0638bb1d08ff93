"""Stating what a route takes and gives, in its decorator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi.responses import Response

from lipwright.error_codes import BY_CODE
from lipwright.service.api.wire.base import Error, Json, Wire, error_example

Schema: TypeAlias = type[Wire] | Mapping[str, Any]

BODY_ERRORS = ("generation_input_validation_failed", "request_timeout", "request_too_large")
"""What can be wrong with any JSON body."""

_ANY = ("internal_error",)
_KEYED = ("unauthorized", "rate_limit_exceeded")

SECURITY: list[dict[str, list[str]]] = [{"apiKey": []}, {"bearer": []}]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a route: its status, what it says and what it looks like, by media type."""

    status: int
    says: str
    content: Json = field(default_factory=dict)
    headers: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query."""

    name: str
    says: str
    schema: Json = field(default_factory=lambda: {"type": "string"})
    example: Any = None
    place: str = "query"

    @classmethod
    def whole(cls, name: str, low: int, high: int, default: int | None = None, says: str = "") -> Query:
        """A whole number within bounds."""
        schema: Json = {"type": "integer", "minimum": low, "maximum": high}
        return cls(name, says, schema if default is None else {**schema, "default": default})

    @classmethod
    def one_of(cls, name: str, allowed: Sequence[str], says: str = "") -> Query:
        """One of a few words."""
        return cls(name, says, {"type": "string", "enum": list(allowed)}, allowed[0])

    @classmethod
    def some_of(cls, name: str, allowed: Sequence[str] | None, says: str = "") -> Query:
        """A list: repeated, comma-separated, or a JSON array in one parameter."""
        item: Json = {"type": "string"} if allowed is None else {"type": "string", "enum": list(allowed)}
        said = f"{says} Repeat it, separate by commas, or send a JSON array."
        return cls(name, said.strip(), {"type": "array", "items": item})

    def told(self) -> Json:
        """As OpenAPI has it."""
        parameter: Json = {"name": self.name, "in": self.place, "required": False, "schema": dict(self.schema)}
        if self.says:
            parameter["description"] = self.says
        if self.example is not None:
            parameter["example"] = self.example
        return parameter


def gives(
    shape: Schema, status: int = 200, *, many: bool = False, says: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer of JSON: one thing, or an array of `many`."""
    return Answer(status, says or HTTPStatus(status).phrase, _json(shape, many), _headers(headers or {}))


def text(media_type: str, example: str, status: int = 200, says: str = "") -> Answer:
    """An answer of text."""
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return Answer(status, says or HTTPStatus(status).phrase, content)


def stream(example: str, **events: Schema) -> Answer:
    """An answer of server-sent events, each with JSON of its own shape."""
    shapes = [schema_of(shape) for shape in events.values()]
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": {"anyOf": shapes}}
    schema = {"type": "object", "properties": {"event": {"type": "string", "enum": list(events)}, "data": data}}
    return Answer(
        200, "Events, until the stream closes.", {"text/event-stream": {"schema": schema, "example": example}}
    )


def bare(status: int, says: str, **headers: str) -> Answer:
    """An answer without a body."""
    return Answer(status, says, {}, _headers(headers))


def json_body(shape: Schema, examples: Mapping[str, Json] | None = None) -> Json:
    """What a JSON body looks like."""
    content = _json(shape, False)
    if examples:
        content["application/json"].pop("example", None)
        content["application/json"]["examples"] = {name: {"value": value} for name, value in examples.items()}
    return content


def file_body(shape: Schema, example: Json | None = None) -> Json:
    """What a multipart body looks like; files are `format: binary`."""
    content: Json = {"schema": schema_of(shape)}
    if example is not None:
        content["example"] = example
    return {"multipart/form-data": content}


def documented(
    operation: str,
    *answers: Answer,
    body: Json | None = None,
    body_needed: bool = True,
    query: Sequence[Query] = (),
    errors: Sequence[str] = (),
    keyed: bool = True,
) -> dict[str, Any]:
    """The arguments of a route's decorator that describe it.

    Args:
        operation: its name: the SDK's, where that has a method for it.
        answers: what it can answer when all is well, the usual first.
        body: what it takes, by media type (`json_body`, `file_body`, or both with `|`).
        query: the parameters of its query, and headers.
        errors: the codes of what can go wrong, beside what can everywhere.
        keyed: whether it needs an API key.
    """
    extra: Json = {"security": SECURITY if keyed else []}
    if query:
        extra["parameters"] = [one.told() for one in query]
    if body is not None:
        extra["requestBody"] = {"required": body_needed, "content": body}
    responses: dict[int | str, Json] = {}
    for answer in answers:
        told: Json = {"description": answer.says}
        if answer.content:
            told["content"] = answer.content
        if answer.headers:
            told["headers"] = answer.headers
        responses[answer.status] = told
    for status, said in _errors((*errors, *(_KEYED if keyed else ()), *_ANY)).items():
        responses[status] = said
    return {
        "operation_id": operation,
        "status_code": answers[0].status,
        "response_class": Response,  # which has no media type of its own: all content is told here
        "responses": responses,
        "openapi_extra": extra,
    }


def schema_of(shape: Schema) -> Json:
    """A reference to a shape, or the schema itself."""
    if isinstance(shape, Mapping):
        return dict(shape)
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _json(shape: Schema, many: bool) -> Json:
    schema = schema_of(shape)
    content: Json = {"schema": {"type": "array", "items": schema} if many else schema}
    example = None if isinstance(shape, Mapping) else shape.example
    if example is not None:
        content["example"] = [example] if many else example
    return {"application/json": content}


def _headers(headers: Mapping[str, str]) -> Json:
    return {name: {"description": said, "schema": {"type": "string"}} for name, said in headers.items()}


def _errors(codes: Sequence[str]) -> dict[int, Json]:
    """An answer for each status of these errors, with an example of each."""
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        found.setdefault(BY_CODE[code].status, []).append(code)
    told = {}
    for status, mine in sorted(found.items()):
        examples = {code: {"value": error_example(code)} for code in mine}
        said = " ".join(f"`{code}`: {BY_CODE[code].message}" for code in mine)
        content: Json = {"schema": schema_of(Error), "examples": examples}
        told[status] = {"description": said, "content": {"application/json": content}}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            told[status]["headers"] = _headers({"Retry-After": "Seconds after which to try again."})
    return told
