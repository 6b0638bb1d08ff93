"""Exemplars kept on disk beside the analysis of their video, so that the next job need not decode it twice.

Gathering them takes about a tenth of a job whose faces are known already. A file holds what one call of `gather` found,
under a name made of all that the call depends on but the video, which the folder stands for. One that is damaged is as
good as none, and whoever cannot write goes without.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import EngineJob
from lipwright.engines.exemplar.gather import Exemplar, gather
from lipwright.engines.exemplar.shape import HeadSpace
from lipwright.errors import LipwrightError
from lipwright.media.atomic import PendingFile
from lipwright.media.picture import Picture, as_plane
from lipwright.media.pixels import LAYOUTS, Matrix

FORMAT = 1
"""Raise it with every change that changes an exemplar."""

_FEWEST = 24
"""Exemplars that are worth a file; fewer are decoded as quickly as they are found."""

_log = logging.getLogger(__name__)


def gathered(rows: NDArray[np.int64], job: EngineJob, space: HeadSpace) -> list[Exemplar]:
    """What `gather` gives, from `job.keep` if it is there, and there afterwards if that is a folder."""
    if job.keep is None or len(rows) < _FEWEST:
        return gather(rows, job, space)
    path = job.keep / "exemplars" / f"{_name(rows, job, space)}.npz"
    found = _read(path, rows, job, space)
    if found is None:
        found = gather(rows, job, space)
        _write(path, rows, found)
    return found


def _name(rows: NDArray[np.int64], job: EngineJob, space: HeadSpace) -> str:
    """A digest of which frames are asked for, and where the mouth is on each."""
    digest = hashlib.sha256(f"{FORMAT}\n{len(rows)}\n".encode())
    digest.update(job.track.frames[rows].astype("<i8").tobytes())
    digest.update(space.scale[rows].astype("<f8").tobytes())
    for row in rows:
        digest.update(space.to_pixels(int(row), space.shapes[row]).astype("<f8").tobytes())
    return digest.hexdigest()[:40]


def _read(path: Path, rows: NDArray[np.int64], job: EngineJob, space: HeadSpace) -> list[Exemplar] | None:
    """The exemplars in a file; None if it is not there or not whole."""
    found = []
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            layout = LAYOUTS[str(file["layout"])].ranged(bool(file["full_range"]))
            matrix = cast("Matrix", str(file["matrix"]))
            samples = file["samples"]
            of_each = [file[name] for name in ("which", "sizes", "points", "thumbs", "details")]
        at = 0
        for place, (width, height), points, thumb, detail in zip(*of_each, strict=True):
            planes = []
            size = int(width), int(height)
            for across, down in (size, layout.chroma_size(*size), layout.chroma_size(*size)):
                planes.append(as_plane(samples[at : at + across * down].reshape(down, across)))
                at += across * down
            row = int(rows[place])
            y, u, v = planes
            picture = Picture((y, u, v), layout, matrix)
            scale = float(space.scale[row])
            found.append(Exemplar(row, int(job.track.frames[row]), picture, points, scale, thumb, float(detail)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile):
        _log.warning("the exemplars in %s cannot be read and are gathered again", path.name)
        return None
    return found


def _write(path: Path, rows: NDArray[np.int64], found: list[Exemplar]) -> None:
    """Keep exemplars; without a word if that cannot be done."""
    pictures = [exemplar.picture for exemplar in found]
    if len({(picture.layout, picture.matrix) for picture in pictures}) != 1:
        return
    layout = pictures[0].layout
    place = {int(row): at for at, row in enumerate(rows)}
    try:
        path.parent.mkdir(exist_ok=True)
        with PendingFile(path) as pending:
            with Path(pending.writable).open("wb") as file:
                np.savez(
                    file,
                    layout=np.array(layout.name),
                    full_range=np.array(layout.full_range),
                    matrix=np.array(pictures[0].matrix),
                    which=np.array([place[exemplar.row] for exemplar in found], np.int32),
                    sizes=np.array([exemplar.size for exemplar in found], np.int32),
                    points=np.stack([exemplar.points for exemplar in found]),
                    thumbs=np.stack([exemplar.thumb for exemplar in found]),
                    details=np.array([exemplar.detail for exemplar in found], np.float64),
                    samples=np.concatenate([plane.ravel() for picture in pictures for plane in picture.planes]),
                )
            pending.commit()
    except (OSError, LipwrightError):
        _log.info("the exemplars could not be kept", exc_info=True)
