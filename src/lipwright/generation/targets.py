"""Where a generation writes: checked before anything is done, so that nobody waits an hour for a typing mistake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lipwright.errors import OutputError


@dataclass(frozen=True, slots=True)
class Targets:
    """The files that a generation makes."""

    output: Path
    report: Path
    overlay: Path | None = None


def targets(output: Path, report: Path | None, overlay: Path | None) -> Targets:
    """The files to make; the report goes beside the output unless it is told otherwise.

    Raises:
        OutputError: a name or folder that cannot be written to.
    """
    for path, what in ((output, "output"), (overlay, "debug overlay")):
        if path is not None and not path.is_dir() and path.suffix.lower() not in (".mp4", ".m4v"):
            raise OutputError(f"The {what} is {path.name!r}; its name has to end in .mp4.", field=what)
    writable(output)
    report = report or output.with_name(f"{output.stem}.report.json")
    made = [path for path in (output, report, overlay) if path is not None]
    for path in made:
        writable(path)
    if len({path.resolve() for path in made}) < len(made):
        raise OutputError("The output, the report and the debug overlay have to be different files.", field="output")
    return Targets(output, report, overlay)


def writable(path: Path, field: str = "output") -> None:
    """Raise `OutputError` if `path` is a folder or lies in none."""
    if path.is_dir():
        raise OutputError(f"{str(path)!r} is a folder; a file name is needed.", field=field)
    if not path.parent.is_dir():
        raise OutputError(f"The folder {str(path.parent)!r} does not exist.", field=field)


def keep_inputs(made: Targets, inputs: list[Path]) -> None:
    """Raise `OutputError` if a file to be made is one of the inputs: it would be replaced by its own result."""
    for path in (made.output, made.report, made.overlay):
        for given in inputs:
            if path is not None and path.exists() and given.exists() and path.samefile(given):
                raise OutputError(f"{str(path)!r} is an input; the output needs another name.", field="output")
