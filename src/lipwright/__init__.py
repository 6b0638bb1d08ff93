"""Lipwright: self-hosted lip sync with segments.

    from lipwright import Segment, sync_video

    sync_video("in.mp4", audio={"a": "one.wav"}, segments=[Segment(2, 5, "a")], output="out.mp4")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lipwright.errors import Fault, LipwrightError, RequestError
    from lipwright.faces.analysis import FaceAnalysis
    from lipwright.generation.api import analyse_faces, sync_request, sync_video
    from lipwright.generation.asked import BoxFile, Face, Segment, Text
    from lipwright.generation.generate import Result, Settings, generate
    from lipwright.media.guard import Limits
    from lipwright.media.info import MediaInfo
    from lipwright.media.probe import probe
    from lipwright.progress import CancelToken, Progress, ProgressEvent
    from lipwright.quality.report import QualityReport
    from lipwright.timeline.options import ActiveSpeaker, BoxPerFrame, PointOnFrame, Prominent, SyncMode

# ONNX Runtime's wheels send usage reports to their maker unless this is set before they are loaded. Nothing Lipwright
# does may leave the machine unasked.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# What is logged is for whoever runs the program to ask for; by itself a library prints nothing.
logging.getLogger("lipwright").addHandler(logging.NullHandler())

__version__ = "0.1.0"

__all__ = [
    "ActiveSpeaker",
    "BoxFile",
    "BoxPerFrame",
    "CancelToken",
    "Face",
    "FaceAnalysis",
    "Fault",
    "Limits",
    "LipwrightError",
    "MediaInfo",
    "PointOnFrame",
    "Progress",
    "ProgressEvent",
    "Prominent",
    "QualityReport",
    "RequestError",
    "Result",
    "Segment",
    "Settings",
    "SyncMode",
    "Text",
    "analyse_faces",
    "generate",
    "probe",
    "sync_request",
    "sync_video",
]

_HOME = {
    "errors": ("Fault", "LipwrightError", "RequestError"),
    "faces.analysis": ("FaceAnalysis",),
    "generation.api": ("analyse_faces", "sync_request", "sync_video"),
    "generation.asked": ("BoxFile", "Face", "Segment", "Text"),
    "generation.generate": ("Result", "Settings", "generate"),
    "media.guard": ("Limits",),
    "media.info": ("MediaInfo",),
    "media.probe": ("probe",),
    "progress": ("CancelToken", "Progress", "ProgressEvent"),
    "quality.report": ("QualityReport",),
    "timeline.options": ("ActiveSpeaker", "BoxPerFrame", "PointOnFrame", "Prominent", "SyncMode"),
}
_MODULE_OF = {name: f"lipwright.{module}" for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'lipwright' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
