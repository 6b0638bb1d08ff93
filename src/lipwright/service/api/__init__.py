"""The HTTP API: one module per kind of thing. Handlers read a request, call `orders` or `storage`, and answer."""

from __future__ import annotations
