"""One run of `lipwright sync` as a user starts it, and all that is known of it afterwards."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.measured import Usage, measured

FULL = "--full-reencode"
PROCESSES = "--processes"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of `lipwright sync`.

    Attributes:
        sounds: audio files by name; the only one of a whole video needs none ("").
        segments: as on the command line; none means the whole video.
        cache: the folder of the face analysis; empty means that the video is seen for the first time.
        full: encode everything, copy nothing.
        processes: how many may render; None leaves the choice to Lipwright.
    """

    video: Path
    sounds: dict[str, Path]
    output: Path
    cache: Path
    segments: Sequence[str] = ()
    full: bool = False
    preserve: bool = False
    processes: int | None = None

    def command(self) -> list[str]:
        """The command line, without options that this version does not have."""
        known = options()
        line = [sys.executable, "-m", "lipwright", "sync", str(self.video), "-o", str(self.output)]
        for name, path in self.sounds.items():
            line += ["--audio", f"{name}={path}" if name else str(path)]
        for segment in self.segments:
            line += ["--segment", segment]
        line += ["--preserve-timing"] if self.preserve else []
        line += [FULL] if self.full and FULL in known else []
        line += [PROCESSES, str(self.processes)] if self.processes is not None and PROCESSES in known else []
        return line


@dataclass(frozen=True, slots=True)
class Run:
    """What came of an order.

    Attributes:
        frames: of the output.
        performance: as in the report; its phases are busy seconds, summed over what ran side by side.
        encoding: as in the report; None from versions that do not tell.
        growth: bytes of the output over those of the input, less one.
    """

    usage: Usage
    frames: int
    performance: dict[str, Any]
    encoding: dict[str, Any] | None
    growth: float

    @property
    def frames_per_second(self) -> float:
        """Output frames per second of the whole process, start and imports included."""
        return self.frames / self.usage.seconds

    @property
    def copied(self) -> int:
        """Frames whose coded picture was taken over as it was."""
        return int((self.encoding or {}).get("copied_frames", 0))

    def busy(self, phase: str) -> float:
        """Seconds for which a phase was busy; 0 if there is none of that name."""
        return float(sum(one["seconds"] for one in self.performance["phases"] if one["name"] == phase))

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {**asdict(self), "frames_per_second": round(self.frames_per_second, 2)}


def run(order: Order) -> Run:
    """Do it in a process of its own.

    Raises:
        CommandFailed: it did not work.
    """
    environment = {**os.environ, "LIPWRIGHT_CACHE_DIR": str(order.cache), "TMPDIR": str(order.output.parent)}
    usage = measured(order.command(), environment)
    report = json.loads(order.output.with_name(f"{order.output.stem}.report.json").read_text(encoding="utf-8"))
    growth = order.output.stat().st_size / order.video.stat().st_size - 1
    order.output.unlink()
    return Run(usage, report["frames"]["output"], report["performance"], report.get("encoding"), growth)


@lru_cache(maxsize=1)
def options() -> str:
    """The help of `lipwright sync`, which names the options that this version has."""
    wide = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "lipwright", "sync", "--help"], capture_output=True, text=True, check=True, env=wide
    )
    return done.stdout


def can_copy() -> bool:
    """Whether this version can be told to encode everything, and so copies when it is not told."""
    return FULL in options()


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was before."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": model,
        "cores": cores,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": load(),
    }


def load() -> float | None:
    """How many processes wanted to run over the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
