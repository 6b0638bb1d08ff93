"""The database: an engine, sessions, and bringing the tables up to date.

One migration history serves SQLite and PostgreSQL. On SQLite the file is in WAL mode, so that the API reads while a
worker writes, and a transaction that is going to write begins as one (`BEGIN IMMEDIATE`): otherwise two that read first
and write later would fail instead of waiting for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT = 30.0
"""Seconds that a SQLite connection waits for another one's transaction."""

_LOCK = 0x6C697077
"""The advisory lock under which migrations run, so that processes that start together do not run them twice."""


class Database:
    """Our tables at one URL."""

    def __init__(self, url: str, pool: int = 10) -> None:
        """`url` is one for SQLAlchemy; a SQLite file's folder is created."""
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"pool_pre_ping": not self.is_sqlite}
        if self.is_sqlite:
            path = url.removeprefix("sqlite:///")
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            options["connect_args"] = {"timeout": _WAIT, "check_same_thread": False}
        options |= {"pool_size": pool, "max_overflow": 3 * pool}
        self.engine: Engine = create_engine(url, **options)
        if self.is_sqlite:
            _as_we_want_it(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in a transaction that is committed at the end, or rolled back by an exception.

        On SQLite it is the only one that writes; on PostgreSQL rows that others must not change are locked by the
        queries that read them.
        """
        with self._sessions() as session, session.begin():
            if self.is_sqlite:
                session.connection(execution_options={"lipwright_begin": "IMMEDIATE"})
            yield session

    def migrate(self) -> None:
        """Create the tables or bring them up to date."""
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(alembic_config(connection), "head")

    def clock(self, session: Session) -> float:
        """The database's time in seconds since 1970: the one clock that all processes share."""
        if self.is_sqlite:
            sql = "select (julianday('now') - 2440587.5) * 86400.0"
        else:
            sql = "select extract(epoch from clock_timestamp())"
        return float(session.execute(text(sql)).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for our migrations, over `connection` if one is open."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _as_we_want_it(engine: Engine) -> None:
    """WAL, foreign keys, and transactions that begin when we say."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late
        cursor = connection.cursor()
        for pragma in ("journal_mode=wal", "synchronous=normal", "foreign_keys=on"):
            cursor.execute(f"pragma {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        kind = connection.get_execution_options().get("lipwright_begin", "")
        connection.exec_driver_sql(f"BEGIN {kind}".rstrip())
