"""What the job queue writes into its database: JSON, and nothing that could be run when it is read.

The queue's own default is pickle, with which whoever can write to the database can run code in a worker. Steps take and
return JSON values; an exception is kept as its kind and sentence.
"""

from __future__ import annotations

import json
from typing import Any

from dbos._serialization import Serializer

_ERROR = "__error__"


class RemoteError(Exception):
    """An exception that was raised in another process, as far as it was written down."""


class JsonSerializer(Serializer):
    """JSON for everything that the queue keeps."""

    def serialize(self, data: Any) -> str:
        """`data` as JSON text."""
        return json.dumps(data, default=_described)

    def deserialize(self, serialized_data: str) -> Any:
        """What JSON text says."""
        return json.loads(serialized_data, object_hook=_remembered)

    def name(self) -> str:
        """The name under which rows say how they were written."""
        return "lipwright_json"


def _described(value: object) -> object:
    if isinstance(value, BaseException):
        return {_ERROR: type(value).__name__, "message": str(value)[:2000]}
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _remembered(value: dict[str, Any]) -> object:
    if _ERROR in value:
        return RemoteError(f"{value[_ERROR]}: {value.get('message', '')}")
    return value
