"""Exemplars kept on disk: found again for the same face, whole or not at all, and the same to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.unit.engines.head import landmarks, picture, track

from lipwright.engines.base import EngineJob, FrameTask
from lipwright.engines.exemplar.gather import Exemplar, gather
from lipwright.engines.exemplar.kept import gathered
from lipwright.engines.exemplar.shape import HeadSpace, head_space
from lipwright.media.picture import Picture, as_plane
from lipwright.media.pixels import LAYOUTS

COUNT = 30
ROWS = np.arange(COUNT)
Looks = list[int]


def in_layout(name: str, full: Picture) -> Picture:
    """`full`, which is in 4:4:4 of 8 bits, in another layout."""
    layout = LAYOUTS[name]
    planes = []
    for channel, plane in enumerate(full.planes):
        step = (layout.sub_y, layout.sub_x) if channel else (1, 1)
        samples = plane[:: step[0], :: step[1]].astype(np.uint16 if layout.depth > 8 else np.uint8)
        planes.append(as_plane(np.ascontiguousarray(samples << (layout.depth - 8))))
    return Picture((planes[0], planes[1], planes[2]), layout, "bt601")


def asked(keep: Path | None, shift: float = 0.0, layout: str = "yuv420p") -> tuple[EngineJob, HeadSpace, Looks]:
    """A job on a talking head, its head space, and the list of frames that will have been looked at."""
    faces = [landmarks(0.05 + 0.05 * np.sin(k), shift=(shift, 0.0)) for k in range(COUNT)]
    pictures = [in_layout(layout, picture(face, noise=k)) for k, face in enumerate(faces)]
    looks: Looks = []

    def look(wanted: Sequence[int]) -> list[Picture]:
        looks.extend(wanted)
        return [pictures[i] for i in wanted]

    job = EngineJob(
        track=track(faces),
        visemes=None,
        tasks=[FrameTask(0, 0, Fraction(0), None)],
        look=look,
        exemplar_frames=range(COUNT),
        source_times=np.arange(COUNT) / 25,
        keep=keep,
    )
    return job, head_space(job.track), looks


def same(some: list[Exemplar], others: list[Exemplar]) -> bool:
    return len(some) == len(others) and all(
        (a.row, a.frame, a.scale, a.detail) == (b.row, b.frame, b.scale, b.detail)
        and a.picture.same(b.picture)
        and a.picture.matrix == b.picture.matrix
        and np.array_equal(a.points, b.points)
        and np.array_equal(a.thumb, b.thumb)
        for a, b in zip(some, others, strict=True)
    )


@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_the_second_job_looks_at_nothing_and_has_the_same(tmp_path: Path, layout: str) -> None:
    job, space, looks = asked(tmp_path, layout=layout)
    first = gathered(ROWS, job, space)
    assert sorted(looks) == list(range(COUNT))
    second = gathered(ROWS, job, space)
    assert len(looks) == COUNT
    assert same(first, second)
    assert same(first, gather(ROWS, job, space))


def test_another_face_or_other_frames_are_gathered(tmp_path: Path) -> None:
    gathered(ROWS, *asked(tmp_path)[:2])
    elsewhere, space, looks = asked(tmp_path, shift=6.0)
    gathered(ROWS, elsewhere, space)
    assert len(looks) == COUNT
    gathered(ROWS[:-1], elsewhere, space)
    assert len(looks) == 2 * COUNT - 1


@pytest.mark.parametrize("damage", ["cut short", "a changed byte", "nothing in it"])
def test_a_damaged_file_is_gathered_again_and_mended(tmp_path: Path, damage: str) -> None:
    job, space, looks = asked(tmp_path)
    first = gathered(ROWS, job, space)
    (file,) = (tmp_path / "exemplars").iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    file.write_bytes({"cut short": whole[:middle], "a changed byte": changed, "nothing in it": b""}[damage])
    assert same(first, gathered(ROWS, job, space))
    assert len(looks) == 2 * COUNT
    assert same(first, gathered(ROWS, job, space))
    assert len(looks) == 2 * COUNT


def test_nothing_is_kept_without_a_folder_nor_of_a_handful(tmp_path: Path) -> None:
    job, space, looks = asked(None)
    gathered(ROWS, job, space)
    gathered(ROWS, job, space)
    assert len(looks) == 2 * COUNT
    gathered(ROWS[:5], replace(job, keep=tmp_path), space)
    assert list(tmp_path.iterdir()) == []


def test_who_cannot_write_goes_without(tmp_path: Path) -> None:
    job, space, looks = asked(tmp_path / "missing")
    assert len(gathered(ROWS, job, space)) == COUNT
    assert len(looks) == COUNT
