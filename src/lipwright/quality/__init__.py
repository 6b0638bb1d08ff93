"""How good an output is, measured on finished pictures: while rendering (`measure`) and from outside (`evaluate`).

Nothing is taken from what an engine meant to draw, so that an engine cannot praise itself; docs/quality-report.md says
what each figure means.
"""

from __future__ import annotations
