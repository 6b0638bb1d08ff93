"""The history of our tables, run by Alembic."""

from __future__ import annotations
