"""Taking an order: a body and the files that came with it are judged, its inputs found, and a generation is created.

The same for a request over HTTP and for a line of a batch: `accept.accept`.
"""

from __future__ import annotations
