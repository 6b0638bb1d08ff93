"""`lipwright doctor`: is everything there?"""

from __future__ import annotations

from typing import Annotated

import typer

from lipwright.cli.output import print_json, print_table


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check models, codecs, packages and folders; exit code 1 if something needed is missing."""
    from lipwright.generation.checkup import checkup

    findings = list(checkup())
    if as_json:
        print_json(
            [{"what": one.what, "found": one.found, "problem": one.problem, "needed": one.needed} for one in findings]
        )
    else:
        print_table(
            ("", "what", "found", "to do"),
            [
                ("ok" if one.problem is None else "!!" if one.needed else "--", one.what, one.found, one.problem or "")
                for one in findings
            ],
        )
    if any(one.problem and one.needed for one in findings):
        raise typer.Exit(1)
