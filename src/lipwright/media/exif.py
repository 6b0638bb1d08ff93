"""The orientation tag of a JPEG photograph, read directly.

FFmpeg turns the tag into a display matrix, but PyAV cannot hand that matrix out for a frame that also carries EXIF data
(only the rotation, without mirroring). The tag is the first directory's entry 0x0112 (Exif 2.3, section 4.6.4).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from lipwright.media.frames import Turn

_TURNS = {
    1: Turn(),
    2: Turn(False, True, False),
    3: Turn(False, True, True),
    4: Turn(False, False, True),
    5: Turn(True, False, False),
    6: Turn(True, True, False),
    7: Turn(True, True, True),
    8: Turn(True, False, True),
}
_HEAD = 1 << 18


def jpeg_turn(path: str | os.PathLike[str]) -> Turn | None:
    """How the JPEG file at `path` asks to be turned, or None if it is no JPEG or does not say."""
    with Path(path).open("rb") as file:
        head = file.read(_HEAD)
    mark = head.find(b"Exif\0\0") if head.startswith(b"\xff\xd8") else -1
    if mark < 0:
        return None
    try:
        return _TURNS.get(_orientation(head[mark + 6 :]))
    except struct.error:
        return None


def _orientation(tiff: bytes) -> int:
    """The orientation in a TIFF block, 0 if there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    at = struct.unpack_from(order + "I", tiff, 4)[0]
    count = struct.unpack_from(order + "H", tiff, at)[0]
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", tiff, entry)[0] == 0x0112:
            return int(struct.unpack_from(order + "H", tiff, entry + 8)[0])
    return 0
