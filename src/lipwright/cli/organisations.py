"""`lipwright organisations`: who the generations of a service belong to, and how long they are kept."""

from __future__ import annotations

from typing import Annotated

import typer

from lipwright.cli.output import print_json, print_table
from lipwright.cli.service import DataDir, writing
from lipwright.errors import LipwrightError

app = typer.Typer(help="Organisations of the service, to which keys belong.", no_args_is_help=True)

_LONGEST = 36_500.0


@app.command("list")
def list_organisations(
    data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List all organisations: how many keys each has in use, and for how many days it keeps things.

    \b
    lipwright organisations list
    lipwright organisations list --json
    """
    with writing(data_dir) as session:
        from lipwright.service.storage import access

        rows = [
            {
                "id": organisation.id,
                "name": organisation.name,
                "keys": keys,
                "retention_days": organisation.retention_days,
                "created": organisation.created_at.isoformat(timespec="seconds"),
            }
            for organisation, keys in access.organisations(session)
        ]
    if as_json:
        print_json(rows)
        return
    header = ("name", "keys", "retention", "created", "id")
    print_table(
        header,
        [
            [str(row["name"]), str(row["keys"]), _told(row["retention_days"]), str(row["created"]), str(row["id"])]
            for row in rows
        ],
    )


@app.command("retention")
def set_retention(
    name: Annotated[str, typer.Argument(help="The organisation's name.")],
    days: Annotated[str, typer.Argument(help="Days; 0 keeps everything, `none` is what the installation does.")],
    data_dir: DataDir = None,
) -> None:
    """Set for how many days an organisation keeps generations, batches and assets.

    \b
    lipwright organisations retention film-team 30
    lipwright organisations retention film-team none
    """
    wanted = _days(days)
    with writing(data_dir) as session:
        from lipwright.service.storage import access

        count = access.set_retention(session, name, wanted)
    if not count:
        raise LipwrightError(f"There is no organisation {name!r}; `lipwright organisations list` lists them.")
    typer.echo(f"{name}: {_told(wanted)}")


def _days(text: str) -> float | None:
    """The number of days; None for `none`."""
    if text.lower() == "none":
        return None
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= _LONGEST:
        raise LipwrightError(f"DAYS is {text!r}; it has to be a number from 0 to {_LONGEST:.0f}, or none.")
    return days


def _told(days: object) -> str:
    if days is None:
        return "as the installation"
    return f"{days:g} days" if days else "for ever"
