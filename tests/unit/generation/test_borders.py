"""Where an output is cut into pieces."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from lipwright.generation.pieces.borders import SHORTEST, suggest_pieces

RATES = st.sampled_from([Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 60), Fraction(1, 5), Fraction(3, 2)])
SECONDS = st.fractions(min_value=0, max_value=120, max_denominator=10)


@given(
    frames=st.integers(1, 20_000),
    frame_duration=RATES,
    seconds=SECONDS,
    edges=st.lists(st.integers(0, 20_000), max_size=60).map(sorted),
)
def test_pieces_cover_the_output_and_none_is_short(
    frames: int, frame_duration: Fraction, seconds: Fraction, edges: list[int]
) -> None:
    pieces = suggest_pieces(frames, frame_duration, seconds, edges)
    assert pieces[0][0] == 0
    assert pieces[-1][1] == frames
    assert all(a[1] == b[0] for a, b in pairwise(pieces))
    least, wanted = ceil(SHORTEST / frame_duration), max(seconds, SHORTEST) / frame_duration
    lengths = [stop - first for first, stop in pieces]
    assert min(lengths) >= min(frames, least)
    if frames >= wanted:
        assert max(lengths) <= 2 * wanted + least
    assert suggest_pieces(frames, frame_duration, seconds, edges) == pieces


def test_without_edges_pieces_are_even() -> None:
    assert suggest_pieces(100, Fraction(1, 25), Fraction(100)) == ((0, 100),)
    assert suggest_pieces(1000, Fraction(1, 25), Fraction(10)) == ((0, 250), (250, 500), (500, 750), (750, 1000))
    lengths = {stop - first for first, stop in suggest_pieces(90_001, Fraction(1, 25), Fraction(30))}
    assert lengths <= {750, 751}


def test_an_edge_nearby_is_taken_and_one_far_off_is_not() -> None:
    def cut(*edges: int) -> tuple[tuple[int, int], ...]:
        return suggest_pieces(1000, Fraction(1, 25), Fraction(20), edges)

    assert cut(430) == ((0, 430), (430, 1000))
    assert cut(620, 430, 480)[0] == cut(430, 480, 620)[0] == (0, 480)
    assert cut(300, 700) == ((0, 500), (500, 1000))
    assert cut(480, 520) == ((0, 480), (480, 1000))


def test_nothing_is_cut_where_there_is_nothing() -> None:
    assert suggest_pieces(0, Fraction(1, 25), Fraction(10)) == ()
    assert suggest_pieces(1, Fraction(1, 25), Fraction(10)) == ((0, 1),)
    assert suggest_pieces(99, Fraction(1, 25), Fraction(1)) == ((0, 99),)
