"""`lipwright probe`: what is in a media file, as Lipwright reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.here import video_here
from lipwright.cli.output import print_json, print_table

if TYPE_CHECKING:
    from lipwright.media.info import AudioInfo, MediaInfo, VideoInfo


def probe(
    file: Annotated[
        Path,
        typer.Argument(
            help="A video, still image or audio file.", show_default=False, metavar="FILE", parser=video_here
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is in a media file: size, timing, colour, sound."""
    from lipwright.media.probe import probe as look

    facts = described(look(file))
    if as_json:
        print_json(facts)
        return
    rows = []
    for part in ("file", "video", "audio"):
        table = facts[part]
        if isinstance(table, dict):
            rows += [
                (part, key.replace("_", " "), "-" if value is None else str(value)) for key, value in table.items()
            ]
    print_table(("part", "property", "value"), rows)
    for warning in facts["warnings"] if isinstance(facts["warnings"], list) else []:
        typer.echo(f"Note: {warning}", err=True)


def described(info: MediaInfo) -> dict[str, object]:
    """`info` as plain values: exact fractions as text, seconds as decimals."""
    return {
        "file": {
            "name": info.name,
            "container": info.container,
            "bytes": info.size,
            "still": info.still,
            "seconds": round(float(info.duration), 6),
        },
        "video": _video(info.video) if info.video is not None else None,
        "audio": _audio(info.audio) if info.audio is not None else None,
        "warnings": list(info.warnings),
    }


def _video(video: VideoInfo) -> dict[str, object]:
    return {
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "coded_width": video.coded_width,
        "coded_height": video.coded_height,
        "rotation": video.rotation,
        "sample_aspect_ratio": str(video.sample_aspect_ratio),
        "pixel_format": video.pixel_format,
        "bit_depth": video.bit_depth,
        "matrix": video.matrix,
        "colour_primaries": video.colour.primaries,
        "colour_transfer": video.colour.transfer,
        "colour_matrix": video.colour.matrix,
        "full_range": video.layout.full_range,
        "frames": video.frames,
        "constant_frame_rate": video.constant_rate,
        "average_frame_rate": str(video.average_rate),
        "time_base": str(video.grid.time_base),
        "start": round(float(video.time(0)), 6),
        "end": round(float(video.end), 6),
        "seconds": round(float(video.duration), 6),
    }


def _audio(audio: AudioInfo) -> dict[str, object]:
    return {
        "codec": audio.codec,
        "sample_rate": audio.rate,
        "layout": audio.layout,
        "channels": audio.channels,
        "start": round(float(audio.start), 6),
        "seconds": round(float(audio.duration), 6),
    }
