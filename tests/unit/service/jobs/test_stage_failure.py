"""What a child found wrong reaches the step that started it, whatever it passes on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lipwright.service.jobs.children import StageFailure
from lipwright.service.jobs.workplace import Workplace
from lipwright.service.storage.opening import memory_objects


def test_a_failure_leaves_the_folder_of_its_step_unchanged(tmp_path: Path) -> None:
    async def step() -> None:
        async with Workplace(tmp_path, memory_objects(), "generation").step("render"):
            raise StageFailure("generation_input_video_invalid", "The video could not be read.", {"field": "input[0]"})

    with pytest.raises(StageFailure) as caught:
        asyncio.run(step())
    assert caught.value.code == "generation_input_video_invalid"
    assert caught.value.detail == {"field": "input[0]"}
