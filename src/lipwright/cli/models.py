"""`lipwright models`: the model files, where they are, and getting them."""

from __future__ import annotations

from typing import Annotated

import typer

from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.output import print_json, print_table
from lipwright.cli.progress import show_progress
from lipwright.progress import Progress

app = typer.Typer(help="List and fetch the model files.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Names of files; none means all.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """Show every model file: what it is for, its licence, whether it is here."""
    from lipwright.models.registry import default_registry

    status = default_registry().status()
    if as_json:
        print_json(
            [
                {
                    "name": one.file.name,
                    "purpose": one.file.purpose,
                    "group": one.file.group,
                    "bytes": one.file.size,
                    "sha256": one.file.sha256,
                    "licence": one.file.licence,
                    "author": one.file.author,
                    "origin": one.file.origin,
                    "path": str(one.path) if one.path is not None else None,
                }
                for one in status
            ]
        )
        return
    print_table(
        ("name", "here", "MB", "group", "licence", "purpose"),
        [
            (
                one.file.name,
                "yes" if one.path is not None else "no",
                f"{one.file.size / 1e6:.1f}",
                one.file.group,
                one.file.licence,
                one.file.purpose,
            )
            for one in status
        ],
    )


@app.command()
def fetch(
    names: Names = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Get the model files that are missing, each checked against its pinned hash."""
    from lipwright.models.registry import default_registry

    registry = default_registry()
    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        report = registry.fetch(names or None, Progress(display, token))
    for note in report.notes():
        typer.echo(note, err=True)
    typer.echo(f"{len(report.fetched)} fetched, {len(report.present)} already here, in {registry.folder}")


@app.command()
def path(name: Annotated[str | None, typer.Argument(help="Name of a file; none means the folder.")] = None) -> None:
    """Print where a model file is, after checking its hash; or the folder of all."""
    from lipwright.models.registry import default_registry

    registry = default_registry()
    typer.echo(str(registry.path(name) if name is not None else registry.folder))
