"""How the shipped viseme head is made, from nothing but packaged voices: `python -m training.train`."""

from __future__ import annotations
