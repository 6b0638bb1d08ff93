"""Which runs of the encoder make a piece."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from lipwright.generation.pieces.borders import suggest_pieces
from lipwright.generation.ranges import Range

RATES = st.sampled_from([Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 60), Fraction(1, 5), Fraction(3, 2)])
SECONDS = st.fractions(min_value=0, max_value=120, max_denominator=10)


def runs_of(lengths: list[tuple[int, int]]) -> list[Range]:
    """Runs of so many frames, each after a gap of so many."""
    edges = list(accumulate((n for pair in lengths for n in pair), initial=0))[1:]
    return list(zip(edges[::2], edges[1::2], strict=True))


@given(
    runs=st.lists(st.tuples(st.sampled_from([0, 0, 40, 1000]), st.integers(1, 200)), max_size=60).map(runs_of),
    frame_duration=RATES,
    seconds=SECONDS,
)
def test_every_run_is_in_one_piece_and_pieces_are_even(
    runs: list[Range], frame_duration: Fraction, seconds: Fraction
) -> None:
    pieces = suggest_pieces(runs, frame_duration, seconds)
    assert all(a[1] <= b[0] for a, b in pairwise(pieces))
    held = [[run for run in runs if first <= run[0] and run[1] <= stop] for first, stop in pieces]
    assert [run for piece in held for run in piece] == runs
    assert [(piece[0][0], piece[-1][1]) for piece in held] == list(pieces)
    if runs:
        lengths = [sum(stop - first for first, stop in piece) for piece in held]
        longest = max(stop - first for first, stop in runs)
        assert max(lengths) <= Fraction(sum(lengths), len(pieces)) + longest
    assert suggest_pieces(runs, frame_duration, seconds) == pieces


def test_pieces_are_as_long_as_wanted() -> None:
    runs = [(first, first + 125) for first in range(0, 1000, 125)]
    assert suggest_pieces(runs, Fraction(1, 25), Fraction(100)) == ((0, 1000),)
    assert suggest_pieces(runs, Fraction(1, 25), Fraction(10)) == ((0, 250), (250, 500), (500, 750), (750, 1000))
    assert suggest_pieces(runs, Fraction(1, 25), Fraction(1)) == tuple(runs)


def test_what_is_copied_between_runs_does_not_count() -> None:
    runs = [(0, 100), (90_000, 90_100), (90_100, 90_200), (180_000, 180_100)]
    assert suggest_pieces(runs, Fraction(1, 25), Fraction(8)) == ((0, 90_100), (90_100, 180_100))


def test_nothing_is_cut_where_there_is_nothing() -> None:
    assert suggest_pieces([], Fraction(1, 25), Fraction(10)) == ()
    assert suggest_pieces([(7, 8)], Fraction(1, 25), Fraction(0)) == ((7, 8),)
