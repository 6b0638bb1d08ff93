"""Which face a segment drives: the one pointed at, the one boxed, the most prominent, or the one that is talking.

Choices are made for the frames of one segment (callers ask per shot, as a person may carry another id after a cut).
Pointing is taken at its word and refused if it points at nothing; the other choices always answer with the best there
is, and say so when it is not much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import FaceSelectionInvalid
from lipwright.faces.activity import MIN_MARGIN, MIN_SCORE, OriginalSound, talking_scores
from lipwright.faces.analysis import FaceAnalysis, merge_ranges
from lipwright.faces.roi import overlap
from lipwright.faces.sheet import face_box
from lipwright.faces.track import FaceTrack
from lipwright.timeline.options import ActiveSpeaker, BoxPerFrame, PointOnFrame, Prominent, SpeakerChoice

F64 = NDArray[np.float64]
Range = tuple[int, int]

_REACH = 0.15
_LEAST_OVERLAP = 0.15
_LEAST_SHOWN = 0.2


@dataclass(frozen=True, slots=True)
class SpeakerPick:
    """The face chosen.

    Attributes:
        track: None if there is no face to choose on these frames.
        how: in words, how it was chosen.
        score: for `ActiveSpeaker` the winner's talking score (0..1), for `BoxPerFrame` the mean overlap, else None.
        margin: for `ActiveSpeaker` the lead over the second face; None with fewer than two faces.
        absent: half-open frame ranges for which the user said that the speaker is not shown.
        warning: what the user should know, or None.
    """

    track: FaceTrack | None
    how: str
    score: float | None = None
    margin: float | None = None
    absent: tuple[Range, ...] = ()
    warning: str | None = None


def frames_needed(choice: SpeakerChoice) -> tuple[Range, ...]:
    """Frame ranges that must be analysed for `choice` besides the segment's own."""
    if isinstance(choice, PointOnFrame):
        # A few frames on either side let the face be told from a passing false find.
        return ((max(0, choice.frame - 3), choice.frame + 4),)
    return ()


def choose_speaker(
    analysis: FaceAnalysis,
    choice: SpeakerChoice,
    ranges: Sequence[Range],
    *,
    sound: OriginalSound | None = None,
    times: NDArray[np.float64] | None = None,
    field: str = "speaker",
) -> SpeakerPick:
    """Choose the face of a segment on the half-open source frame `ranges`.

    `sound` is the video's original sound and `times` the presentation time in seconds of every source frame; only
    `ActiveSpeaker` needs them. Raises `FaceSelectionInvalid` (with `field`) for a point that is on no face.
    """
    ranges = merge_ranges(ranges)
    match choice:
        case PointOnFrame():
            return _pointed(analysis, choice, ranges, field)
        case BoxPerFrame():
            return _boxed(analysis, choice, ranges)
        case ActiveSpeaker():
            return _talking(analysis, ranges, sound, times)
        case Prominent():
            return _prominent(analysis, ranges)


def rows_in(track: FaceTrack, ranges: Sequence[Range]) -> NDArray[np.int64]:
    """The rows of `track` on the frames of `ranges`."""
    parts = [np.arange(*np.searchsorted(track.frames, [a, b]), dtype=np.int64) for a, b in ranges]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _weight(track: FaceTrack, rows: NDArray[np.int64]) -> float:
    """How prominent the track is on these rows: area times presence, summed."""
    return float((track.crops[rows, 2].astype(np.float64) ** 2 * track.presence[rows]).sum())


def _prominent(analysis: FaceAnalysis, ranges: Sequence[Range]) -> SpeakerPick:
    weights = [_weight(t, rows_in(t, ranges)) for t in analysis.tracks]
    if not weights or max(weights) <= 0:
        return SpeakerPick(None, "no face on these frames")
    return SpeakerPick(analysis.tracks[int(np.argmax(weights))], "most prominent")


def _pointed(analysis: FaceAnalysis, choice: PointOnFrame, ranges: Sequence[Range], field: str) -> SpeakerPick:
    shown = analysis.on(choice.frame)
    inside: list[tuple[float, FaceTrack]] = []
    for track, row in shown:
        x0, y0, x1, y1 = face_box(track, row)
        reach_x, reach_y = _REACH * (x1 - x0), _REACH * (y1 - y0)
        if x0 - reach_x <= choice.x <= x1 + reach_x and y0 - 2 * reach_y <= choice.y <= y1 + reach_y:
            inside.append((float(np.hypot((x0 + x1) / 2 - choice.x, (y0 + y1) / 2 - choice.y)), track))
    if not inside:
        there = "; ".join(_described(track, row) for track, row in shown) or "none"
        raise FaceSelectionInvalid(
            f"There is no face at ({choice.x:g}, {choice.y:g}) on frame {choice.frame}; faces on it: {there}.",
            field=field,
            suggestion="Draw the faces with `lipwright faces VIDEO --sheet faces.png` and point at one.",
        )
    track = min(inside, key=lambda i: (i[0], i[1].id))[1]
    if not len(rows_in(track, ranges)):
        return SpeakerPick(
            None,
            f"pointed at on frame {choice.frame}",
            warning=f"The face pointed at on frame {choice.frame} is not shown (or not recognised again) "
            f"on frames {_spelled(ranges)}.",
        )
    return SpeakerPick(track, f"pointed at on frame {choice.frame}")


def _described(track: FaceTrack, row: int) -> str:
    x0, y0, x1, y1 = face_box(track, row)
    return f"face {track.id} at x {x0:.0f}-{x1:.0f}, y {y0:.0f}-{y1:.0f}"


def _boxed(analysis: FaceAnalysis, choice: BoxPerFrame, ranges: Sequence[Range]) -> SpeakerPick:
    frames = [f for a, b in ranges for f in range(a, b)]
    given = {f: choice.boxes[f] for f in frames if f < len(choice.boxes) and choice.boxes[f] is not None}
    absent = tuple(_runs([f for f in frames if f not in given]))
    if not given:
        return SpeakerPick(None, "no box on these frames", absent=absent)
    best: tuple[float, FaceTrack] | None = None
    for track in analysis.tracks:
        shared = []
        for row in rows_in(track, ranges):
            box = given.get(int(track.frames[row]))
            if box is not None:
                shared.append(float(overlap(np.array(face_box(track, int(row))), np.array(box, np.float64))[0, 0]))
        score = sum(shared) / len(given)
        if best is None or score > best[0]:
            best = (score, track)
    if best is None or best[0] < _LEAST_OVERLAP:
        return SpeakerPick(
            None,
            "boxes on no face",
            score=best[0] if best else None,
            absent=absent,
            warning=f"The boxes for frames {_spelled(ranges)} lie on no face that was found.",
        )
    return SpeakerPick(best[1], "boxed", score=best[0], absent=absent)


def _talking(
    analysis: FaceAnalysis, ranges: Sequence[Range], sound: OriginalSound | None, times: F64 | None
) -> SpeakerPick:
    total = sum(b - a for a, b in ranges)
    shown = [(t, rows) for t in analysis.tracks if len(rows := rows_in(t, ranges)) >= max(1, _LEAST_SHOWN * total)]
    fallback = _prominent(analysis, ranges)
    if fallback.track is None:
        return fallback
    if len(shown) < 2:
        return SpeakerPick(fallback.track, "the only face")
    if sound is None or times is None:
        return SpeakerPick(
            fallback.track,
            "most prominent",
            warning="The speaker cannot be found by ear, as the video has no sound; the most prominent face was taken.",
        )
    scores = talking_scores(shown, sound, times)
    order = np.argsort(-scores, kind="stable")
    best, margin = float(scores[order[0]]), float(scores[order[0]] - scores[order[1]])
    if best < MIN_SCORE or margin < MIN_MARGIN:
        return SpeakerPick(
            fallback.track,
            "most prominent",
            score=best,
            margin=margin,
            warning=f"Who speaks on frames {_spelled(ranges)} is not clear (score {best:.2f}, lead {margin:.2f}); "
            "the most prominent face was taken.",
        )
    return SpeakerPick(shown[int(order[0])][0], "talking", score=best, margin=margin)


def _runs(frames: Sequence[int]) -> list[Range]:
    """Ascending frame numbers as half-open ranges."""
    return merge_ranges([(f, f + 1) for f in frames])


def _spelled(ranges: Sequence[Range]) -> str:
    return ", ".join(f"{a}-{b - 1}" for a, b in ranges)
