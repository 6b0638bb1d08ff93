"""The names of stored objects: `uploads/3f2c/talk.mp4`.

A key comes from our own code, but parts of it (a file name) may come from a user, and a key becomes a path on disk, a
name in a bucket and a piece of a URL. So a key is refused unless it means the same thing in all three: no part that a
file system or a proxy would resolve, no character that one of them would read as a separator or drop. One check at the
door of every store is easier to trust than escaping in each of them.
"""

from __future__ import annotations

import unicodedata

#: The folder in which a local store writes files that are not complete yet; no object can be in there.
STAGING = ".staging"

_LONGEST_KEY = 1024  # bytes, the limit of S3 and GCS
_LONGEST_PART = 255  # bytes, the limit of file systems
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, halves of surrogate pairs, line and paragraph separators


def checked(key: str) -> str:
    """`key`, if it is one.

    Raises:
        ValueError: if it is not the key of an object.
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"The object key {key!r} has an empty part or one of dots.")
    if any(char == "\\" or unicodedata.category(char) in _UNPRINTABLE for char in key):
        raise ValueError(f"The object key {key!r} has a backslash or a control character.")
    if parts[0].casefold() == STAGING:
        raise ValueError(f"The object key {key!r} lies in {STAGING!r}, where unfinished files are.")
    if len(key.encode()) > _LONGEST_KEY or max(len(part.encode()) for part in parts) > _LONGEST_PART:
        raise ValueError(
            f"The object key {key[:40]!r}... is longer than {_LONGEST_KEY} bytes or a part of it than {_LONGEST_PART}."
        )
    return key


def checked_prefix(prefix: str) -> str:
    """`prefix` without its last slash; the whole store is the empty one.

    A prefix is a folder: `jobs/7` holds `jobs/7/a` but neither `jobs/70/a` nor `jobs/7` itself.

    Raises:
        ValueError: if no object can be in it.
    """
    return checked(prefix.removesuffix("/")) if prefix else ""
