"""Read one member of a wheel, zip or npm tarball as a stream of chunks.

Nothing is ever unpacked to a path that an archive names: the caller gets bytes and decides where they go, so a
hostile member name cannot write anywhere. Nested archives (`outer!inner`) are read through a temporary file.
"""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lipwright.errors import ModelFileError

CHUNK = 1 << 20


def read_member(archive: Path, member: str, *, skip: int = 0) -> Iterator[bytes]:
    """The bytes of `member` of the file `archive`, without the first `skip`, in chunks of up to 1 MiB.

    An empty `member` means the file itself. `ModelFileError` if the archive is damaged or has no such member.
    """
    with archive.open("rb") as stream:
        chunks = _chunks(stream) if not member else _walk(stream, member.split("!"), archive.name)
        for chunk in chunks:
            dropped = min(skip, len(chunk))
            skip -= dropped
            if dropped < len(chunk):
                yield chunk[dropped:]


def _walk(stream: IO[bytes], members: list[str], label: str) -> Iterator[bytes]:
    """Descend through `members`, each inside the archive before it."""
    first, rest = members[0], members[1:]
    try:
        if label.endswith((".tgz", ".tar.gz")):
            with tarfile.open(fileobj=stream, mode="r:gz") as tar:
                inner = tar.extractfile(first)
                if inner is None:
                    raise KeyError(first)
                yield from _descend(inner, rest, first)
        else:
            with zipfile.ZipFile(stream) as archive, archive.open(first) as opened:
                yield from _descend(opened, rest, first)
    except KeyError:
        raise ModelFileError(f"{label} holds no member {first!r}.") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ModelFileError(f"{label} cannot be read: {error}.") from error


def _descend(inner: IO[bytes], rest: list[str], label: str) -> Iterator[bytes]:
    """The member itself, or what lies deeper in it."""
    if not rest:
        yield from _chunks(inner)
        return
    with tempfile.TemporaryFile() as whole:
        for chunk in _chunks(inner):
            whole.write(chunk)
        whole.seek(0)
        yield from _walk(whole, rest, label)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """All of `stream`, 1 MiB at a time."""
    while chunk := stream.read(CHUNK):
        yield chunk
