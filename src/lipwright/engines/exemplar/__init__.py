"""The exemplar engine: the subject speaks with the subject's own mouth.

Read `engine` first; it names the stages in order.
"""

from __future__ import annotations
