"""Where the rows of an analysis lie: a folder of pieces, one per analysed range.

A piece is written under a name that readers skip and renamed when it is whole, so that a killed process leaves no half
analysis behind. The same layout serves the cache (see `cache`) and a scratch folder that goes away with the analysis.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_META = "piece.json"
_DRAFT = ".draft-"


@dataclass(frozen=True, slots=True)
class Piece:
    """The analysis of frames [start, stop): `cuts` inside it, picture `size`, row files in `path`."""

    path: Path
    start: int
    stop: int
    size: tuple[int, int]
    cuts: tuple[int, ...]

    def row_files(self) -> list[Path]:
        """One file per tracklet, in order of appearance."""
        return sorted(self.path.glob("*.rows"))


class Draft:
    """A piece being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.complete = False

    def finish(self, size: tuple[int, int], cuts: Sequence[int]) -> None:
        """All row files are written; note what they are of."""
        (self.path / _META).write_text(json.dumps({"size": list(size), "cuts": list(cuts)}))
        self.complete = True


class Store:
    """A folder of pieces."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def pieces(self) -> list[Piece]:
        """The whole pieces, by start; anything unreadable is left out (and analysed again)."""
        found = []
        for path in self.folder.iterdir():
            with suppress(OSError, ValueError, KeyError, TypeError):
                start, stop = (int(n) for n in path.name.split("-"))
                meta = json.loads((path / _META).read_text())
                width, height = meta["size"]
                found.append(Piece(path, start, stop, (int(width), int(height)), tuple(int(c) for c in meta["cuts"])))
        return sorted(found, key=lambda p: (p.start, p.stop))

    @contextmanager
    def new_piece(self, start: int, stop: int) -> Iterator[Draft]:
        """A draft folder; becomes the piece [start, stop) if it was finished, and is removed otherwise."""
        draft = Draft(Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self.folder)))
        try:
            yield draft
            if draft.complete:
                # Another process may have put the same piece there; either will do.
                with suppress(OSError):
                    draft.path.rename(self.folder / f"{start:09d}-{stop:09d}")
        finally:
            shutil.rmtree(draft.path, ignore_errors=True)

    def copy_from(self, other: Store, ranges: Sequence[tuple[int, int]]) -> None:
        """Add the pieces of `other` that hold frames of `ranges` or border on them (for the cuts between)."""
        for piece in other.pieces():
            if any(piece.start <= stop and start <= piece.stop for start, stop in ranges):
                with self.new_piece(piece.start, piece.stop) as draft:
                    for file in piece.row_files():
                        shutil.copyfile(file, draft.path / file.name)
                    draft.finish(piece.size, piece.cuts)


def scratch_store() -> Store:
    """A store in a temporary folder that is removed when the store is no longer used."""
    folder = Path(tempfile.mkdtemp(prefix="lipwright-faces-"))
    store = Store(folder)
    weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
    return store
