"""A file that appears complete or not at all.

On Linux the bytes go into an unnamed file (O_TMPFILE): until it is linked into its folder it has no name, so a process
that is killed, however hard, leaves nothing behind. Linking replaces an older file of that name by way of a hidden name
and an atomic rename. Where the system or the file system has no unnamed files, a hidden temporary name in the target
folder is used from the start.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Self

from lipwright.errors import OutputError

# What file systems without unnamed files answer.
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}


class PendingFile:
    """A file being written for `path`; `commit` makes it visible, `discard` (or leaving a `with` block) forgets it.

    Attributes:
        path: where the file will be.
        writable: a name under which other code in this process can open the pending file, for example FFmpeg.

    Raises:
        OutputError: if the folder is missing or not writable.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._hidden: Path | None = None
        self._descriptor = -1
        folder = self.path.parent
        if not folder.is_dir():
            raise OutputError(f"The folder {str(folder)!r} of the output file does not exist.")
        if self.path.is_dir():
            raise OutputError(f"The output {str(self.path)!r} is a folder; a file name is needed.")
        try:
            self._descriptor = self._open_unnamed(folder)
            if self._descriptor < 0:
                self._hidden = folder / _hidden_name(self.path)
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self._hidden, flags, 0o666)
        except OSError as error:
            raise output_error(self.path, error) from None
        self.writable = str(self._hidden) if self._hidden else f"/proc/self/fd/{self._descriptor}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        """Append `data` (for small files written directly).

        Raises:
            OutputError: if it cannot be written.
        """
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise output_error(self.path, error) from None

    def commit(self) -> None:
        """Flush to disk and give the file its name, replacing an older file at once.

        Raises:
            OutputError: if that fails; nothing is left behind then.
        """
        try:
            os.fsync(self._descriptor)
            if self._hidden is None:
                self._link()
            else:
                self._hidden.replace(self.path)
                self._hidden = None
            _sync_folder(self.path.parent)
        except OSError as error:
            raise output_error(self.path, error) from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget the file unless it was committed; harmless to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._hidden is not None:
            with suppress(OSError):
                self._hidden.unlink()
            self._hidden = None

    def _open_unnamed(self, folder: Path) -> int:
        flag = getattr(os, "O_TMPFILE", 0)
        if not flag or not Path("/proc/self/fd").is_dir():
            return -1
        try:
            return os.open(folder, flag | os.O_RDWR | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return -1
            raise

    def _link(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            source = f"/proc/self/fd/{self._descriptor}"
            # Naming folder descriptors makes Python use linkat, which follows the link to the unnamed file.
            try:
                os.link(source, self.path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
            except FileExistsError:
                hidden = _hidden_name(self.path)
                os.link(source, hidden, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
                self._hidden = self.path.parent / hidden
                self._hidden.replace(self.path)
                self._hidden = None
        finally:
            os.close(folder)


def output_error(path: Path, error: Exception) -> OutputError:
    """The error to raise when writing `path` failed with `error`."""
    reason = getattr(error, "strerror", None) or str(error)
    code = getattr(error, "errno", None)
    if code == errno.ENOSPC:
        reason = "the disk is full"
    elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "there is no permission to write there"
    return OutputError(f"The output file {path.name!r} could not be written: {reason}.")


def _hidden_name(path: Path) -> str:
    return f".{path.name[:100]}.{secrets.token_hex(6)}.part"


def _sync_folder(folder: Path) -> None:
    """Make the new name durable where the system allows a folder to be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
