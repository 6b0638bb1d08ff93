"""What can go wrong with stored objects.

Two faults are answers, not failures, and each caller has its own words for them: an object is not there, or is larger
than allowed. Everything else (a full disk, a bucket that does not answer) is an `OutputError`, which already has a code
of the public contract. The library's own message is kept as the cause, for the log: it may name internal hosts.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from lipwright.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_ANSWER = "the object store does not answer as it should"
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class ObjectMissing(LookupError):
    """There is no object with that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no object {key!r}.")
        self.key = key


class ObjectTooLarge(Exception):
    """An object is larger than allowed."""

    def __init__(self, key: str, max_bytes: int) -> None:
        super().__init__(f"The object {key!r} is larger than {max_bytes} bytes.")
        self.key = key
        self.max_bytes = max_bytes


@contextmanager
def storage_faults(deed: str, key: str, *, missing: bool = False) -> Iterator[None]:
    """Turn what fails inside into the errors of this module.

    Args:
        deed: what is being done to the object, as in "could not be ...".
        key: the object's key (or a prefix).
        missing: whether a file that is not found means that the object is not there.

    Raises:
        ObjectMissing: if `missing` and the object is not found.
        OutputError: if anything else fails.
    """
    try:
        yield
    except FileNotFoundError as error:
        if missing:
            raise ObjectMissing(key) from error
        raise _failed(deed, key, "its folder or bucket is not there") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _failed(deed, key, "the object store does not accept our credentials") from error
    except BaseError as error:
        raise _failed(deed, key, _NO_ANSWER) from error
    except OSError as error:
        reason = error.strerror or _NO_ANSWER  # obstore's writers raise OSError without a number
        if error.errno in _FULL:
            reason = "the disk is full"
        elif error.errno in _FORBIDDEN:
            reason = "there is no permission to do that"
        raise _failed(deed, key, reason) from error


def _failed(deed: str, key: str, reason: str) -> OutputError:
    return OutputError(f"The object {key!r} could not be {deed}: {reason}.")
