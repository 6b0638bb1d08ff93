"""Measuring the service as a whole: what survives being killed (`chaos`), and how it answers under load (`load`)."""

from __future__ import annotations
