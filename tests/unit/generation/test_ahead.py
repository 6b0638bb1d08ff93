"""`ahead`: order, back-pressure, failure and closing of the threaded links."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from lipwright.generation.ahead import BYTES, Ahead, mapped


def alive() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("lipwright-")]


def test_items_come_in_order_whatever_the_timing() -> None:
    def slow(n: int) -> int:
        time.sleep(0.002 * (n % 3))
        return n * n

    with Ahead(mapped(slow, Ahead(range(50), 2)), 2) as squares:
        assert list(squares) == [n * n for n in range(50)]
    assert alive() == []


def test_a_slow_consumer_holds_the_producer_back() -> None:
    made = 0

    def produce() -> Iterator[int]:
        nonlocal made
        for n in range(1000):
            made += 1
            yield n

    with Ahead(produce(), capacity=3) as items:
        assert next(items) == 0
        time.sleep(0.1)
        assert made <= 6


@pytest.mark.parametrize(("each", "most"), [(1, 6), (BYTES // 2, 4), (10 * BYTES, 3)])
def test_heavy_items_do_not_wait_in_numbers(each: int, most: int) -> None:
    made = 0

    def produce() -> Iterator[int]:
        nonlocal made
        for n in range(1000):
            made += 1
            yield n

    with Ahead(produce(), 4, weight=lambda _: each) as items:
        assert [next(items), next(items)] == [0, 1]
        time.sleep(0.1)
        assert made <= most + 1
        assert [next(items) for _ in range(20)] == list(range(2, 22))


def test_a_failure_travels_down_the_chain_after_the_items_before_it() -> None:
    def fail_at_three(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    with Ahead(mapped(lambda n: n + 10, Ahead(mapped(fail_at_three, range(10))))) as items:
        assert [next(items), next(items), next(items)] == [10, 11, 12]
        with pytest.raises(ValueError, match="three"):
            next(items)
    assert alive() == []


def test_closing_the_last_link_closes_the_first_generator_and_leaves_no_thread() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            n = 0
            while True:
                yield (n := n + 1)
        finally:
            closed.set()

    chain = Ahead(mapped(lambda n: -n, Ahead(endless(), 2)), 2)
    assert next(chain) == -1
    chain.close()
    chain.close()
    assert closed.is_set()
    assert alive() == []
    assert list(chain) == []


def test_a_consumer_that_raises_leaves_no_thread() -> None:
    def interrupted() -> None:
        with Ahead(range(10**9)) as items:
            next(items)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert alive() == []
