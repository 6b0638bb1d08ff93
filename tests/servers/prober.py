"""Looking at media without starting a process for it."""

from __future__ import annotations

import asyncio
import io
from typing import Any, cast

from lipwright.service.jobs.child import Teller, answer
from lipwright.service.jobs.children import StageFailure
from lipwright.service.jobs.prober import Prober


class NearProber(Prober):
    """Runs the stages in a thread of this process: what they say is what the confined child would say, sooner."""

    async def run(self, stage: str, task: dict[str, Any]) -> dict[str, Any]:
        """See `Prober`."""
        said = await asyncio.to_thread(answer, {**task, "stage": stage, "media": self._media}, Teller(io.StringIO()))
        if "error" in said:
            raise StageFailure(said["error"]["code"], said["error"]["message"], said["error"])
        return cast(dict[str, Any], said["result"])
