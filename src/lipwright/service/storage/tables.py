"""Our tables. The job queue has tables of its own (DBOS), which are private to it and never joined with these.

`generations.id` is the id of the workflow that does it, and `deliveries.id` of the one that delivers. Identifiers are
UUIDs as text and every row that belongs to somebody carries `organisation_id`, which every query filters by. A change
here needs a migration (`python -m lipwright.service.storage.migrate new "what changes"`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Index, MetaData, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


_STARTED = "started_at IS NOT NULL"
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Moment(TypeDecorator[datetime]):
    """A time with its zone, UTC in the database; SQLite, which has no zones, is given and gives UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC, and without zone for SQLite."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """With its zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A new identifier."""
    return str(uuid4())


class Table(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map = {datetime: Moment, str: Text, dict[str, Any]: JSON, list[Any]: JSON, int: BigInteger}  # noqa: RUF012 (SQLAlchemy's way)


def is_id(text: str) -> bool:
    """Whether `text` could be an identifier of ours."""
    return _ID.fullmatch(text) is not None


class Organisation(Table):
    """Who generations and assets belong to. Limits are None where those of the installation hold."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)
    webhook_secret: Mapped[str]
    retention_days: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class ApiKey(Table):
    """A key of an organisation; only a hash of it is kept. `prefix` is for people to tell keys apart."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    concurrency: Mapped[int | None]
    priority: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]


class Generation(Table):
    """One generation.

    Attributes:
        request: what is to be done: the body as checked, in camelCase, with `key` (an object) or `url` for every input.
        echo: `input`, `options` and `segments` as answers repeat them.
        turn: the place in the queue, made fair between keys (see `lipwright.service.storage.generations`).
        progress: phase, frames and so on while it runs.
        result: what the answer tells of a finished one beside the columns: engine, warnings, segment map.
        own_assets: ids of assets that only this request brought along and that go with it.
    """

    __tablename__ = "generations"
    __table_args__ = (
        Index("ix_generations_listing", "organisation_id", "created_at", "id"),
        Index("ix_generations_active", "api_key_id", "status"),
        Index("ix_generations_status", "status", "created_at"),
        Index("ix_generations_idempotency", "organisation_id", "idempotency_key", unique=True),
        Index("ix_generations_turns", "api_key_id", "turn"),
        Index("ix_generations_started", "turn", sqlite_where=text(_STARTED), postgresql_where=text(_STARTED)),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    api_key_id: Mapped[str]
    status: Mapped[str] = mapped_column(default="PENDING")
    model: Mapped[str]
    engine: Mapped[str]
    request: Mapped[dict[str, Any]]
    echo: Mapped[dict[str, Any]]
    webhook_url: Mapped[str | None]
    output_file_name: Mapped[str | None]
    project_id: Mapped[str | None]
    source: Mapped[str | None]
    priority: Mapped[int] = mapped_column(default=0)
    turn: Mapped[int] = mapped_column(default=0)
    batch_id: Mapped[str | None] = mapped_column(index=True)
    idempotency_key: Mapped[str | None]
    idempotency_hash: Mapped[str | None]
    own_assets: Mapped[list[Any]] = mapped_column(default=list)
    progress: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    output_key: Mapped[str | None]
    output_seconds: Mapped[float | None]
    segment_output_key: Mapped[str | None]
    speech_key: Mapped[str | None]
    report_key: Mapped[str | None]
    frames: Mapped[int | None]
    error: Mapped[str | None]
    error_code: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Asset(Table):
    """A file of an organisation that generations can use. `faces` is what is known of the faces in it."""

    __tablename__ = "assets"
    __table_args__ = (Index("ix_assets_listing", "organisation_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    key: Mapped[str]
    name: Mapped[str]
    type: Mapped[str]
    visibility: Mapped[str] = mapped_column(default="USER")
    input_type: Mapped[str] = mapped_column(default="UPLOAD")
    format: Mapped[str | None]
    content_type: Mapped[str | None]
    size: Mapped[int | None]
    duration_seconds: Mapped[float | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    frames: Mapped[int | None]
    thumbnail_key: Mapped[str | None]
    project_id: Mapped[str | None]
    faces: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Upload(Table):
    """An address that was handed out for an upload and has not become an asset yet."""

    __tablename__ = "uploads"

    key: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    file_name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Batch(Table):
    """Many generations ordered in one file. `rows` holds request_id and payload of each line."""

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_listing", "organisation_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    api_key_id: Mapped[str]
    status: Mapped[str] = mapped_column(default="PENDING")
    webhook_url: Mapped[str | None]
    result_key: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class BatchRow(Table):
    """One line of a batch: what was asked, and what became of it."""

    __tablename__ = "batch_rows"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str]
    payload: Mapped[dict[str, Any]]
    generation_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="PENDING")
    error: Mapped[str | None]
    error_code: Mapped[str | None]


class Delivery(Table):
    """A webhook to be delivered: the exact bytes, and how it goes. Its id is the `webhook-id` of every try."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_listing", "organisation_id", "created_at", "id"),
        Index("ix_deliveries_status", "status", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    generation_id: Mapped[str | None] = mapped_column(index=True)
    batch_id: Mapped[str | None]
    url: Mapped[str]
    body: Mapped[str]
    status: Mapped[str] = mapped_column(default="PENDING")
    attempts: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=now)
    delivered_at: Mapped[datetime | None]


class Executor(Table):
    """A worker process and when it was last heard of, by the database's own clock (seconds since 1970)."""

    __tablename__ = "executors"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    seen_at: Mapped[float]
    started_at: Mapped[datetime] = mapped_column(default=now)


class RateWindow(Table):
    """How many calls of one kind a key had in one window (see `lipwright.service.storage.rates`).

    `ends_at` is by the database's own clock, in seconds since 1970.
    """

    __tablename__ = "rate_windows"

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    ends_at: Mapped[float] = mapped_column(primary_key=True)
    count: Mapped[int]
