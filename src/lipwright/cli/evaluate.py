"""`lipwright evaluate`: measure a finished video from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.here import audio_here, video_here
from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.output import print_json, print_table
from lipwright.cli.progress import show_progress
from lipwright.progress import Progress


def evaluate(
    video: Annotated[
        Path, typer.Argument(help="The video to measure.", show_default=False, metavar="VIDEO", parser=video_here)
    ],
    source: Annotated[
        Path | None,
        typer.Option(help="The video it was made from, to compare with.", metavar="VIDEO", parser=video_here),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="The speech, if it is not the video's own sound.", metavar="FILE", parser=audio_here),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The words that are said (English), for exact p, b and m.")] = None,
    face: Annotated[int | None, typer.Option(min=1, help="The face to measure. Default: the most prominent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure how well the lips of a video follow its speech; works on any talking video."""
    from lipwright.quality.evaluate import NEEDS_RENDER
    from lipwright.quality.evaluate import evaluate as measure
    from lipwright.quality.report import METERS

    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        found = measure(video, source=source, audio=audio, text=text, face=face, progress=Progress(display, token))
    if as_json:
        print_json(json.loads(found.to_json()))
        return
    rows = []
    for name in (name for name in METERS if name not in NEEDS_RENDER):
        value = getattr(found.meters, name)
        rows.append((name, "-" if value is None else f"{value:g}", found.meters.unmeasured.get(name, "")))
    which = f"face {found.face} of {found.faces}"
    if face is None and found.faces > 1:
        which += " (the most prominent; `lipwright faces` shows them, --face chooses another)"
    typer.echo(f"Measured {which} on {found.read} of {found.frames} frames.")
    print_table(("figure", "value", "why not measured"), rows)
    for warning in found.warnings:
        typer.echo(f"Note: {warning}", err=True)
