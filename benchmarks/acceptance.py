"""The main job on real footage, judged from outside: `python -m benchmarks.acceptance [NAME ...]`.

Every clip is driven by another person's speech of known text. The encoded output is then evaluated as a stranger's
file would be: lips read off its decoded frames, speech aligned with its text by pocketsphinx, a model that has no part
in the driving. Prints a table with what falls short, and writes to benchmarks/results/acceptance: the outputs, their
reports, contact sheets (a frame and its full-size mouth per second; 24 mouths in a row) and the lip curve over the
speech's.

Figures are one thing; the sheets are there to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from benchmarks import sheets

from lipwright.errors import LipwrightError
from lipwright.media.probe import probe
from lipwright.quality.evaluate import examine
from lipwright.quality.report import Meters, QualityReport

ROOT = Path(__file__).resolve().parent.parent
CLIPS = Path(os.environ.get("LIPWRIGHT_CLIPS", ROOT.parent / "shared" / "clips"))
RESULTS = ROOT / "benchmarks" / "results" / "acceptance"

# Written for many p, b and m, with pauses of more than 0.3 s between the sentences.
LINES = (
    "Maybe my brother Bob bought a big blue umbrella. Please help me move the empty boxes before breakfast. "
    "Simple problems become important when people promise to be brave. My mom and Pam both baked apple pie."
)


@dataclass(frozen=True)
class Speech:
    """A piece of speech and its words; `voice` speaks `LINES` where there is no `file`."""

    file: str | None
    text: str
    voice: str | None = None


SPEECH = {
    "jfk": Speech(
        "speech/jfk.flac",
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
    ),
    "heart": Speech(None, LINES, "heart"),
    "michael": Speech(None, LINES, "am_michael"),
}


@dataclass(frozen=True)
class Job:
    """One clip and whose speech drives it; the speaker is never the clip's own."""

    clip: str
    speech: str
    shows: str


JOBS = {
    "retalk_1": Job("retalk_1.mp4", "michael", "man in a suit, VFR about 22 fps"),
    "retalk_3": Job("retalk_3.mp4", "heart", "woman, lively head, 25 fps"),
    "latentsync": Job("latentsync_demo1.mp4", "heart", "woman, vertical HD, HEVC, 25 fps"),
    "silentface": Job("lp_s18_silentface.mp4", "heart", "woman, mouth never opens, turned, 720p30"),
    "laugh": Job("lp_s32_laugh_720p.mp4", "heart", "woman, turned head, 720p30"),
    "grid_man": Job("grid_bbaf2n.mpg", "michael", "man, 360x288, 25 fps"),
    "grid_woman": Job("grid_lwbsza.mpg", "heart", "woman, 360x288, 25 fps"),
    "interview": Job("vv_interview.mp4", "heart", "two people, split screen, 25 fps"),
    "stage": Job("whitehouse_hamilton.mp4", "jfk", "singer, microphone, cuts, 29.97 fps"),
}
DEFAULT = ("retalk_1", "retalk_3", "latentsync", "silentface", "laugh", "grid_man", "grid_woman", "interview")

FADE = 0.3  # seconds

# (meter, least, most): the bar of the acceptance.
BARS: tuple[tuple[str, float, float], ...] = (
    ("av_offset_ms", -20.0, 20.0),
    ("av_correlation", 0.75, 1.0),
    ("bilabial_closure", 0.90, 1.0),
    ("silence_opening", 0.0, 5.0),
    ("jitter_ratio", 0.0, 1.3),
    ("sharpness_ratio", 0.85, 1.15),
)


@dataclass(frozen=True)
class Row:
    """The result of one job."""

    name: str
    shows: str
    meters: Meters
    inside: Meters | None
    passed: dict[str, int]
    fps: float | None
    short: tuple[str, ...]


def spoken(name: str, folder: Path) -> Path:
    """The file of a piece of speech, synthesised once if it has none."""
    speech = SPEECH[name]
    if speech.file is not None:
        return CLIPS / speech.file
    path = folder / f"speech_{name}.wav"
    if not path.exists():
        from lipwright.generation.asked import Text
        from lipwright.generation.wav import wav_bytes
        from lipwright.speech.tts.service import speak_text

        said = speak_text(Text(speech.text, voice=speech.voice).as_input("speech"))
        path.write_bytes(wav_bytes(said.samples, said.rate))
    return path


def run(name: str, folder: Path, again: bool) -> Row:
    """Make (unless it is there and not wanted `again`) and judge one output."""
    job = JOBS[name]
    source, audio, output = CLIPS / job.clip, spoken(job.speech, folder), folder / f"{name}.mp4"
    report_path = folder / f"{name}.json"
    if again or not output.exists():
        import lipwright

        lipwright.sync_video(source, audio=audio, output=output, report=report_path)
    inside = QualityReport.read(report_path) if report_path.exists() else None
    spans = edited_spans(output, inside) if inside else None
    found = examine(output, source=source, audio=audio, text=SPEECH[job.speech].text, spans=spans)
    (folder / f"{name}_evaluation.json").write_text(found.evaluation.to_json(), encoding="utf-8")
    sheets.sheets(output, found.faces, folder, name)
    if found.speech is not None and len(found.times):
        wanted = np.interp(found.times * 100 - 0.5, np.arange(len(found.speech.openness)), found.speech.openness)
        plot = sheets.curves(found.times.tolist(), found.opening.tolist(), wanted.tolist(), found.speech.instants)
        sheets.save(folder / f"{name}_curve.png", plot)
    meters = found.evaluation.meters
    return Row(
        name,
        job.shows,
        meters,
        inside.overall if inside else None,
        dict(inside.frames.reasons) if inside else {},
        inside.performance.frames_per_second if inside else None,
        tuple(short_of(meters)),
    )


def edited_spans(output: Path, report: QualityReport) -> list[tuple[float, float]] | None:
    """The seconds in which lips were drawn; what was passed through, and the fades beside it, is not judged."""
    video = probe(output).video
    if not report.frames.passed_ranges or video is None:
        return None
    spans, at = [], 0.0
    for passed in report.frames.passed_ranges:
        spans.append((at, float(video.time(passed.start)) - FADE))
        at = float(video.time(passed.stop - 1)) + FADE
    spans.append((at, float(video.end)))
    return [(a, b) for a, b in spans if b > a]


def short_of(meters: Meters) -> list[str]:
    """The bars that are missed, or could not be measured."""
    missed = []
    for name, least, most in BARS:
        value = getattr(meters, name)
        if value is None:
            missed.append(f"{name}: {meters.unmeasured[name]}")
        elif not least <= value <= most:
            missed.append(f"{name} {value:.2f} is outside {least:g}..{most:g}")
    return missed


def table(rows: list[Row]) -> str:
    """The rows as text."""
    columns = {"offset": 8, "corr": 6, "null": 6, "p/b/m": 11, "silence": 9, "jitter": 8, "sharp": 7, "fps": 6}
    head = f"{'clip':<12}" + "".join(f"{name:>{width}}" for name, width in columns.items()) + "  passed"
    lines = [head, "-" * len(head)]
    for row in rows:
        m = row.meters
        closed = "-" if m.bilabial_closure is None else f"{100 * m.bilabial_closure:.0f}% of {m.bilabials}"
        lines.append(
            f"{row.name:<12}{_cell(m.av_offset_ms, 1):>8}{_cell(m.av_correlation, 2):>6}"
            f"{_cell(m.av_correlation_shuffled, 2):>6}{closed:>11}{_cell(m.silence_opening, 1):>9}"
            f"{_cell(m.jitter_ratio, 2):>8}{_cell(m.sharpness_ratio, 2):>7}{_cell(row.fps, 1):>6}  {row.passed or ''}"
        )
    lines.append("")
    for row in rows:
        lines += [f"{row.name}: {text}" for text in row.short]
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main(arguments: list[str] | None = None) -> int:
    """Run the jobs named; 0 if every bar is met on every clip."""
    parser = argparse.ArgumentParser(prog="benchmarks.acceptance", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(JOBS)}; default eight of them")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    parser.add_argument("--keep", action="store_true", help="do not render again what is there, only judge it")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in JOBS]
    if unknown:
        parser.error(f"no such job: {', '.join(unknown)}; there are {', '.join(JOBS)}")
    if not CLIPS.is_dir():
        print(f"The test clips are not at {CLIPS}; name their folder with LIPWRIGHT_CLIPS.", file=sys.stderr)
        return 2
    chosen.out.mkdir(parents=True, exist_ok=True)
    rows, failed = [], False
    for name in chosen.names or DEFAULT:
        try:
            rows.append(run(name, chosen.out, again=not chosen.keep))
        except LipwrightError as error:
            failed = True
            print(f"{name}: {error.message}", file=sys.stderr)
            continue
        print(table(rows[-1:]), flush=True)
    (chosen.out / "table.json").write_text(json.dumps([asdict(r) for r in rows], indent=2), encoding="utf-8")
    text = table(rows)
    (chosen.out / "table.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\n{chosen.out}")
    return int(failed or any(r.short for r in rows))


if __name__ == "__main__":
    sys.exit(main())
