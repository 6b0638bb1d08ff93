"""Clips made in code with known ground truth: which frame is which can be read off the pixels after any codec."""

from __future__ import annotations

from tests.synthetic.clips import Sound, Synthetic, cfr, make_clip, make_still, make_wav, number_of, tone, vfr

__all__ = [
    "Sound",
    "Synthetic",
    "cfr",
    "make_clip",
    "make_still",
    "make_wav",
    "number_of",
    "tone",
    "vfr",
]
