"""A whole generation, from a request to the output and its report, and the Python API of it.

`api` is what callers use, `generate.generate` the job. Every stage is a module of its own that knows nothing of those
after it, so that the job reads from top to bottom; engines, recognisers and media stay behind the layers below.
"""

from __future__ import annotations
