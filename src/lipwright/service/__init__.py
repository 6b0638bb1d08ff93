"""The HTTP service: the sync.so-compatible API (`api`) on durable jobs (`jobs`), objects and tables (`storage`).

`api` answers requests and never renders; it puts work into a queue. `jobs` takes it out, in worker processes that run
every heavy or risky step in a child of their own. Both see the world through `storage` (our tables, the objects) and
`net` (the one way to an address that somebody else chose). `config` says how an installation is set up.
"""

from __future__ import annotations
