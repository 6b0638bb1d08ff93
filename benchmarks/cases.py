"""What `make bench` measures, and what is expected of it on two cores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.inputs import Wanted, Workshop
from benchmarks.jobs import Order, Run, can_copy, run

MEMORY = 700e6
FIRST = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """One video and what is done to it.

    Attributes:
        spoken: start and end of the only segment, seconds; None drives the whole video.
        cached: the faces are known from a run before.
        against_full: also encoded in full, to compare: always, only with `--all`, or never.
        borrows: the case whose full encoding it is compared with where it has none of its own.
        speed: least output frames per second.
        within: most seconds.
        faster: least ratio of the full encoding's seconds to its own.
        growth: most growth of the file, a share.
    """

    name: str
    video: Wanted
    spoken: tuple[int, int] | None = None
    cached: bool = False
    against_full: str = "never"
    borrows: str | None = None
    speed: float | None = None
    within: float | None = None
    faster: float | None = None
    growth: float | None = None


_LIST = (
    Case("720p", Wanted(1280, 720, 20), speed=25),
    Case("720p-cached", Wanted(1280, 720, 20), cached=True, speed=40),
    Case("1080p", Wanted(1920, 1080, 20), speed=15),
    Case("4k", Wanted(3840, 2160, 10)),
    Case(
        "10min-keys2", Wanted(1920, 1080, 600, keys=2), (300, 303),
        against_full="always", within=20, faster=10, growth=0.01,
    ),
    Case(
        "10min-keys10", Wanted(1920, 1080, 600, keys=10), (301, 304),
        against_full="all", borrows="10min-keys2", within=20, faster=10, growth=0.01,
    ),
    Case("1h-720p", Wanted(1280, 720, 3600), (1800, 1803), against_full="all", growth=0.01),
)  # fmt: skip
CASES = {case.name: case for case in _LIST}


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation, as a sentence with the figure found, and whether it is met."""

    text: str
    passed: bool


@dataclass(slots=True)
class Row:
    """One line of the table; `run` is None where there was nothing to run, and `note` says why."""

    name: str
    run: Run | None
    ratio: float | None = None
    checks: list[Check] = field(default_factory=list)
    note: str = ""
    failed: bool = False
    load_before: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "case": self.name,
            "run": self.run.as_json() if self.run is not None else None,
            "times_faster_than_full": round(self.ratio, 2) if self.ratio is not None else None,
            "checks": [asdict(check) for check in self.checks],
            "note": self.note,
            "load_before": self.load_before,
        }


class Bench:
    """Runs cases, with their files in `folder`."""

    def __init__(self, folder: Path, workshop: Workshop, *, everything: bool, processes: int | None) -> None:
        self._folder = folder
        self.workshop = workshop
        self._everything = everything
        self._processes = processes
        self._full: dict[str, Run] = {}

    def rows(self, case: Case) -> Iterator[Row]:
        """The lines of a case.

        Raises:
            CommandFailed: a run did not work.
        """
        own = case.against_full == "always" or (case.against_full == "all" and self._everything)
        if own:
            self._full[case.name] = self._run(case, full=True)
            yield Row(f"{case.name} full", self._full[case.name], checks=_memory_and_first(self._full[case.name]))
        if case.spoken is not None and not can_copy():
            yield Row(case.name, None, note="this version encodes everything: there is nothing to compare", failed=True)
            return
        made = self._run(case, full=False)
        lender = case.name if own else case.borrows
        full = self._full.get(lender or "")
        ratio = full.usage.seconds / made.usage.seconds if full is not None else None
        note = f"compared with {lender} encoded in full" if ratio is not None and lender != case.name else ""
        why = (made.encoding or {}).get("full_because")
        if case.spoken is not None and why:
            note = f"nothing was copied: {why}"
        yield Row(case.name, made, ratio, [*_expected(case, made, ratio), *_memory_and_first(made)], note)

    def _run(self, case: Case, *, full: bool) -> Run:
        video = self.workshop.video(case.video)
        name = f"{case.name}{'-full' if full else ''}"
        if case.spoken is None:
            sounds, segments = {"": self.workshop.speech(case.video.seconds)}, []
        else:
            start, stop = case.spoken
            sounds, segments = {"a": self.workshop.speech(stop - start)}, [f"{start}-{stop}=a"]
        order = Order(
            video, sounds, self._folder / f"out-{name}.mp4", self._folder / f"cache-{name}", segments, full,
            processes=self._processes,
        )  # fmt: skip
        if case.cached:
            run(order)
        return run(order)


def _expected(case: Case, made: Run, ratio: float | None) -> Iterator[Check]:
    """What is expected of this case alone."""
    if case.speed is not None:
        found = made.frames_per_second
        yield Check(f"{found:.1f} frames/s, expected {case.speed:g}", found >= case.speed)
    if case.within is not None:
        yield Check(f"{made.usage.seconds:.1f} s, expected under {case.within:g}", made.usage.seconds < case.within)
    if case.faster is not None and ratio is not None:
        yield Check(f"{ratio:.1f} times faster than in full, expected {case.faster:g}", ratio >= case.faster)
    if case.growth is not None:
        yield Check(
            f"{100 * made.growth:+.2f} % larger, expected under {100 * case.growth:g} %", made.growth < case.growth
        )


def _memory_and_first(made: Run) -> list[Check]:
    """What is expected of every case."""
    memory, first = made.usage.memory, made.usage.first_progress
    checks = []
    if memory is not None:
        checks.append(Check(f"{memory / 1e6:.0f} MB, expected under {MEMORY / 1e6:.0f}", memory < MEMORY))
    told = f"first progress after {first:.1f} s" if first is not None else "no progress was told"
    checks.append(Check(f"{told}, expected under {FIRST:g} s", first is not None and first < FIRST))
    return checks
