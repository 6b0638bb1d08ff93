"""One module per step of the history."""

from __future__ import annotations
