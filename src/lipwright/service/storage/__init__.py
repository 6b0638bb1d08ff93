"""What the service keeps: rows (`tables`, `database` and a module per kind of row) and objects (`objects`, `links`)."""

from __future__ import annotations
