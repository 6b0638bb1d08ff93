"""The tables as the migrations make them, on both databases."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from lipwright.service.storage import access, generations
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Generation, Table


def test_the_migrations_make_the_tables_that_the_code_has(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_an_organisation_that_several_processes_make_at_once_is_one(database: Database) -> None:
    together, failed = threading.Barrier(8), []

    def make() -> None:
        together.wait()
        try:
            with database.writing() as session:
                access.create_key(session, "new")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.reading() as session:
        [(organisation, keys)] = access.organisations(session)
        assert (organisation.name, keys) == ("new", 8)


def test_no_table_is_read_from_end_to_end_for_an_order(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    database.migrate()
    asked: list[tuple[str, Any]] = []
    with database.writing() as session:
        caller = access.authenticate(session, access.create_key(session))
        assert caller is not None
        event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
        row = Generation(organisation_id=caller.organisation, api_key_id=caller.key, model="m", engine="e")
        row.request = row.echo = {}
        generations.create(session, row, 1)
    selects = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
    assert len(selects) >= 3
    with database.engine.connect() as connection:
        for sql, values in selects:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
            assert not any(str(step[3]).startswith("SCAN") for step in plan), (sql, plan)
    database.close()
