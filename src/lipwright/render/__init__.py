"""Drawing into frames: smooth warps, soft masks, matched light. Arrays in, arrays out."""

from __future__ import annotations
