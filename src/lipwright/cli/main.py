"""The `lipwright` command: what it can do, and how it ends.

Exit codes: 0 done; 1 the job or its media failed, with one sentence on standard error that says why (and with `--json`
the same as an object on standard output); 2 the command line could not be read; 130 stopped by Ctrl-C. Each command
lives in a module of its own and imports what it needs when it runs, so that `lipwright --help` is there at once.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from lipwright import __version__
from lipwright.cli import demo, doctor, evaluate, faces, models, organisations, probe, service, speech, sync
from lipwright.cli.interrupt import Interrupted
from lipwright.cli.output import print_json
from lipwright.errors import LipwrightError, RequestError

app = typer.Typer(
    name="lipwright",
    help="Lip-sync a video to new speech: different audio on different time ranges, with the subject's own mouth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
# What is too many is left to the command, which can tell what it should have been.
app.command("sync", context_settings={"allow_extra_args": True})(sync.sync)
app.command("probe")(probe.probe)
app.command("faces")(faces.faces)
app.command("speak")(speech.speak)
app.command("visemes")(speech.visemes)
app.command("voices")(speech.voices)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("serve")(service.serve)
app.command("worker")(service.worker)
app.add_typer(service.keys, name="keys")
app.add_typer(organisations.app, name="organisations")
app.command("config")(service.config)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lipwright {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command as a whole."""


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and end the process with its exit code."""
    _hush_native_libraries()
    try:
        app(arguments)
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except LipwrightError as error:
        if "--json" in (sys.argv[1:] if arguments is None else arguments):
            print_json({"error": described(error)})
        print(sentence(error), file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        # A fault of ours: one sentence for the user, the whole story for whoever asks for it.
        logging.getLogger(__name__).info("unexpected", exc_info=True)
        said = (str(error).strip().splitlines() or ["no details"])[0]
        print(
            f"Error: something went wrong inside Lipwright ({type(error).__name__}: {said}). "
            "Run it again with LIPWRIGHT_DEBUG=1 for the details.",
            file=sys.stderr,
        )
        sys.exit(1)
    sys.exit(0)


def _hush_native_libraries() -> None:
    """Keep standard error for Python; what native libraries write there by themselves is shown with LIPWRIGHT_DEBUG=1.

    LiteRT tells of every delegate it creates and cannot be asked not to; between progress and errors it is only noise.
    """
    if os.environ.get("LIPWRIGHT_DEBUG"):
        logging.basicConfig(level=logging.INFO)
        return
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error
        return
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = open(kept, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")  # noqa: PTH123, SIM115


def described(error: LipwrightError) -> dict[str, object]:
    """What a script is told about a failure: code, field, sentence, what to do, and every fault of a request."""
    told: dict[str, object] = {
        "code": error.code,
        "field": error.field,
        "message": error.message,
        "suggestion": error.suggestion,
    }
    if isinstance(error, RequestError):
        told["faults"] = [{"code": one.code, "field": one.field, "message": one.message} for one in error.faults]
    return told


def sentence(error: LipwrightError) -> str:
    """What went wrong and what to do about it, one line per fault of a request; every line starts alike."""
    if isinstance(error, RequestError):
        lines = [
            fault.message if fault.field in fault.message else f"{fault.field}: {fault.message}"
            for fault in error.faults
        ]
    else:
        lines = [error.message]
    text = "\n".join("Error: " + " ".join(line.split()) for line in lines)
    return text + (f" {error.suggestion}" if error.suggestion else "")
