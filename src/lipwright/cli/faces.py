"""`lipwright faces`: who is in a video, so that a speaker can be chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.here import video_here
from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.output import print_json, print_table
from lipwright.cli.progress import show_progress


def faces(
    video: Annotated[
        Path,
        typer.Argument(help="A video or still image.", show_default=False, metavar="VIDEO", parser=video_here),
    ],
    sheet: Annotated[Path | None, typer.Option(help="Draw the faces with their numbers into this PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Number the faces of a video: the N of faceN when you name a speaker."""
    from lipwright.errors import NoUsableFace
    from lipwright.generation.api import analyse_faces
    from lipwright.generation.sheets import describe_faces, face_sheet
    from lipwright.generation.targets import writable

    if sheet is not None:
        writable(sheet, "sheet")
    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        analysis = analyse_faces(video, progress=display, cancel=token)
    if sheet is not None:
        from lipwright.generation.png import write_png

        write_png(sheet, face_sheet(video, analysis))
    found = describe_faces(video, analysis)
    if as_json:
        print_json({"faces": found, "sheet": str(sheet) if sheet is not None else None})
    elif not found:
        raise NoUsableFace(f"No face was found in {video.name!r}.")
    else:
        print_table(
            ("face", "from", "to", "seconds shown", "width px", "yaw"),
            [
                (
                    f"face{one['face']}",
                    f"{one['start']:.2f}",
                    f"{one['end']:.2f}",
                    f"{one['seconds']:.2f}",
                    f"{one['width']:.0f}",
                    f"{one['yaw_min']:+.0f}..{one['yaw_max']:+.0f}",
                )
                for one in found
            ],
        )
        if sheet is not None:
            typer.echo(str(sheet))
