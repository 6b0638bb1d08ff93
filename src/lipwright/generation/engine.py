"""Finding an engine by its name: the built-in one, or one that an installed package offers.

A package offers an engine by an entry point in the group `lipwright.engines` whose object, called without arguments,
gives a `LipSyncEngine`.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from lipwright.engines.base import LipSyncEngine
from lipwright.errors import UnsupportedModel

GROUP = "lipwright.engines"
BUILT_IN = "exemplar"


def engine_names() -> list[str]:
    """Every engine that can be asked for, the built-in one first."""
    return [BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP) if point.name != BUILT_IN)]


def engine_named(name: str) -> LipSyncEngine:
    """The engine called `name`.

    Raises:
        UnsupportedModel: there is none of that name.
    """
    if name == BUILT_IN:
        from lipwright.engines.exemplar.engine import ExemplarEngine

        return ExemplarEngine()
    for point in entry_points(group=GROUP):
        if point.name == name:
            engine: LipSyncEngine = point.load()()
            return engine
    raise UnsupportedModel(f"engine is {name!r}; it has to be one of {', '.join(engine_names())}.", field="engine")
