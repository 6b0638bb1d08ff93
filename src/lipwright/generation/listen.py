"""Hearing: which mouth shapes the driving speech asks for, and what was said in the original.

Only what is used is recognised: a segment may take ten seconds from an hour of audio, and of the original only the part
that the analysed frames show is of interest. The tracks are on the audio's own time all the same, with silence where
nobody listened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from math import floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.generation.ranges import Range
from lipwright.media.audio import load_mono
from lipwright.media.guard import AS_AUDIO, AS_VIDEO, Limits, Purpose
from lipwright.media.info import MediaInfo
from lipwright.progress import Progress
from lipwright.speech.recognise import recognise
from lipwright.speech.visemes import RATE, VISEMES, VisemeTrack
from lipwright.timeline.edl import EditDecisionList
from lipwright.timeline.grid import Span

HEARING = 16_000
CONTEXT = Fraction(1)
"""Seconds of sound around a used part that the recogniser hears too."""


def sound_for_recognition(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """(n,) float32 mono samples at 16 kHz of a whole file."""
    return load_mono(path, HEARING)


def heard_speech(
    edl: EditDecisionList, paths: Mapping[str, Path], progress: Progress, limits: Limits | None = None
) -> dict[str, VisemeTrack]:
    """The mouth shapes of every audio that `edl` uses, by ref, on that audio's own time."""
    used: dict[str, list[Span]] = {}
    for clip in edl.clips:
        for drive in clip.lips:
            if drive.audio.duration > 0:
                used.setdefault(drive.ref, []).append(drive.audio)
    # One stretch per audio: most segments share or follow each other.
    return {ref: _heard(paths[ref], [_around(spans)], progress, AS_AUDIO, limits) for ref, spans in used.items()}


def heard_original(
    video: Path, info: MediaInfo, ranges: Sequence[Range], progress: Progress, limits: Limits | None = None
) -> VisemeTrack | None:
    """The mouth shapes of the original sound on the source's time during frames `ranges`; None without sound."""
    if info.audio is None or info.video is None or info.still:
        return None
    grid = info.video.grid
    wanted = []
    for start, stop in ranges:
        span = Span(grid.time(start) - info.audio.start, grid.time(stop) - info.audio.start)
        if span.stop > 0:
            wanted.append(_around([span]))
    track = _heard(video, wanted, progress, AS_VIDEO, limits)
    return _later(track, round(info.audio.start * RATE))


def resting(visemes: Mapping[str, VisemeTrack]) -> Callable[[str, Fraction], bool]:
    """Says whether nothing is spoken within a fifth of a second of a time of one of these audios."""

    def rests(ref: str, time: Fraction) -> bool:
        if ref not in visemes:
            return True
        row, reach = floor(time * RATE), RATE // 5
        near = visemes[ref].speech[max(0, row - reach) : row + reach]
        return not len(near) or float(near.max()) < 0.1

    return rests


def runs(track: VisemeTrack) -> list[tuple[float, float, str]]:
    """The most likely viseme over time, equal neighbours joined: start and end in seconds, and its name."""
    best = track.probabilities.argmax(axis=1)
    found, at = [], 0
    for index, group in groupby(best.tolist()):
        length = sum(1 for _ in group)
        found.append((at / RATE, (at + length) / RATE, VISEMES[index]))
        at += length
    return found


def _around(spans: Iterable[Span]) -> Span:
    """From the first start to the last stop, and some context."""
    spans = list(spans)
    start = max(Fraction(0), min(span.start for span in spans) - CONTEXT)
    return Span(start, max(span.stop for span in spans) + CONTEXT)


def _heard(
    path: Path, spans: Sequence[Span], progress: Progress, purpose: Purpose, limits: Limits | None
) -> VisemeTrack:
    """What is said in `path` during `spans` (ascending), silence elsewhere."""
    parts: list[VisemeTrack] = []
    end = 0
    for span in spans:
        first = max(end, floor(span.start * RATE))
        start = Fraction(first, RATE)
        if span.stop <= start:
            continue
        samples = load_mono(path, HEARING, start, span.stop - start, purpose, limits)
        if not len(samples):
            continue
        track = recognise(samples, progress=progress)
        parts += [_silent(first - end), track]
        end = first + len(track.speech)
    return _joined(parts)


def _silent(rows: int) -> VisemeTrack:
    probabilities = np.zeros((rows, len(VISEMES)), np.float32)
    probabilities[:, 0] = 1.0
    return VisemeTrack(probabilities, np.zeros(rows, np.float32), np.ones(rows, np.float32), "silence")


def _joined(parts: Sequence[VisemeTrack]) -> VisemeTrack:
    """The tracks one after the other; the recogniser named is the first that heard anything."""
    if not parts:
        return _silent(0)
    return VisemeTrack(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.speech for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        next((part.recogniser for part in parts if part.recogniser != "silence"), "silence"),
    )


def _later(track: VisemeTrack, rows: int) -> VisemeTrack:
    """`track` moved by `rows` rows (earlier if negative)."""
    if rows >= 0:
        return _joined([_silent(rows), track]) if rows else track
    return VisemeTrack(track.probabilities[-rows:], track.speech[-rows:], track.confidence[-rows:], track.recogniser)
