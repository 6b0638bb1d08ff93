"""Frozen dataclasses to JSON and back, driven by their type hints.

The reports are plain trees of dataclasses, tuples, string-keyed mappings, numbers, text and None. A codec of sixty
lines for just these shapes keeps the types as the one description of the format, where a schema library would be a
second.
It is strict where it matters: a wrong type is an error that names the path, a NaN is refused on the way out, and a key
it does not know is ignored, so that an older reader can read a newer report of the same schema.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from lipwright.errors import RequestError

T = TypeVar("T")
Json = Any  # a JSON value: what json.loads gives


def dumps(value: object) -> str:
    """`value`, a tree of dataclasses, as indented JSON. Raises ValueError for NaN and infinities."""
    return json.dumps(encode(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def loads(text: str) -> dict[str, Json]:
    """The JSON object in `text`. Raises RequestError if it is not one."""
    try:
        document = json.loads(text)
    except ValueError as fault:
        raise RequestError(f"The report is not JSON: {fault}.") from fault
    if not isinstance(document, dict):
        raise RequestError(f"The report is a JSON {type(document).__name__}; it has to be an object.")
    return document


def encode(value: object) -> Json:
    """`value` as what json.dumps takes."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [encode(v) for v in value]
    return value


def decode(kind: type[T], value: Json, path: str = "") -> T:
    """`value` as the dataclass `kind`. Raises RequestError naming the path of what does not fit."""
    if not isinstance(value, dict):
        raise _misfit(path, value, "an object")
    hints = get_type_hints(kind)
    arguments = {}
    for f in (f for f in fields(cast(Any, kind)) if f.init):  # the others are worked out from these
        at = f"{path}.{f.name}" if path else f.name
        if f.name in value:
            arguments[f.name] = _decode(hints[f.name], value[f.name], at)
        elif f.default is MISSING and f.default_factory is MISSING:
            raise RequestError(f"{at} is missing from the report.", field=at)
    try:
        return kind(**arguments)
    except ValueError as fault:
        raise RequestError(f"{path or 'The report'}: {fault}.", field=path) from fault


def _decode(hint: Any, value: Json, path: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(inner, value, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise _misfit(path, value, "a list")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(value):
            raise _misfit(path, value, f"a list of {len(kinds)}")
        return tuple(_decode(k, v, f"{path}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _misfit(path, value, "an object")
        return {k: _decode(inner[1], v, f"{path}.{k}") for k, v in value.items()}
    if is_dataclass(hint):
        return decode(cast(type[object], hint), value, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (hint in (int, float) and isinstance(value, bool)) or not isinstance(value, hint):
        raise _misfit(path, value, f"of type {hint.__name__}")
    return value


def _decode_union(kinds: tuple[Any, ...], value: Json, path: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [k for k in kinds if k is not type(None)]
    exact = [k for k in rest if k is type(value)]
    return _decode((exact or rest)[0], value, path)


def _misfit(path: str, value: Json, wanted: str) -> RequestError:
    return RequestError(f"{path or 'The report'} is {value!r:.60}; it has to be {wanted}.", field=path)
