"""Lipwright: self-hosted lip sync with segments."""

from __future__ import annotations

__version__ = "0.1.0"
