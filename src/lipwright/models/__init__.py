"""Pinned model files: the catalogue, where they lie and how they get there.

from lipwright.models import model_path
interpreter = Interpreter(str(model_path("face_landmarks_detector.tflite")))
"""

from __future__ import annotations

from lipwright.models.catalogue import CATALOGUE
from lipwright.models.registry import (
    FetchReport,
    FileStatus,
    Registry,
    default_registry,
    fetch,
    is_installed,
    model_path,
)
from lipwright.models.sources import ModelFile

__all__ = [
    "CATALOGUE",
    "FetchReport",
    "FileStatus",
    "ModelFile",
    "Registry",
    "default_registry",
    "fetch",
    "is_installed",
    "model_path",
]
