"""Which source frames are analysed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lipwright.generation.ranges import count, merged, widened

ranges = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=8)


def frames(of: tuple[tuple[int, int], ...]) -> set[int]:
    return {frame for start, stop in of for frame in range(start, stop)}


@given(ranges)
def test_merging_keeps_the_frames_and_leaves_gaps_between(given_ranges: list[tuple[int, int]]) -> None:
    out = merged(given_ranges)
    assert frames(out) == {f for a, b in given_ranges for f in range(a, b)}
    assert all(a[1] < b[0] for a, b in pairwise(out))
    assert count(out) == len(frames(out))


@given(ranges, st.integers(200, 400), st.integers(0, 500))
def test_widening_holds_all_frames_asked_for_and_as_few_more_as_it_can(
    given_ranges: list[tuple[int, int]], length: int, wanted: int
) -> None:
    before = merged(given_ranges)
    after = widened(before, length, wanted)
    assert frames(before) <= frames(after) <= set(range(length))
    if before:
        assert count(after) >= min(wanted, length)
        if count(before) < wanted:
            assert count(after) < wanted + 2 * len(before) or count(after) == length
        else:
            assert after == before


def test_a_range_at_the_start_grows_to_the_other_side() -> None:
    assert widened([(0, 10)], 1000, 100) == ((0, 100),)


def test_nothing_to_move_means_nothing_to_look_at() -> None:
    assert widened([], 1000, 100) == ()
