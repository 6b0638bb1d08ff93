"""A real PostgreSQL server.

    with running() as server:
        url = server.database()

PostgreSQL refuses to run as root, which tests in a container often are; then its programs run as the user `postgres`
or `nobody`, who also owns the data. Nothing is flushed to disk: a throw-away server need not survive a power cut.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from tests.servers.ports import free_ports

_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=32MB",
)


@dataclass(frozen=True)
class PostgresServer:
    """A running server."""

    port: int

    def url(self, database: str) -> str:
        """The URL of a database, for psycopg and libpq."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is still connected to it."""
        name = sql.Identifier(url.rsplit("/", 1)[1])
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, if PostgreSQL is installed; the newest of several versions."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(3))
    on_path = shutil.which("pg_ctl")
    candidates = [*reversed(versions), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in candidates if (path / "initdb").exists() and (path / "pg_ctl").exists()), None)


@contextmanager
def running() -> Iterator[PostgresServer]:
    """A server, until the end of the block.

    Raises:
        FileNotFoundError: if PostgreSQL is not installed.
    """
    found = programs()
    if found is None:
        raise FileNotFoundError("initdb and pg_ctl of PostgreSQL are neither in the path nor in /usr/lib/postgresql")
    user = _unprivileged()
    # Not below pytest's folders, which only their owner can enter.
    with tempfile.TemporaryDirectory(prefix="lipwright-postgres-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        server = PostgresServer(free_ports(1)[0])
        _run(user, folder, found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = " ".join(f"-c {setting}" for setting in (f"port={server.port}", *_SETTINGS))
        control = (found / "pg_ctl", "-D", data, "-w", "-t", "60")
        try:
            _run(user, folder, *control, "-l", folder / "log.txt", "-o", options, "start")
            yield server
        finally:
            if (data / "postmaster.pid").exists():
                _run(user, folder, *control, "-m", "immediate", "stop")


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom the server runs as, where that cannot be us."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise FileNotFoundError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _run(user: pwd.struct_passwd | None, folder: Path, *command: str | Path) -> None:
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    # The server keeps the output it inherits open, so it is given a file and not a pipe.
    with (folder / "commands.txt").open("ab") as output:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "HOME": str(folder)},
            check=False,
            **identity,
        )
    if done.returncode:
        said = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("*.txt")))
        raise RuntimeError(f"{Path(command[0]).name} failed: {said}")
