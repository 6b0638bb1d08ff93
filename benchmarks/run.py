"""Speed and memory of the main job, end to end, as `make bench` measures them.

A 720p, 25 fps clip with one face is driven by speech over its whole length, analysis included and nothing cached. Every
run is a process of its own, so that its peak memory is its own. `--minutes 10` repeats the clip into a long input and
shows whether memory stays flat. Results go to benchmarks/results/bench.json and, as a table, to the terminal.

    python -m benchmarks.run [--seconds 20] [--minutes 10] [--clip FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, cycle, islice
from pathlib import Path

import cv2
import numpy as np

from lipwright.generation.demo import MOVE
from lipwright.generation.sample import pan_and_zoom
from lipwright.generation.wav import wav_bytes
from lipwright.generation.yuv import DRAWN, yuv_picture
from lipwright.media.encoding import AudioTarget, VideoTarget
from lipwright.media.info import ColourTags
from lipwright.media.picture import Picture
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.media.writer import OutputWriter
from lipwright.models.registry import model_path
from lipwright.speech.tts import TextToSpeech
from lipwright.timeline.request import TextInput

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared" / "clips" / "lp_s32_laugh_720p.mp4"
RESULTS = ROOT / "benchmarks" / "results" / "bench.json"
RATE, WIDTH, HEIGHT = Fraction(25), 1280, 720
WORDS = (
    "People ask how fast this goes, so we time it. Maybe five or six frames pass before a word is over. "
    "The mouth opens, moves, and closes again. Bob brought paper, Fred found five vases, and nobody was in a hurry. "
)


def pictures(clip: Path | None) -> Iterator[Picture]:
    """720p pictures of one face without end: a real clip to and fro, or the portrait under a moving camera."""
    if clip is None:
        portrait = cv2.imread(str(model_path("astronaut.png")))[..., ::-1]
        side = (WIDTH - HEIGHT) // 2
        times = (Fraction(n) / RATE for n in range(10**9))
        for rgb in pan_and_zoom(np.ascontiguousarray(portrait), MOVE, HEIGHT, times):
            yield yuv_picture(np.pad(rgb, ((0, 0), (side, side), (0, 0)), mode="edge"))
    else:
        info = probe(clip)
        assert info.video is not None
        last = info.video.frames - 1
        with open_reader(clip, info) as reader:
            for frame in reader.sequence(cycle(chain(range(last), range(last, 0, -1)))):
                yield frame.picture


def make_input(folder: Path, seconds: int, clip: Path | None) -> tuple[Path, Path]:
    """A video of `seconds` and speech of the same length."""
    video, audio = folder / f"in-{seconds}.mp4", folder / f"speech-{seconds}.wav"
    said = TextToSpeech().speak(TextInput(WORDS, "heart", "local"))
    samples = np.resize(said.samples, seconds * said.rate)
    audio.write_bytes(wav_bytes(samples, said.rate))
    target = VideoTarget(WIDTH, HEIGHT, DRAWN, 1 / RATE, RATE, colour=ColourTags(1, 1, 1, full_range=False))
    with OutputWriter(video, target, AudioTarget(48000, "stereo", 2), quality="balanced") as writer:
        for index, picture in enumerate(islice(pictures(clip), int(seconds * RATE))):
            writer.add_picture(picture, index / RATE, 1 / RATE)
            writer.add_audio(np.zeros((int(48000 / RATE), 2), np.float32))
        writer.close()
    return video, audio


def measure(video: Path, audio: Path, output: Path) -> dict[str, object]:
    """One generation in a process of its own; the report's performance and counts."""
    command = [sys.executable, "-m", "lipwright", "sync", str(video), "--audio", str(audio), "-o", str(output), "-q"]
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run(command, check=True, env={**os.environ, "LIPWRIGHT_CACHE_DIR": cache})
    report = json.loads(output.with_name(f"{output.stem}.report.json").read_text())
    return {"frames": report["frames"], "performance": report["performance"]}


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": model,
        "cores": cores,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": busy,
    }


def table(results: dict[str, dict[str, object]]) -> str:
    """The results as lines of text."""
    lines = []
    for name, result in results.items():
        performance = result["performance"]
        assert isinstance(performance, dict)
        memory = performance["peak_memory"]
        lines.append(
            f"{name:>8}: {performance['output_frames']} frames in {performance['seconds']:.1f} s = "
            f"{performance['frames_per_second']:.1f} frames/s end to end, peak memory "
            + (f"{memory / 1e6:.0f} MB" if memory else "unknown")
        )
        for phase in performance["phases"]:
            speed = f"{phase['per_second']:8.1f} {phase['unit']}/s" if phase["done"] else ""
            lines.append(f"          {phase['name']:<10} busy {phase['seconds']:7.1f} s {speed}")
    return "\n".join(lines)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="length of the short input (default 20)")
    parser.add_argument("--minutes", type=int, default=0, help="length of a long input too, to compare memory")
    parser.add_argument("--clip", type=Path, default=CLIP, help="a clip of one face, 1280x720; else a portrait is used")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    chosen = parser.parse_args()
    clip = chosen.clip if chosen.clip.is_file() else None
    about, results = machine(), {}
    with tempfile.TemporaryDirectory(prefix="lipwright-bench-") as scratch:
        folder = Path(scratch)
        for seconds in [chosen.seconds, *([chosen.minutes * 60] if chosen.minutes else [])]:
            video, audio = make_input(folder, seconds, clip)
            results[f"{seconds} s"] = measure(video, audio, folder / f"out-{seconds}.mp4")
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": about, "clip": clip.name if clip else "portrait", "runs": results}
    chosen.output.write_text(json.dumps(found, indent=2) + "\n")
    print(table(results))
    print(f"\n{about['processor']}, {about['cores']} cores, load before {about['load_before']}\n{chosen.output}")


if __name__ == "__main__":
    main()
