"""The picture of the README, made from a demonstration: `python -m benchmarks.picture DEMO_FOLDER`.

Moments of the source over the same moments of the output, close to the mouth, and under them the speech
with its visemes as the recogniser hears them. Written to docs/images/demo.png.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lipwright.generation.demo import FACE
from lipwright.generation.png import write_png
from lipwright.generation.sheets import sheet_of, strip
from lipwright.media.audio import load_mono
from lipwright.speech.plot import draw
from lipwright.speech.recognise import recognise

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "demo.png"
MOMENTS = (0.84, 1.16, 2.20, 2.72, 3.28, 9.16)
WIDTH = 1100
SPEECH = (Fraction(0), Fraction(10))


def main(folder: Path) -> None:
    """Write the picture of the demonstration in `folder`."""
    rows = [
        tile
        for video, label in ((folder / "source.mp4", "source"), (folder / "demo.mp4", "output"))
        for tile in strip(video, MOMENTS, [f"{label} {time:.2f} s" for time in MOMENTS], FACE)
    ]
    faces = sheet_of(rows, len(MOMENTS))
    faces = cv2.resize(faces, (WIDTH, round(faces.shape[0] * WIDTH / faces.shape[1])), interpolation=cv2.INTER_AREA)
    samples = load_mono(folder / "demo.mp4", 16_000, *SPEECH)
    plot = draw(samples, recognise(samples))
    plot = cv2.resize(plot, (WIDTH, round(plot.shape[0] * WIDTH / plot.shape[1])), interpolation=cv2.INTER_AREA)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_png(OUT, np.concatenate([np.asarray(faces, np.uint8), np.asarray(plot, np.uint8)], axis=0))
    print(OUT.relative_to(OUT.parent.parent.parent))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
