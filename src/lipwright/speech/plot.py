"""A picture of a viseme track: waveform, one lane per mouth shape, the openness curve.

Drawn with OpenCV, which is there anyway, so that no plotting library is needed. Long tracks are drawn in rows of some
seconds under each other; a column of pixels shows the strongest value it covers, so a short closure is never lost to
the scale.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.speech.openness import openness
from lipwright.speech.phones import SIL
from lipwright.speech.visemes import RATE, VISEMES, VisemeTrack

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

ROW_SECONDS = 10
MAX_ROWS = 30
_SHORTEST = 0.1  # seconds of the shortest axis
WIDTH, LEFT, MARGIN = 1280, 56, 12
WAVE, LANE, CURVE, AXIS = 64, 15, 56, 20
_FONT = cv2.FONT_HERSHEY_SIMPLEX
# RGB. Closures and the lip bite stand out; vowels are warm, tongue sounds cool.
_PAPER, _INK, _GRID = (255, 255, 255), (60, 60, 60), (228, 228, 228)
_SOUND, _OPENNESS = (60, 110, 150), (235, 110, 20)
_COLOURS = {
    "sil": (170, 170, 170), "PP": (210, 40, 40), "FF": (160, 60, 180), "TH": (60, 120, 170), "DD": (60, 140, 190),
    "SS": (40, 150, 150), "CH": (30, 150, 130), "kk": (90, 110, 160), "RR": (60, 120, 120), "aa": (235, 110, 20),
    "E": (235, 150, 40), "I": (235, 180, 60), "O": (190, 80, 30), "U": (150, 60, 30),
}  # fmt: skip


def draw(samples16k: F32, track: VisemeTrack) -> U8:
    """Draw a track under its sound.

    Args:
        samples16k: (n,) float32 mono at 16 kHz, what the track was made from.
        track: the track.

    Returns:
        (h, 1280, 3) uint8 RGB picture; a track of less than ten seconds fills its row, a longer one has rows of ten
        seconds each, and one beyond five minutes is cut there and says so.
    """
    rows = max(1, min(MAX_ROWS, math.ceil(len(track.probabilities) / (ROW_SECONDS * RATE))))
    height = WAVE + LANE * len(VISEMES) + CURVE + AXIS + 2 * MARGIN
    picture = np.full((rows * height + 28, WIDTH, 3), 255, np.uint8)
    seconds = len(track.probabilities) / RATE
    confidence = float(track.confidence.mean()) if len(track.confidence) else 0.0
    title = f"{seconds:.2f} s, {track.recogniser}, mean confidence {confidence:.2f}"
    if seconds > rows * ROW_SECONDS:
        title += f", first {rows * ROW_SECONDS} s shown"
    cv2.putText(picture, title, (MARGIN, 20), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    curve = openness(track)
    span = ROW_SECONDS if rows > 1 else min(float(ROW_SECONDS), max(seconds, _SHORTEST))
    for row in range(rows):
        area = picture[28 + row * height : 28 + (row + 1) * height]
        _draw_row(area, row * ROW_SECONDS, span, samples16k, track, curve)
    return picture


def _draw_row(canvas: U8, start: int, span: float, samples: F32, track: VisemeTrack, curve: F32) -> None:
    columns = WIDTH - LEFT - MARGIN
    lanes_top = MARGIN + WAVE
    curve_top = lanes_top + LANE * len(VISEMES)
    bottom = curve_top + CURVE
    tick = 1.0 if span > 2 else 0.1
    for place in range(math.floor(span / tick + 1e-6) + 1):
        x = LEFT + round(place * tick * columns / span)
        cv2.line(canvas, (x, MARGIN), (x, bottom), _GRID, 1)
        cv2.putText(canvas, f"{start + place * tick:g}", (x - 6, bottom + 15), _FONT, 0.4, _INK, 1, cv2.LINE_AA)
    for lane, name in enumerate(VISEMES):
        cv2.putText(canvas, name, (MARGIN, lanes_top + lane * LANE + 12), _FONT, 0.42, _COLOURS[name], 1, cv2.LINE_AA)
    cv2.putText(canvas, "open", (MARGIN, curve_top + CURVE // 2 + 4), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    loudest = float(np.abs(samples).max(initial=1e-6)) or 1.0
    sound_edges = np.linspace(start, start + span, columns + 1) * 16_000
    row_edges = np.linspace(start, start + span, columns + 1) * RATE
    points: list[tuple[int, int]] = []
    for column in range(columns):
        x = LEFT + column
        first = int(row_edges[column])
        last = max(first + 1, int(row_edges[column + 1]))
        if first >= len(track.probabilities):
            break
        part = samples[int(sound_edges[column]) : int(sound_edges[column + 1])]
        swing = round(float(np.abs(part).max(initial=0.0)) / loudest * (WAVE / 2 - 4))
        cv2.line(canvas, (x, MARGIN + WAVE // 2 - swing), (x, MARGIN + WAVE // 2 + swing), _SOUND, 1)
        strongest = track.probabilities[first:last].max(axis=0)
        for lane, name in enumerate(VISEMES):
            weight = float(strongest[lane]) * (0.5 if lane == SIL else 1.0)
            if weight > 0.03:
                paper, ink = np.array(_PAPER), np.array(_COLOURS[name])
                y = lanes_top + lane * LANE
                canvas[y + 1 : y + LANE - 1, x] = np.round(paper + (ink - paper) * weight)
        points.append((x, bottom - 4 - round(float(curve[first:last].mean()) * (CURVE - 8))))
    if len(points) > 1:
        cv2.polylines(
            canvas,
            [np.array(points, np.int32)],
            isClosed=False,
            color=_OPENNESS,
            thickness=2,
            lineType=cv2.LINE_AA,
        )
