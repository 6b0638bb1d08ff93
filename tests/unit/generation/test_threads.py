"""`threads`: OpenCV keeps to one thread while anybody asks for it, and gets its own setting back."""

from __future__ import annotations

import cv2
import pytest

from lipwright.generation.threads import one_thread_each


def test_the_setting_is_put_back_when_the_last_block_ends() -> None:
    before = cv2.getNumThreads()
    with one_thread_each():
        with one_thread_each():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before


def test_a_failure_puts_it_back_too() -> None:
    before = cv2.getNumThreads()
    with pytest.raises(ValueError, match="inside"), one_thread_each():
        raise ValueError("inside")
    assert cv2.getNumThreads() == before
