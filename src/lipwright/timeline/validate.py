"""What can be wrong with a request before any media is opened (contract section 7.2, rules V1-V12 and V14)."""

from __future__ import annotations

from lipwright.timeline.request import GenerationRequest


def check(request: GenerationRequest) -> None:
    """Raise the error for everything that is wrong with `request`; see `faults_of`."""
