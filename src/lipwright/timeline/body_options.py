"""The `options` and `optionsOverride` objects of the API's JSON body (contract section 5).

Options of the contract that the built-in engine has no use for are not refused, because clients send them to every
model, but they are not dropped in silence either: each becomes a warning.
"""

from __future__ import annotations

from lipwright.timeline.fields import Fields, finite, shown
from lipwright.timeline.options import (
    ActiveSpeaker,
    BoxesAt,
    BoxPerFrame,
    Options,
    PointOnFrame,
    Prominent,
    SpeakerChoice,
    SyncMode,
)

FACE = "generation_input_face_selection_invalid"
_UNUSED = (
    "model_mode",
    "prompt",
    "reasoning_enabled",
    "output_resolution",
    "fps",
    "pads",
    "speedup",
)
_INTERNAL = ("prompt_image_uris", "i2v_prompt", "blending_mode", "face_boxes_url", "output_bucket_name")


def parse_options(fields: Fields, warnings: list[str]) -> Options:
    """The options in `fields`; what is not used is told to `warnings`."""
    mode = fields.text("sync_mode")
    sync_mode = None
    if mode is not None:
        try:
            sync_mode = SyncMode(mode)
        except ValueError:
            fields.fault("sync_mode", f"must be one of {', '.join(SyncMode)}, not {shown(mode)}.")
    speaker = _speaker(fields, warnings)
    if speaker is None and fields.boolean("active_speaker"):
        speaker = ActiveSpeaker()
    options = Options(
        sync_mode=sync_mode,
        temperature=fields.number("temperature"),
        speaker=speaker,
        occlusion_detection=fields.boolean("occlusion_detection_enabled"),
        preserve_timing=fields.boolean("preserve_timing"),
        background=fields.number("background"),
    )
    for key in _UNUSED:
        if fields.raw(key) is not None:
            warnings.append(f"{fields.at(key)} has no effect with the built-in engine.")
    if fields.text("output_format") not in (None, "mp4"):
        warnings.append(f"{fields.at('output_format')} has no effect: the output is always an MP4.")
    fields.skip(*_INTERNAL, "active_speaker")
    warnings += (f"{path} is not known and has no effect." for path in fields.unknown())
    return options


def _speaker(fields: Fields, warnings: list[str]) -> SpeakerChoice | BoxesAt | None:
    """What `active_speaker_detection` chooses: an object, or a boolean that means `auto_detect`."""
    key = "active_speaker_detection"
    value = fields.raw(key)
    if isinstance(value, bool):
        return ActiveSpeaker() if value else Prominent()
    choice = fields.nested(key, code=FACE)
    if choice is None:
        return None
    auto = choice.boolean("auto_detect")
    choice.skip("v3", "use_v2")
    faults = len(fields.faults)
    point = _point(choice)
    boxes = _boxes(choice)
    url = choice.text("bounding_boxes_url")
    warnings += (f"{path} is not known and has no effect." for path in choice.unknown())
    if len(fields.faults) > faults:
        return None
    if boxes is not None and url is not None:
        choice.fault("bounding_boxes_url", "cannot be given together with bounding_boxes.")
        return None
    manual: SpeakerChoice | BoxesAt | None = boxes or (BoxesAt(url) if url else None)
    if manual is not None and point is not None:
        warnings.append(f"{choice.path}: the bounding boxes are used, not frame_number and coordinates.")
    manual = manual or point
    if auto and manual is not None:
        choice.fault("auto_detect", "cannot be true together with a chosen face; give one or the other.")
        return None
    if auto:
        return ActiveSpeaker()
    return manual if manual is not None or auto is None else Prominent()


def _point(choice: Fields) -> PointOnFrame | None:
    """`frame_number` and `coordinates`, which go together."""
    frame = choice.whole("frame_number")
    raw = choice.items("coordinates")
    if choice.raw("frame_number") is None and raw is None:
        return None
    if choice.raw("frame_number") is None:
        choice.fault("frame_number", "is missing: coordinates are given, and both belong together.")
    if choice.raw("coordinates") is None:
        choice.fault("coordinates", "is missing: frame_number is given, and both belong together.")
    if raw is None or frame is None:
        return None
    numbers = [finite(value) for value in raw]
    if len(numbers) != 2 or any(number is None or number < 0 for number in numbers):
        choice.fault("coordinates", "must be two numbers, x and y in pixels, 0 or more.")
        return None
    x, y = (float(number) for number in numbers if number is not None)
    return PointOnFrame(frame, x, y)


def _boxes(choice: Fields) -> BoxPerFrame | None:
    """`bounding_boxes`: for every frame of the video a box or null."""
    raw = choice.items("bounding_boxes")
    return None if raw is None else read_boxes(raw, choice, "bounding_boxes")


def read_boxes(raw: list[object], fields: Fields, key: str) -> BoxPerFrame | None:
    """`raw` as boxes; the first few faults go to `key` of `fields`."""
    boxes: list[tuple[float, float, float, float] | None] = []
    wrong = 0
    for index, entry in enumerate(raw):
        if entry is None:
            boxes.append(None)
            continue
        box = _box(entry)
        if box is None:
            wrong += 1
            if wrong <= 5:
                fields.fault(
                    f"{key}[{index}]",
                    "must be null or [x1, y1, x2, y2] in pixels with 0 <= x1 < x2 and 0 <= y1 < y2.",
                )
        else:
            boxes.append(box)
    if wrong:
        return None
    if not any(boxes):
        fields.fault(key, "holds no box: the speaker would be on no frame.")
        return None
    return BoxPerFrame(tuple(boxes))


def _box(entry: object) -> tuple[float, float, float, float] | None:
    if not isinstance(entry, list | tuple) or len(entry) != 4:
        return None
    sides = [finite(side) for side in entry]
    x1, y1, x2, y2 = (-1.0 if side is None else float(side) for side in sides)
    return (x1, y1, x2, y2) if 0 <= x1 < x2 and 0 <= y1 < y2 else None
