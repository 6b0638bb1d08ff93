"""The shape of a generation's body: pure functions from what a client sent to what is kept and what is echoed.

Clients spell every key in camelCase or snake_case (contract section 3.3). What is kept is the body as sent, with the
inputs named by the objects they were found to be; what is echoed has one spelling, that of the contract's examples.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lipwright.timeline.fields import camel

Json = dict[str, Any]

VISUAL = ("video", "image")

_SNAKE_INSIDE = ("options_override", "optionsOverride")


def entries(body: Mapping[str, Any]) -> list[Any]:
    """The items of `input`, whatever they are; empty if it is no list."""
    items = body.get("input")
    return list(items) if isinstance(items, list) else []


def with_files(body: Mapping[str, Any], files: Mapping[str, str]) -> Json:
    """`body` with the uploaded `files` (their URLs by kind) in its inputs (contract section 4.2).

    A file wins over the url of an input of its kind; it goes to the first one that has none, else to the first. Where
    there is no input of its kind one is added.
    """
    merged = copy.deepcopy(dict(body))
    items = entries(merged)
    for kind, url in files.items():
        same = [item for item in items if isinstance(item, dict) and item.get("type") == kind]
        free = [item for item in same if not any(item.get(key) for key in ("url", "assetId", "asset_id"))]
        if not same:
            item: Json = {"type": kind}
            items.insert(0 if kind in VISUAL else len(items), item)
        else:
            item = (free or same)[0]
        for key in ("assetId", "asset_id"):
            item.pop(key, None)
        item["url"] = url
    if files or "input" in merged:
        merged["input"] = items if isinstance(merged.get("input"), list) or files else merged["input"]
    return merged


def boxes_urls(body: Mapping[str, Any]) -> Iterator[tuple[Json, str, str]]:
    """Every `bounding_boxes_url` of `body`: the object that holds it, its key, and its path for messages."""
    places: list[tuple[Any, str]] = [(body.get("options"), "options")]
    segments = body.get("segments")
    for index, segment in enumerate(segments if isinstance(segments, list) else []):
        if isinstance(segment, dict):
            for key in _SNAKE_INSIDE:
                places.append((segment.get(key), f"segments[{index}].optionsOverride"))
    for options, path in places:
        if not isinstance(options, dict):
            continue
        for key in ("active_speaker_detection", "activeSpeakerDetection"):
            choice = options.get(key)
            if isinstance(choice, dict):
                for name in ("bounding_boxes_url", "boundingBoxesUrl"):
                    if isinstance(choice.get(name), str) and choice[name]:
                        yield choice, name, f"{path}.active_speaker_detection.bounding_boxes_url"


def echo(body: Mapping[str, Any]) -> Json:
    """What answers repeat of `body`: `input`, `options` and `segments`, in the contract's spelling.

    An input that is an object of ours keeps its `key`, of which answers make a link; one named by an asset does not.
    """
    segments = body.get("segments")
    options = body.get("options")
    return {
        "input": [_echoed(item) for item in entries(body)],
        "options": _snaked(options) if isinstance(options, dict) else None,
        "segments": [_camelised(item) for item in segments] if isinstance(segments, list) and segments else None,
    }


def _echoed(item: Any) -> Any:
    told = _camelised(item)
    if isinstance(told, dict) and told.get("assetId"):
        told.pop("key", None)
    return told


def _snaked(value: Any) -> Any:
    """`value` with snake_case keys; lists are left as they are, they hold numbers."""
    return {snake(key): _snaked(item) for key, item in value.items()} if isinstance(value, dict) else value


def snake(key: str) -> str:
    """`syncMode` -> `sync_mode`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), key)


def _camelised(value: Any) -> Any:
    """`value` with camelCase keys, but for the options of a segment and the two old fields that have none."""
    if isinstance(value, list):
        return [_camelised(item) for item in value]
    if not isinstance(value, dict):
        return value
    told: Json = {}
    for key, item in value.items():
        if key in _SNAKE_INSIDE:
            told["optionsOverride"] = _snaked(item)
        elif key in ("segments_secs", "segments_frames"):
            told[key] = item
        elif item is not None:
            told[camel(key) if "_" in key else key] = _camelised(item)
    return told


def safe_name(name: str, otherwise: str) -> str:
    """The last part of `name` with nothing in it that means something to a file system or a header."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last).strip("._")[:120] or otherwise
