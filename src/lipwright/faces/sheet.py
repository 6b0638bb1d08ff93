"""Pictures for people: tracks drawn on a frame, and a contact sheet of all faces of a video.

A user who must choose a face needs to see which number is whose, where and when; a user who wonders why a mouth was
left alone needs to see what the analysis saw. Everything is drawn into RGB arrays, so it works without a display.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces import topology
from lipwright.faces.source import U8, Pixels
from lipwright.faces.track import FaceTrack

COLOURS: Final = (
    (255, 196, 0), (64, 196, 255), (140, 255, 100), (255, 120, 190),
    (190, 150, 255), (255, 150, 70), (90, 255, 220), (230, 230, 120),
)  # fmt: skip
"""RGB per track id, repeating: light enough to read on skin and dark alike."""

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_TILE: Final = 240
_LABEL: Final = 190
_PER_TRACK: Final = 5

Look = Callable[[Sequence[int]], Iterable[Pixels]]


def colour_of(track: FaceTrack) -> tuple[int, int, int]:
    """The RGB colour a track is always drawn in."""
    return COLOURS[(track.id - 1) % len(COLOURS)]


def face_box(track: FaceTrack, row: int) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 in display pixels round the landmarks of one row."""
    points = track.landmarks([row])[0, : topology.SKIN_POINTS, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def draw_track(rgb: U8, track: FaceTrack, row: int, *, origin: tuple[float, float] = (0, 0), scale: float = 1) -> None:
    """Draw one face of a frame into `rgb` in place: box, id, lips, jaw, eyes, yaw, and a mark if it was not seen.

    `rgb` (h, w, 3) uint8 shows the frame from display pixel `origin` on, enlarged by `scale`.
    """
    points = (track.landmarks([row])[0, :, :2] - np.asarray(origin, np.float32)) * np.float32(scale)
    colour = colour_of(track)
    low, high = points[: topology.SKIN_POINTS].min(axis=0), points[: topology.SKIN_POINTS].max(axis=0)
    size = float((high - low).max())
    width = 1 if size < 260 else 2
    box_colour = (150, 150, 150) if track.interpolated[row] else colour
    cv2.rectangle(rgb, _pixel(low), _pixel(high), box_colour, width, cv2.LINE_AA)
    for loop in (topology.OUTER_LIPS, topology.INNER_LIPS, topology.EYE_LEFT, topology.EYE_RIGHT):
        _line(rgb, points[list(loop)], colour, closed=True)
    _line(rgb, points[list(topology.JAW)], colour, closed=False)
    text = f"{track.id}" + (" ?" if track.interpolated[row] else "") + (" covered" if track.covered[row] > 0.5 else "")
    height = float(np.clip(size / 240, 0.4, 1.4))
    _text(rgb, text, (low[0] + 3, low[1] - 5), height, colour)
    _text(rgb, f"yaw {track.yaw[row]:+.0f}", (low[0] + 3, high[1] + 16 * height), height * 0.7, colour)


def contact_sheet(tracks: Sequence[FaceTrack], look: Look, times: Sequence[float] | None = None) -> U8:
    """A (h, w, 3) uint8 RGB sheet: one line per track with its id, when it shows, how large it is, its best moments.

    `look` gives the pictures of the source frames it is asked for, in the order asked. `times`, seconds by frame index
    and at last those at which the video ends, adds clock times to the frame numbers. Without tracks the sheet says so.
    """
    width = _LABEL + _PER_TRACK * _TILE
    if not tracks:
        sheet = np.full((60, width, 3), 24, np.uint8)
        _text(sheet, "no face found", (16, 38), 0.8, (230, 230, 230))
        return sheet
    chosen = {track.id: best_rows(track, _PER_TRACK) for track in tracks}
    wanted = sorted({int(track.frames[row]) for track in tracks for row in chosen[track.id]})
    places: dict[int, list[tuple[int, int]]] = {}
    for line, track in enumerate(tracks):
        for column, row in enumerate(chosen[track.id]):
            places.setdefault(int(track.frames[row]), []).append((line, column))
    sheet = np.full((len(tracks) * _TILE, width, 3), 24, np.uint8)
    for line, track in enumerate(tracks):
        _label(sheet[line * _TILE : (line + 1) * _TILE, :_LABEL], track, times)
    for frame, picture in zip(wanted, look(wanted), strict=True):
        for line, column in places[frame]:
            tile = _portrait(picture, tracks[line], chosen[tracks[line].id][column])
            x, y = _LABEL + column * _TILE, line * _TILE
            sheet[y : y + _TILE, x : x + _TILE] = tile
            _text(sheet, f"frame {frame}", (x + 6, y + _TILE - 8), 0.42, (235, 235, 235))
    return sheet


def best_rows(track: FaceTrack, count: int) -> list[int]:
    """The rows that show a face best, one from each of `count` equal stretches of the track, in time order."""
    score = track.presence - np.abs(track.yaw) / 90 - track.interpolated - track.covered
    score = score + 0.2 * track.crops[:, 2] / max(float(track.crops[:, 2].max()), 1.0)
    stretches = np.array_split(np.arange(len(track)), min(count, len(track)))
    return [int(s[np.argmax(score[s])]) for s in stretches]


def _portrait(picture: Pixels, track: FaceTrack, row: int) -> U8:
    """One face with some of its surroundings, drawn on, as a square tile."""
    x, y, side = (float(v) for v in track.crops[row, :3])
    half = side * 0.65
    x0, y0 = max(0, int(x - half)), max(0, int(y - half))
    x1, y1 = min(picture.width, int(x + half)), min(picture.height, int(y + half))
    tile = np.full((_TILE, _TILE, 3), 24, np.uint8)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return tile
    part = picture.to_rgb((x0, y0, x1, y1))
    scale = _TILE / max(part.shape[:2])
    size = (max(1, int(part.shape[1] * scale)), max(1, int(part.shape[0] * scale)))
    shown = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8)
    draw_track(shown, track, row, origin=(x0, y0), scale=scale)
    tile[: size[1], : size[0]] = shown
    return tile


def _label(area: U8, track: FaceTrack, times: Sequence[float] | None) -> None:
    _text(area, f"{track.id}", (14, 52), 1.5, colour_of(track))
    for i, line in enumerate(facts(track, times)):
        _text(area, line, (14, 88 + 22 * i), 0.5, (225, 225, 225))


def facts(track: FaceTrack, times: Sequence[float] | None = None) -> list[str]:
    """What a sheet says of a face, line by line; `times` as for `contact_sheet`. Width is that of the middle row."""
    first, last = int(track.frames[0]), int(track.frames[-1])
    x0, _, x1, _ = face_box(track, len(track) // 2)
    lines = [f"frames {first}-{last}", f"{len(track)} frames"]
    if times is not None and last + 1 < len(times):
        lines.append(f"{times[first]:.2f}-{times[last + 1]:.2f} s")
    lines += [f"width {x1 - x0:.0f} px", f"yaw {track.yaw.min():+.0f}..{track.yaw.max():+.0f}"]
    hidden = float((track.covered > 0.5).mean())
    return [*lines, f"covered {hidden:.0%}"] if hidden > 0 else lines


def _pixel(point: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _line(rgb: U8, points: NDArray[np.float32], colour: tuple[int, int, int], *, closed: bool) -> None:
    # Sub-pixel drawing (4 fractional bits): at small faces whole pixels would hide how good the points are.
    fixed = np.round((points + 0.5) * 16 - 8).astype(np.int32)
    cv2.polylines(rgb, [fixed], closed, colour, 1, cv2.LINE_AA, shift=4)


def _text(rgb: U8, text: str, at: tuple[float, float], size: float, colour: tuple[int, int, int]) -> None:
    """Text with a dark rim, so that it reads on any ground."""
    place = (round(float(at[0])), max(12, round(float(at[1]))))
    thickness = max(1, round(size * 1.6))
    cv2.putText(rgb, text, place, _FONT, size, (0, 0, 0), thickness + 2, cv2.LINE_AA)
    cv2.putText(rgb, text, place, _FONT, size, colour, thickness, cv2.LINE_AA)
