"""Write a new migration: `python -m lipwright.service.storage.migrate "what changes"`.

Compares the tables in `tables.py` with what the migrations so far make, in an empty temporary SQLite database.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory

from alembic import command

from lipwright.service.storage.database import MIGRATIONS, Database, alembic_config


def main(message: str) -> None:
    """Write the migration named `message`."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.sqlite")
        with database.engine.begin() as connection:
            config = alembic_config(connection)
            command.upgrade(config, "head")
            number = len(list((MIGRATIONS / "versions").glob("[0-9]*.py"))) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
