"""Logs: one line an event, as text for people or JSON for machines, with the ids of the request and the generation."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from lipwright.service.config import ServiceConfig

_ids: ContextVar[dict[str, str]] = ContextVar("lipwright_log_ids", default={})  # noqa: B039 (never changed in place)


@contextmanager
def context(**ids: str) -> Iterator[None]:
    """Put `ids` on every line that is logged inside."""
    token = _ids.set(_ids.get() | ids)
    try:
        yield
    finally:
        _ids.reset(token)


class _Ids(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Put the ids in force on the record."""
        record.ids = _ids.get()
        return True


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, ids at the end."""
        ids: dict[str, str] = getattr(record, "ids", {})
        return super().format(record) + "".join(f" {name}={value}" for name, value in ids.items())


class _Json(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object."""
        told: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "ids", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def set_up(config: ServiceConfig) -> None:
    """Log to standard error as `config` says."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Ids())
    handler.setFormatter(_Json() if config.log_json else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.log_level.upper())
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn.access", "dbos"):
        logging.getLogger(noisy).setLevel("WARNING")
    dbos = logging.getLogger("dbos")
    dbos.propagate, dbos.handlers[:] = True, []
