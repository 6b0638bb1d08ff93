"""`lipwright demo`: see it work without any material of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.progress import show_progress
from lipwright.progress import Progress


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the files.")] = Path("demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Make a sample video, let it say two lines in two voices, and print where the results are."""
    from lipwright.generation.demo import demonstrate

    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        made = demonstrate(output, Progress(display, token))
    for warning in made.result.report.warnings:
        typer.echo(f"Note: {warning}", err=True)
    typer.echo(f"video:         {made.result.output}")
    typer.echo(f"contact sheet: {made.sheet}")
    typer.echo(f"report:        {made.result.report_path}")
