"""Durable jobs: what a generation's steps are (`stages`), the children they run in (`child`), and the workflows that
make them survive a crash (`workflows`, the only modules that know DBOS, with `queue` and `worker`)."""

from __future__ import annotations
