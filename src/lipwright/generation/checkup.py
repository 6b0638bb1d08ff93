"""Whether this machine can do the job: what `lipwright doctor` looks at."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

from lipwright import __version__
from lipwright.errors import LipwrightError

PACKAGES = (
    "av",
    "numpy",
    "opencv-python-headless",
    "ai-edge-litert",
    "onnxruntime",
    "ctranslate2",
    "scipy",
    "hibari-tts",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `problem` says what to do about it, None if all is well. `needed`: no job without it."""

    what: str
    found: str
    problem: str | None = None
    needed: bool = True


def checkup() -> Iterator[Finding]:
    """Look at everything, one thing after the other."""
    yield Finding("lipwright", __version__)
    old = sys.version_info < (3, 11)
    yield Finding("python", platform.python_version(), "Python 3.11 or later is needed." if old else None)
    yield Finding("system", f"{platform.system()} {platform.machine()}, {_cores()} cores")
    for package in PACKAGES:
        yield _package(package)
    yield from _codecs()
    yield from _models()
    yield from _folders()
    yield _voices()


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", f"Install it: pip install {name}")


def _codecs() -> Iterator[Finding]:
    import av

    wanted: tuple[tuple[str, Literal["r", "w"]], ...] = (
        ("libx264", "w"),
        ("aac", "w"),
        ("h264", "r"),
        ("hevc", "r"),
        ("aac", "r"),
    )
    for name, mode in wanted:
        what = f"{name} {'encoder' if mode == 'w' else 'decoder'}"
        there = _works(partial(av.Codec, name, mode))
        yield Finding(
            what, "yes" if there else "no", None if there else "Reinstall PyAV from its wheel: pip install av"
        )


def _models() -> Iterator[Finding]:
    from lipwright.models.registry import default_registry

    registry = default_registry()
    status = registry.status()
    for group in dict.fromkeys(one.file.group for one in status):
        mine = [one for one in status if one.file.group == group]
        bad = [one.file.name for one in mine if one.path is None or not _works(partial(registry.path, one.file.name))]
        needed = group == "core"
        advice = f"Run `lipwright models fetch`; {len(bad)} missing or damaged: {', '.join(bad[:3])}" if bad else None
        yield Finding(f"model files ({group})", f"{len(mine) - len(bad)} of {len(mine)}", advice, needed)


def _folders() -> Iterator[Finding]:
    from lipwright.faces.cache import default_cache_folder
    from lipwright.models.registry import default_registry

    for what, folder in (("model folder", default_registry().folder), ("analysis cache", default_cache_folder())):
        writable = _writable(folder)
        yield Finding(what, str(folder), None if writable else "It cannot be written to.", needed=False)


def _voices() -> Finding:
    from lipwright.speech.tts import voices

    known = voices()
    here = [voice for voice in known if voice.installed]
    problem = None if here else "No voice can speak; run `lipwright models fetch`."
    return Finding("voices", f"{len(here)} of {len(known)}", problem, needed=False)


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (LipwrightError, ValueError, OSError):
        return False
    return True


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
