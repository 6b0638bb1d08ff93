"""`lipwright speak`, `visemes` and `voices`: speech on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.grammar import spoken
from lipwright.cli.here import audio_here
from lipwright.cli.interrupt import cancelled_by_signals
from lipwright.cli.output import print_json, print_table
from lipwright.cli.progress import show_progress
from lipwright.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def speak(
    words: Annotated[str, typer.Argument(help="What to say.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The WAV to write.", show_default=False)],
    voice: Annotated[str | None, typer.Option(help="A voice of [bold]lipwright voices[/].")] = None,
    quiet: Quiet = False,
) -> None:
    """Speak text into a WAV file."""
    from lipwright.generation.speak import speak as say

    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        said = say(spoken(words, voice), output, Progress(display, token))
    for warning in said.warnings:
        typer.echo(f"Note: {warning}", err=True)
    typer.echo(f"{output} ({said.seconds:.2f} s, voice {said.voice.id})")


def voices(as_json: Json = False) -> None:
    """List the voices of this machine."""
    from lipwright.speech.tts import voices as known

    found = known()
    if as_json:
        print_json(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "language": one.language,
                    "gender": one.gender,
                    "provider": one.provider,
                    "installed": one.installed,
                    "needs": one.needs,
                }
                for one in found
            ]
        )
        return
    print_table(
        ("voice", "name", "language", "gender", "provider", "installed"),
        [(v.id, v.name, v.language, v.gender, v.provider, "yes" if v.installed else f"no: {v.needs}") for v in found],
    )


def visemes(
    audio: Annotated[Path, typer.Argument(help="Speech.", show_default=False, metavar="AUDIO", parser=audio_here)],
    plot: Annotated[Path | None, typer.Option(help="Draw waveform, visemes and mouth opening into this PNG.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show the mouth shapes that Lipwright hears in a piece of speech."""
    from lipwright.generation.listen import runs, sound_for_recognition
    from lipwright.generation.targets import writable
    from lipwright.speech.recognise import recognise

    if plot is not None:
        writable(plot, "plot")
    with cancelled_by_signals() as token, show_progress(quiet=quiet) as display:
        samples = sound_for_recognition(audio)
        track = recognise(samples, progress=Progress(display, token))
    if plot is not None:
        from lipwright.generation.png import write_png
        from lipwright.speech.plot import draw

        write_png(plot, draw(samples, track))
    found = runs(track)
    if as_json:
        print_json(
            {
                "recogniser": track.recogniser,
                "seconds": round(len(samples) / 16000, 3),
                "visemes": [{"start": start, "end": end, "viseme": name} for start, end, name in found],
            }
        )
        return
    print_table(("start", "end", "viseme"), [(f"{a:.2f}", f"{b:.2f}", name) for a, b, name in found])
    if plot is not None:
        typer.echo(str(plot))
