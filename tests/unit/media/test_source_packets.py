"""Where packets can be cut: found in one pass, held to the definition."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.media.h264 import ParameterSets
from lipwright.media.likeness import Refused
from lipwright.media.source_packets import SourcePackets, _cuts


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[int], int]:
    """Frames in an order of decoding, among them some that are not shown, and how many are."""
    groups = draw(st.lists(st.integers(1, 5), max_size=12))
    order: list[int] = []
    for size in groups:
        first = len(order)
        order += draw(st.permutations(range(first, first + size)))
    count = len(order)
    order = [-1] * draw(st.integers(0, 3)) + order + [count] * draw(st.integers(0, 3))
    # Not shown, but decoded in between: the end of a group whose start is, or the other way round.
    for extra in draw(st.lists(st.sampled_from([-1, count]), max_size=2)):
        order.insert(draw(st.integers(0, len(order))), extra)
    return order, count


def clean(order: Sequence[int], count: int) -> list[tuple[int, int]]:
    """By the definition: before which frame, and before which packet."""
    found = []
    for place in range(len(order) + 1):
        before, after = order[:place], order[place:]
        shown = [frame for frame in before if 0 <= frame < count]
        if set(shown) == set(range(len(shown))) and count not in before and -1 not in after:
            found.append((len(shown), place))
    return found


@given(orders())
def test_cuts_are_where_what_was_decoded_is_what_was_shown(drawn: tuple[list[int], int]) -> None:
    order, count = drawn
    if not count:
        return
    cuts, cut_at = _cuts(order, count)
    assert list(zip(cuts, cut_at, strict=True)) == clean(order, count)


@pytest.mark.parametrize("frames", [[0, 1, 1], [0, 2, 1], [1, 2, 3]], ids=["twice", "too few", "shifted"])
def test_packets_that_are_not_the_frames_are_refused(frames: list[int]) -> None:
    with pytest.raises(Refused, match="packets and its frames are not the same"):
        _cuts(frames, 4 if frames == [0, 2, 1] else 3)


@given(orders(), st.data())
def test_a_stretch_lies_inside_and_is_the_largest(drawn: tuple[list[int], int], data: st.DataObject) -> None:
    order, count = drawn
    if not count:
        return
    cuts, cut_at = _cuts(order, count)
    able = [cut for cut in cuts if cut < count]
    starts = sorted(data.draw(st.sets(st.sampled_from(able)))) if able else []
    sizes = array("q", [0])
    for number in range(len(order)):
        sizes.append(sizes[-1] + number + 1)
    packets = SourcePackets("", 0, ParameterSets((), ()), order, sizes, cuts, cut_at, starts, 0, False)
    first, stop = sorted((data.draw(st.integers(0, count)), data.draw(st.integers(0, count))))
    found = packets.within(first, stop)
    possible = [(a, b) for a in starts for b in cuts if first <= a < b <= stop]
    assert found == max(possible, key=lambda pair: pair[1] - pair[0], default=None)
    if found is not None:
        begin, end = packets.position(found[0]), packets.position(found[1])
        assert sorted(order[begin:end]) == list(range(*found))
        assert packets.size(*found) == sum(number + 1 for number in range(begin, end))
    assert packets.largest_start == max((packets.position(start) + 1 for start in starts), default=0)
