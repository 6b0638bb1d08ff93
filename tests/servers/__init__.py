"""Real servers for tests, started on free ports of this machine and thrown away afterwards.

`fixtures` makes them pytest fixtures for all tests; the other modules can be used without pytest.
"""

from __future__ import annotations
