"""What Alembic runs: our tables over the connection that `Database.migrate` opened."""

from __future__ import annotations

from alembic import context

from lipwright.service.storage.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, user_module_prefix="")
context.run_migrations()
