"""Which runs of the encoder make a piece."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lipwright.generation.ranges import Range


def suggest_pieces(runs: Sequence[Range], frame_duration: Fraction, seconds: Fraction) -> tuple[Range, ...]:
    """Pieces of about `seconds` of encoding each, as half-open ranges of output frames that begin and end with runs.

    Args:
        runs: the output frames of every run, in order; what lies between two runs is copied.
        frame_duration: the nominal one, in seconds.
        seconds: how long a piece should be.
    """
    lengths = [stop - first for first, stop in runs]
    whole = sum(lengths)
    wanted = round(whole * frame_duration / seconds) if seconds > 0 else len(runs)
    count = max(1, min(len(runs), wanted))
    pieces: list[Range] = []
    begin = done = 0
    for number, length in enumerate(lengths):
        done += length
        # A piece ends with the run that brings the whole nearest to an even share.
        share = Fraction(whole * (len(pieces) + 1), count)
        following = lengths[number + 1] if number + 1 < len(runs) else 0
        if number + 1 == len(runs) or abs(share - done) <= abs(share - done - following):
            pieces.append((runs[begin][0], runs[number][1]))
            begin = number + 1
    return tuple(pieces)
