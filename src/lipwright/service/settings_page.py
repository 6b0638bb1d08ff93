"""The table of settings in docs/operations.md, made from `ServiceConfig`, so that it cannot say anything else.

`python -m lipwright.service.settings_page docs/operations.md` writes it anew into the page.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic.fields import FieldInfo

from lipwright.service.config import ALIASES, PREFIX, ServiceConfig

_HEAD = "| Setting | Default | |\n|---|---|---|\n"
_BEGIN, _END = "<!-- settings: begin -->\n", "<!-- settings: end -->"

_FOUND_OUT = {
    "data_dir": "the user's data folder",
    "models": f"{len(ALIASES)} names of sync.so",
    "objects_options": "none",
    "worker_slots": "half the cores",
    "child_threads": "all cores",
}
"""Defaults that are not the same on every machine, or too long for a table."""

_BYTES = ("child_memory", "max_json", "max_upload", "max_text_part")
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"))


def table() -> str:
    """The table: every setting as its environment variable, its default and what it is."""
    rows = (
        f"| `{PREFIX}{name.upper()}` | {_default(name, field)} | {' '.join((field.description or '').split())} |\n"
        for name, field in ServiceConfig.model_fields.items()
    )
    return _HEAD + "".join(rows)


def filled(page: str) -> str:
    """`page` with the table as it has to be."""
    made = f"{_BEGIN}\n{table()}\n{_END}"
    return re.sub(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: made, page, flags=re.DOTALL)


def _default(name: str, field: FieldInfo) -> str:
    if name in _FOUND_OUT:
        return _FOUND_OUT[name]
    value = field.get_default(call_default_factory=False)
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ",".join(str(part) for part in value)
    if name in _BYTES:
        for size, unit in _UNITS:
            if value >= size and value % size == 0:
                return f"`{value}` ({value // size} {unit})"
    if isinstance(value, float):
        value = f"{value:g}"
    return f"`{value}`" if value != "" else "none"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
