"""From the symbol times of a voice to one viseme class per 10 ms.

Three things stand between the two. The predicted times run late against the sound (`DELAY`, the same for both
voices, measured). Stress and length marks carry frames of their own, which belong to a
neighbour. And a space or a comma may be a pause or nothing at all, which only the sound can tell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.speech.phones import IPA_MODIFIERS, IPA_STRESS, SIL, Phone, ipa_shape, shape_spans
from training.utterance import Utterance

DELAY = 0.057  # seconds by which predicted times are late, measured by `training.delay`
PAUSE_DB = -38.0  # quieter than this, against the loud parts of the utterance, is a pause
SHORTEST_PAUSE = 8  # frames; shorter gaps between words are closures, not pauses


def frame_level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) level of each 10 ms in dB against the 95th percentile of the utterance, over 20 ms."""
    n = -(-len(samples) // 160)
    padded = np.zeros(n * 160, np.float32)
    padded[: len(samples)] = samples
    power = (padded.reshape(n, 160) ** 2).mean(1)
    power = np.maximum(np.convolve(power, [0.25, 0.5, 0.25], "same"), 1e-12)
    level = 10 * np.log10(power)
    return np.asarray(level - np.percentile(level, 95), np.float32)


def sounds(spoken: Utterance, delay: float = DELAY) -> list[Phone]:
    """The sounds of an utterance: marks merged into their sound, word gaps and punctuation as phones named " "."""
    starts, stops = spoken.ends[:-1] - delay, spoken.ends[1:] - delay
    found: list[Phone] = []
    pending: float | None = None  # where a stress mark before a sound began
    for symbol, start, stop in zip(spoken.phonemes, starts, stops, strict=True):
        if symbol in IPA_STRESS:
            pending = start if pending is None else pending
        elif symbol in IPA_MODIFIERS and found:
            found[-1] = Phone(found[-1].symbol, found[-1].start, stop)
        elif ipa_shape(symbol) is not None:
            found.append(Phone(symbol, start if pending is None else pending, stop))
            pending = None
        elif found and found[-1].symbol == " ":
            found[-1] = Phone(" ", found[-1].start, stop)
        elif symbol in "→↗↓↘" and found:
            found[-1] = Phone(found[-1].symbol, found[-1].start, stop)
        else:
            found.append(Phone(" ", start, stop))
    return found


def label(spoken: Utterance, delay: float = DELAY) -> NDArray[np.int8]:
    """(n,) int8 viseme class of each 10 ms of the utterance, by the middle of the frame."""
    quiet = frame_level(spoken.samples) < PAUSE_DB
    n = len(quiet)
    phones = sounds(spoken, delay)
    labels = np.full(n, SIL, np.int8)
    for shape, start, stop in shape_spans([p for p in phones if p.symbol != " "], ipa=True):
        labels[_row(start) : max(_row(stop), _row(start) + 1)] = shape
    if not phones:
        return labels
    speech = [p for p in phones if p.symbol != " "]
    for p in phones:
        if p.symbol == " ":
            _settle_gap(labels, quiet, _row(p.start), _row(p.end))
    for i, j in ((0, _row(speech[0].start)), (_row(speech[-1].end), n)):
        labels[max(i, 0) : max(j, 0)] = SIL
    return labels


def _row(seconds: float) -> int:
    return max(0, round(seconds * 100))


def _settle_gap(labels: NDArray[np.int8], quiet: NDArray[np.bool_], first: int, last: int) -> None:
    """Label a gap between words: silence where it is quiet for long enough, else the neighbours' sounds."""
    last = min(last, len(labels))
    if last <= first:
        return
    # A pause often eats into the sounds either side of the predicted gap; look a little further for its edges.
    pause = _longest_run(quiet, first, last)
    if pause is None or pause[1] - pause[0] < SHORTEST_PAUSE:
        pause = None
    before = labels[first - 1] if first else SIL
    after = labels[last] if last < len(labels) else SIL
    if pause is None:
        middle = (first + last) // 2
        labels[first:middle], labels[middle:last] = before, after
    else:
        labels[first : pause[0]], labels[pause[0] : pause[1]], labels[pause[1] : last] = before, SIL, after


def _longest_run(flags: NDArray[np.bool_], first: int, last: int) -> tuple[int, int] | None:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags[first:last].astype(np.int8), [0]])))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    if not runs:
        return None
    start, stop = max(runs, key=lambda r: r[1] - r[0])
    return first + int(start), first + int(stop)
