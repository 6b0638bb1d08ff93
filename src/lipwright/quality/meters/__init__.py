"""The meters: pure functions on arrays, one idea each. None of them reads a file, a frame or a model."""

from __future__ import annotations
