"""What is asked for and what it amounts to: requests, their rules, and the edit decision list. Pure and rational.

`body.parse_request` (JSON) or the objects of `request` -> `boxes.with_boxes` -> `plan.plan` -> `edl.EditDecisionList`.
No file, no media library and no floating-point time comes in here; see docs/segments.md for the meaning of it all.
"""

from __future__ import annotations
