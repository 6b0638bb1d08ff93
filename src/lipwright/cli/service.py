"""`lipwright serve`, `worker`, `keys` and `config`: the HTTP service from the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lipwright.cli.output import print_json, print_table
from lipwright.errors import LipwrightError

if TYPE_CHECKING:
    from lipwright.service.config import ServiceConfig

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where databases, objects and secrets lie.", show_default=False)
]

keys = typer.Typer(help="API keys of the service.", no_args_is_help=True)


class ServiceMissing(LipwrightError):
    """The HTTP service is not installed; install it with: pip install 'lipwright[service]'"""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: 8080.")] = None,
    data_dir: DataDir = None,
    root_path: Annotated[str | None, typer.Option(help="Path under which a proxy serves the API.")] = None,
    worker: Annotated[bool, typer.Option(help="Run a worker beside the API.")] = True,
) -> None:
    """Serve the HTTP API, with a worker beside it.

    \b
    lipwright serve
    lipwright serve --port 9000 --data-dir /srv/lipwright
    lipwright serve --no-worker
    """
    config = _config(host=host, port=port, data_dir=data_dir, root_path=root_path)
    from lipwright.service.serve import serve as run

    run(config, worker=worker)


def worker(
    data_dir: DataDir = None,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="End when standard input does.")] = False,
) -> None:
    """Take jobs out of the queue and do them, until stopped.

    \b
    lipwright worker
    lipwright worker --data-dir /srv/lipwright
    """
    config = _config(data_dir=data_dir)
    from lipwright.service.jobs.worker import run_worker
    from lipwright.service.logs import set_up

    set_up(config)
    run_worker(config, with_parent=with_parent)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    organisation: Annotated[str, typer.Option(help="Whose key it is; made if there is none of that name.")] = "default",
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Generations the key may have in work. Default: the installation's.")
    ] = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="Generations of a higher one are done first.")] = 0,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    with writing(data_dir) as session:
        from lipwright.service.storage import access

        key = access.create_key(session, organisation, name, concurrency, priority)
    typer.echo(f"A key for {organisation!r}; it is shown only now:", err=True)
    typer.echo(key)


@keys.command("list")
def list_keys(
    data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List all keys, without what is secret of them."""
    with writing(data_dir) as session:
        from lipwright.service.storage import access

        rows = [
            {
                "id": key.id,
                "key": f"{key.prefix}...",
                "name": key.name,
                "concurrency": key.concurrency,
                "priority": key.priority,
                "organisation": organisation,
                "created": key.created_at.isoformat(timespec="seconds"),
                "revoked": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
            }
            for key, organisation in access.listed(session)
        ]
    if as_json:
        print_json(rows)
    else:
        header = ("key", "name", "organisation", "concurrency", "priority", "created", "revoked")
        print_table(header, [["" if row[name] is None else str(row[name]) for name in header] for row in rows])


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Its id, its beginning as listed, or its name.")], data_dir: DataDir = None
) -> None:
    """Make a key unusable."""
    with writing(data_dir) as session:
        from lipwright.service.storage import access

        count = access.revoke(session, key.removesuffix("..."))
    if not count:
        raise LipwrightError(f"There is no key {key!r} that could be revoked; `lipwright keys list` lists them.")
    typer.echo(f"Revoked {count}.")


def config(
    data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show the settings in force and the variable that sets each; secrets are hidden."""
    from lipwright.service.config import PREFIX, ServiceConfig

    told: dict[str, Any] = json.loads(_config(data_dir=data_dir).model_dump_json())
    told["objects_options"] = {name: _hidden(name, value) for name, value in told["objects_options"].items()}
    told["database_url"] = _without_password(told["database_url"])
    if as_json:
        print_json(told)
        return
    rows = [
        (f"{PREFIX}{name.upper()}", _shown(told[name]), (field.description or "").split("\n")[0])
        for name, field in ServiceConfig.model_fields.items()
    ]
    print_table(("setting", "value", "meaning"), rows)


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)


def _hidden(name: str, value: str) -> str:
    return "********" if any(word in name.lower() for word in ("secret", "key", "token", "password")) else value


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    scheme, slashes, who = head.partition("://")
    return f"{scheme}{slashes}{who.partition(':')[0]}:********{at}{tail}" if at and ":" in who else url


def _config(**given: Any) -> ServiceConfig:
    try:
        from lipwright.service.config import load_config
    except ModuleNotFoundError as error:
        raise ServiceMissing from error
    return load_config(**given)


def writing(data_dir: Path | None) -> Any:
    """A writing session of the installation's database, which is made if need be."""
    from contextlib import contextmanager

    config = _config(data_dir=data_dir)
    from lipwright.service.services import prepare
    from lipwright.service.storage.database import Database

    @contextmanager
    def opened() -> Any:
        prepare(config)
        database = Database(config.database)
        try:
            with database.writing() as session:
                yield session
        finally:
            database.close()

    return opened()
