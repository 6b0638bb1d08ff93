"""Files that are named on the command line.

`Path` would quietly turn `https://host/in.mp4` into a strange local name and then miss that; an address is told apart
before it becomes a path.
"""

from __future__ import annotations

from pathlib import Path

from lipwright.errors import AudioInaccessible, VideoInaccessible


def video_here(text: str) -> Path:
    """The video that `text` names; raises `VideoInaccessible` for an address of another machine."""
    from lipwright.generation.inputs import local_path

    path = local_path(text)
    if path is None:
        raise VideoInaccessible(f"The video is {text!r}; only files of this machine can be used here.", field="video")
    return path


def audio_here(text: str) -> Path:
    """The audio that `text` names; raises `AudioInaccessible` for an address of another machine."""
    from lipwright.generation.inputs import local_path

    path = local_path(text)
    if path is None:
        raise AudioInaccessible(f"The audio is {text!r}; only files of this machine can be used here.", field="audio")
    return path
