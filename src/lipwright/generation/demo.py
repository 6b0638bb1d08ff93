"""The demonstration: a portrait under a moving camera says two lines in two voices, with an untouched gap between.

Everything is made on the spot: the source video from a public-domain photograph, the speech by two embedded voices.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.errors import ModelFileError
from lipwright.generation.asked import Choices, Segment, Text, build_request
from lipwright.generation.generate import Result, Settings, generate
from lipwright.generation.png import write_png
from lipwright.generation.sample import CameraMove, Shot, pan_and_zoom, room_tone
from lipwright.generation.sheets import COLUMNS, sheet_of, strip
from lipwright.generation.yuv import DRAWN, yuv_picture
from lipwright.media.encoding import AudioTarget, VideoTarget
from lipwright.media.info import ColourTags
from lipwright.media.picture import Picture
from lipwright.media.writer import OutputWriter
from lipwright.models.registry import model_path
from lipwright.progress import Progress
from lipwright.speech.tts import TextToSpeech

U8 = NDArray[np.uint8]

PORTRAIT = "astronaut.png"
RATE = Fraction(25)
SIZE = 720
SECONDS = Fraction(11)
MOVE = CameraMove(there=Shot(232.0, 158.0, 290.0), back=Shot(220.0, 146.0, 246.0), period=Fraction(22))
LINES = (
    "Hello! Only my lips follow these new words.",
    "Between the lines, every pixel stays as it was.",
)
STARTS = (Fraction(1, 2), Fraction(6))
SOUND_RATE = 48_000

# The sheet: how many moments, and the part of the frame where the face stays during the camera move.
SHOWN = 24
FACE = (0.24, 0.16, 0.70, 0.62)


@dataclass(frozen=True, slots=True)
class Demo:
    """The files of a demonstration."""

    source: Path
    result: Result
    sheet: Path


def demonstrate(folder: Path, progress: Progress | None = None) -> Demo:
    """Make the demonstration in `folder`, which is created; if it fails, what this made is removed again.

    Raises:
        ModelFileError: the portrait or the models are not there. OutputError: the folder cannot be written to.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    source = folder / "source.mp4"
    fresh = not source.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _made(folder, source, progress or Progress())
    except BaseException:
        with suppress(OSError):  # what is not empty, or not ours to remove, stays
            if fresh and not (folder / "demo.mp4").exists():
                source.unlink(missing_ok=True)
            for path in made:
                path.rmdir()
        raise


def _made(folder: Path, source: Path, progress: Progress) -> Demo:
    write_source(source, progress)
    voices = TextToSpeech().two_voices()
    texts = {f"line{n}": Text(line, voice.id) for n, (line, voice) in enumerate(zip(LINES, voices, strict=True), 1)}
    segments = [Segment(start, start + Fraction(9, 2), name) for start, name in zip(STARTS, texts, strict=True)]
    request = build_request(source, texts, segments, Choices(preserve_timing=True, background=0.5))
    result = generate(request, folder / "demo.mp4", Settings(), progress)
    sheet = folder / "demo-sheet.png"
    write_png(sheet, _sheet(source, result))
    return Demo(source, result, sheet)


def write_source(path: Path, progress: Progress) -> None:
    """Write the sample source video to `path`."""
    portrait = _portrait()
    count = int(SECONDS * RATE)
    target = VideoTarget(SIZE, SIZE, DRAWN, 1 / RATE, RATE, colour=ColourTags(1, 1, 1, full_range=False))
    sound = room_tone(float(SECONDS), SOUND_RATE)
    with OutputWriter(path, target, AudioTarget(SOUND_RATE, "stereo", 2)) as writer:
        for index, picture in enumerate(_pictures(portrait, count)):
            writer.add_picture(picture, index / RATE, 1 / RATE)
            start, stop = (round(at / RATE * SOUND_RATE) for at in (index, index + 1))
            writer.add_audio(sound[start:stop])
            progress.advance("sample video", index + 1, count)
        writer.close()


def _pictures(portrait: U8, count: int) -> Iterator[Picture]:
    times = (index / RATE for index in range(count))
    for rgb in pan_and_zoom(portrait, MOVE, SIZE, times):
        yield yuv_picture(rgb)


def _sheet(source: Path, result: Result) -> U8:
    """Rows of source frames, each over a row of what became of them, close to the mouth."""
    shown = [float(SECONDS * i / SHOWN) for i in range(SHOWN)]
    before = strip(source, shown, [f"{time:.2f} s source" for time in shown], FACE)
    after = strip(result.output, shown, [f"{time:.2f} s {_what(Fraction(time), result)}" for time in shown], FACE)
    rows = [tiles[i : i + COLUMNS] for i in range(0, SHOWN, COLUMNS) for tiles in (before, after)]
    return sheet_of([tile for row in rows for tile in row])


def _portrait() -> U8:
    path = model_path(PORTRAIT)
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelFileError(f"The picture {path} cannot be read.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _what(time: Fraction, result: Result) -> str:
    for segment in result.report.segments:
        if segment.output[0] <= time < segment.output[1]:
            return segment.ref
    return "original"
