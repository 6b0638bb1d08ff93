"""Two steps at once."""

from __future__ import annotations

import time

import pytest

from lipwright.errors import Cancelled, MediaError, RenderError
from lipwright.generation.both import both
from lipwright.progress import CancelToken, Progress


def forever(progress: Progress) -> None:
    """Runs until it is cancelled."""
    while True:
        progress.check()
        time.sleep(0.005)


def fail(_: Progress) -> None:
    raise MediaError("broken")


def test_both_results_come_back() -> None:
    assert both(lambda p: 1, lambda p: 2, Progress()) == (1, 2)


def test_a_failure_on_either_side_stops_the_other_and_is_what_is_raised() -> None:
    token = CancelToken()
    for here, there in ((fail, forever), (forever, fail)):
        with pytest.raises(MediaError, match="broken"):
            both(here, there, Progress(token=token))
    assert not token.cancelled


def test_two_failures_raise_that_of_this_thread() -> None:
    def fail_too(_: Progress) -> None:
        raise RenderError

    with pytest.raises(RenderError):
        both(fail_too, fail, Progress())


def test_the_users_token_stops_both() -> None:
    token = CancelToken()

    def cancel(progress: Progress) -> None:
        token.cancel()
        forever(progress)

    with pytest.raises(Cancelled):
        both(forever, cancel, Progress(token=token))
