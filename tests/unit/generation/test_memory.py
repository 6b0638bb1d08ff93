"""Freed memory goes back to the system where the C library can do that."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lipwright.generation.memory import give_back


def _resident() -> int:
    """Bytes of this process in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_it_can_be_asked_anywhere_at_any_time() -> None:
    give_back()
    give_back()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked")
def test_what_was_freed_between_what_is_held_is_given_back() -> None:
    # Blocks too small for pages of their own; some are held all over the heap, so it cannot just shrink from its end.
    blocks = [np.ones(60_000, np.uint8) for _ in range(2000)]
    kept = blocks[::50]
    del blocks
    before = _resident()
    give_back()
    assert before - _resident() > 40 << 20
    assert all(block.all() for block in kept)
