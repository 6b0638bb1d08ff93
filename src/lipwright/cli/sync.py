"""`lipwright sync`: the main job."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli import grammar
from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.notes import notes
from lipwright.cli.output import print_json
from lipwright.cli.progress import show_progress
from lipwright.cli.typed import as_typed
from lipwright.errors import RequestError
from lipwright.generation.asked import ONLY, Choices, build_request
from lipwright.progress import Progress
from lipwright.timeline.options import SyncMode

if TYPE_CHECKING:
    from lipwright.generation.generate import Result
    from lipwright.timeline.request import GenerationRequest

Video = Annotated[
    str | None, typer.Argument(help="The video (or still image) to change.", show_default=False, metavar="VIDEO")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="The MP4 to write.", show_default=False)]
Audio = Annotated[
    list[str] | None,
    typer.Option("--audio", "-a", metavar="[NAME=]FILE", help="Speech; needs a NAME if there are segments of several."),
]
TextOption = Annotated[
    list[str] | None, typer.Option("--text", "-t", metavar="[NAME=]WORDS", help="Speech to be spoken from text.")
]
VoiceOption = Annotated[
    list[str] | None,
    typer.Option("--voice", metavar="[NAME=]VOICE", help="Voice of a text, or of all; see [bold]lipwright voices[/]."),
]
SegmentOption = Annotated[
    list[str] | None,
    typer.Option(
        "--segment",
        "-s",
        metavar="RANGE=NAME[@CROP][/SPEAKER]",
        help="Who says what when: 2-5=a (seconds), f50-f100=a (frames), 6-8=b@1.5-3.5 (part of b), 2-5=a/face2.",
    ),
]
Body = Annotated[
    Path | None, typer.Option("--request", help="A JSON request as the API takes it, with local paths as url.")
]
SyncModeOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(SyncMode), help="What happens if a segment and its audio differ in length. Default: bounce."
    ),
]
Temperature = Annotated[float | None, typer.Option(min=0, max=1, help="How lively the lips move. Default: 0.5.")]
SpeakerOption = Annotated[
    str | None,
    typer.Option(metavar="SPEAKER", help="Who speaks: prominent (default), auto, faceN, FRAME:X,Y or FILE.json."),
]
Preserve = Annotated[
    bool | None,
    typer.Option("--preserve-timing", help="Keep every segment's length; audio is cut or followed by silence."),
]
Background = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="How much of the original sound is kept under new speech. Default: 0."),
]
Occlusion = Annotated[
    bool | None, typer.Option("--occlusion-detection", help="Leave frames alone where the mouth may be covered.")
]
Quality = Annotated[str, typer.Option(help="Encoding preset: draft, balanced, visually-lossless or archive.")]
Engine = Annotated[str, typer.Option(help="The lip-sync engine.")]
Report = Annotated[
    Path | None, typer.Option(help="Where the quality report goes. Default: beside the output.", show_default=False)
]
Overlay = Annotated[
    Path | None, typer.Option(metavar="FILE.mp4", help="Also write the output with ids, boxes, lips and mask drawn in.")
]
Full = Annotated[
    bool, typer.Option("--full-reencode", help="Encode all pictures and sound anew, also what is not changed.")
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="How many processes render. Default: one for every two processor cores."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def sync(
    context: typer.Context,
    output: Output,
    video: Video = None,
    audio: Audio = None,
    text: TextOption = None,
    voice: VoiceOption = None,
    segment: SegmentOption = None,
    request: Body = None,
    sync_mode: SyncModeOption = None,
    temperature: Temperature = None,
    speaker: SpeakerOption = None,
    preserve_timing: Preserve = None,
    background: Background = None,
    occlusion_detection: Occlusion = None,
    quality: Quality = "visually-lossless",
    engine: Engine = "exemplar",
    report: Report = None,
    debug_overlay: Overlay = None,
    full_reencode: Full = False,
    processes: Processes = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the mouths in a video follow new speech.

    \b
    lipwright sync in.mp4 --audio speech.wav -o out.mp4
    lipwright sync in.mp4 --audio a=one.wav --audio b=two.wav --segment 2-5=a --segment 6-8=b@1.5-3.5 -o out.mp4
    lipwright sync in.mp4 --text hi="Hello world" --voice hi=heart --segment 0-3=hi -o out.mp4
    lipwright sync --request body.json -o out.mp4
    """
    if context.args:
        stray = context.args[0]
        raise typer.BadParameter(f"'{stray}' is one too many; speech is given as --audio {stray}", param_hint="VIDEO")
    if request is not None:
        extra = [audio, text, voice, segment, sync_mode, temperature, speaker, preserve_timing, background]
        if video is not None or any(value is not None for value in (*extra, occlusion_detection)):
            raise typer.BadParameter(
                "it holds the whole request; only files and engine can be chosen beside it", param_hint="--request"
            )
    elif video is None:
        raise typer.BadParameter("name a video, or give a whole request with --request", param_hint="VIDEO")
    try:
        sounds = grammar.sounds(audio or [], text or [], voice or [])
        segments = [grammar.segment(one) for one in segment or []]
        grammar.join(segments, segment or [], sounds)
        choices = Choices(
            sync_mode=grammar.sync_mode(sync_mode) if sync_mode is not None else None,
            temperature=temperature,
            speaker=grammar.speaker(speaker) if speaker is not None else None,
            occlusion_detection=occlusion_detection,
            preserve_timing=preserve_timing,
            background=background,
        )
    except grammar.GrammarError as error:
        raise typer.BadParameter(str(error)) from None

    from lipwright.generation.generate import Settings, generate
    from lipwright.timeline.body import parse_request

    if request is None and not sounds:
        raise typer.BadParameter("give at least one --audio or --text", param_hint="--audio")
    try:
        if request is not None:
            asked = parse_request(_json_file(request))
        else:
            assert video is not None
            only = sounds[ONLY] if list(sounds) == [ONLY] else sounds
            asked = build_request(video, only, segments, choices)
        if full_reencode:
            asked = replace(asked, full_reencode=True)
        settings = Settings(
            engine=engine, quality=quality, report=report, debug_overlay=debug_overlay, processes=processes
        )
        with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
            result = generate(asked, output, settings, Progress(display, token))
    except RequestError as error:
        raise as_typed(error, segment or [], speaker, voice or []) from None
    _tell(result, asked, as_json)


def _json_file(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"The request {str(path)!r} cannot be read: {error.strerror}.", field="request") from None
    except ValueError as error:
        raise RequestError(f"The request {path.name!r} is not JSON: {error}.", field="request") from None


def _tell(result: Result, asked: GenerationRequest, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "output": str(result.output),
                "report": str(result.report_path),
                "debug_overlay": str(result.debug_overlay) if result.debug_overlay else None,
                "warnings": list(result.report.warnings),
                "frames": {
                    "output": result.report.frames.output,
                    "edited": result.report.frames.edited,
                    "passed": result.report.frames.passed,
                },
                "seconds": result.report.output.video_seconds,
            }
        )
        return
    for warning in (*result.report.warnings, *notes(result, asked)):
        typer.echo(f"Note: {warning}", err=True)
    typer.echo(str(result.output))
