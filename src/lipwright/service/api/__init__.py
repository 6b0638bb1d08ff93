"""The HTTP API: routes, and how requests and answers look on the wire."""

from __future__ import annotations
