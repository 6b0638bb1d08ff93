"""`lipwright demo`: see it work without any material of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.progress import show_progress
from lipwright.cli.service import ServiceMissing
from lipwright.progress import Progress


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the files.")] = Path("demo"),
    api: Annotated[
        bool, typer.Option("--api", help="Then start the HTTP service and make another one through it.")
    ] = False,
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
    if api:
        _through_the_api(output, made.source, quiet)


def _through_the_api(folder: Path, source: Path, quiet: bool) -> None:
    from lipwright.generation.asked import Text
    from lipwright.generation.speak import speak

    try:
        from lipwright.service.demo import demonstrate
    except ModuleNotFoundError as error:
        raise ServiceMissing from error
    speech = folder / "speech.wav"
    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        progress = Progress(display, token)
        speak(Text("Hello! This line was recorded, and sent as a file.", "heart"), speech, progress)
        video = demonstrate(folder, source, speech, progress, typer.echo)
    typer.echo(f"by the API:    {video}")
