"""The models that can be asked for: names that clients of sync.so send, and the engines behind them (contract 8)."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from lipwright import __version__
from lipwright.generation.engine import BUILT_IN, GROUP
from lipwright.service.api.state import TheCaller, TheServices
from lipwright.service.api.wire import documented, gives
from lipwright.service.api.wire.service import Model
from lipwright.service.config import ServiceConfig
from lipwright.service.orders.accept import model_names

router = APIRouter(tags=["models"])

Json = dict[str, Any]

_NEWEST_FIRST = ("sync-3", "react-1", "lipsync-2-pro", "lipsync-2", "lipsync-1.9.0-beta")
"""The hosted service's models as they came out."""

_REACT = ("react-1",)

_OF_ALL = ("sync_mode", "active_speaker_detection", "preserve_timing", "background", "full_reencode")
"""Options that are carried out before and after an engine, whichever it is."""

_OF_BUILT_IN = ("temperature", "occlusion_detection_enabled")


@router.get("/v2/models", **documented("models.list", gives(Model, many=True)))
async def list_all(services: TheServices, caller: TheCaller) -> Response:
    """Every name that `model` can have, newest first, with the engine that answers to it and the options it honours."""
    return JSONResponse(await asyncio.to_thread(known_models, services.config))


def known_models(config: ServiceConfig) -> list[Json]:
    """The hosted service's names first, then those of this installation, then the engines' own."""
    names, versions = model_names(config), _versions()
    others = [name for name in names if name not in _NEWEST_FIRST]
    told = []
    for name in [*(name for name in _NEWEST_FIRST if name in names), *others]:
        engine = names[name]
        options = _OF_ALL + (_OF_BUILT_IN if engine == BUILT_IN else ())
        told.append(
            {
                "id": name,
                "name": name,
                "type": "react" if name in _REACT else "lipsync",
                "version": versions.get(engine, __version__),
                "description": _description(name, engine),
                "deprecatedAt": None,
                "engine": engine,
                "options": sorted(options),
            }
        )
    return told


def _description(name: str, engine: str) -> str:
    if name != engine:
        said = f"Stands for the engine {engine!r} of this installation."
        return f"{said} Expressions and heads are not changed, only mouths." if name in _REACT else said
    if engine == BUILT_IN:
        return "Lipwright's own engine: redraws the mouth with pixels of the same face elsewhere in the video."
    return f"The engine {engine!r}, installed beside Lipwright."


def _versions() -> dict[str, str]:
    """The version of the package that each engine comes with."""
    return {point.name: point.dist.version for point in entry_points(group=GROUP) if point.dist is not None}
