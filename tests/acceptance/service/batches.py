"""Files for the batch API: sync.so takes 20 lines at least, so most of them are ones that fail at once."""

from __future__ import annotations

import json
from typing import Any

LEAST = 20


def lines(payload: dict[str, Any], wrong: dict[str, Any], good: int = 1, count: int = LEAST) -> bytes:
    """A file of `count` lines: `good` times `payload`, then `wrong`."""
    rows = [
        {"request_id": f"row-{number}", "endpoint": "/v2/generate", "payload": payload if number < good else wrong}
        for number in range(count)
    ]
    return jsonl(rows)


def jsonl(rows: list[Any]) -> bytes:
    """Objects as lines of JSON."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
