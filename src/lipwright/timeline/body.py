"""The API's JSON body, read into a `GenerationRequest` (contract sections 3, 5 and 7).

Reading and judging are kept apart: this module turns JSON of the right shape into domain objects, and
`lipwright.timeline.validate` says what is wrong with those, so that the Python API and the command line obey the same
rules. Whatever is wrong is reported together, each fault with its error code and field path. A part that cannot be
read is stood in for by one that is valid, so that the indices of the others stay right and no mistake is told twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from lipwright.errors import Fault, RequestError
from lipwright.timeline.body_options import parse_options
from lipwright.timeline.body_segments import legacy_ranges, parse_segments
from lipwright.timeline.fields import OBJECT, Fields, shown
from lipwright.timeline.options import Options
from lipwright.timeline.request import (
    AudioInput,
    GenerationRequest,
    SegmentRequest,
    TextInput,
    VisualInput,
    VisualKind,
)
from lipwright.timeline.validate import SEGMENTS, faults_of

KINDS = ("video", "image", "audio", "text")
PROVIDERS = ("elevenlabs", "local", "hibari", "kokoro")
TOO_MANY = "generation_input_too_many_visual"
MODEL = "generation_unsupported_model"


def parse_request(body: object, *, models: Collection[str] | None = None) -> GenerationRequest:
    """Read a decoded JSON body.

    Every key may be camelCase or snake_case; null is absent; keys that are not known are told in `warnings`. With
    `models`, `model` must be given and be one of them; without, it is only carried along.

    Raises:
        RequestError: with a fault for everything that is wrong, each with code and field path.
    """
    if not isinstance(body, Mapping):
        raise RequestError(f"The request must be a JSON object, not {shown(body)}.", field="")
    reader = _Body(body)
    request = reader.read(models)
    faults = reader.faults + [fault for fault in faults_of(request) if not _told(fault, reader.faults)]
    if faults:
        raise RequestError.of(faults)
    return request


def _told(fault: Fault, read: list[Fault]) -> bool:
    """Whether `fault` is a mere consequence of what reading found wrong at the same place, inside or around it."""
    inside = tuple(f"{fault.field}{mark}" for mark in (".", "["))
    unread = tuple(f"{one.field}." for one in read if f"must be {OBJECT}" in one.message)
    same = any(one.field == fault.field or one.field.startswith(inside) for one in read)
    return same or (bool(unread) and fault.field.startswith(unread))


class _Body:
    """One body on its way to a request: what was read so far, and what was wrong with it."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        self.top = Fields(body, "", self.faults)
        self.visuals: list[tuple[VisualInput, Fields]] = []
        self.audio: list[AudioInput | TextInput] = []

    def read(self, models: Collection[str] | None) -> GenerationRequest:
        """The request, faults and all."""
        top = self.top
        model = self._model(models)
        self._inputs()
        options, full = Options(), None
        given = top.nested("options", report_snake=True)
        if given is not None:
            full = given.boolean("full_reencode")
            options = parse_options(given, self.warnings)
        segments = self._with_legacy(parse_segments(top, self.warnings))
        for key in ("dub_params", "dialogue_edit"):
            if top.raw(key) is not None:
                top.fault(key, "is not supported: this service syncs lips to speech it is given.")
        name, webhook, project = (top.text(key) for key in ("output_file_name", "webhook_url", "project_id"))
        self.warnings += (f"{path} is not known and has no effect." for path in top.unknown())
        return GenerationRequest(
            video=self.visuals[0][0] if self.visuals else VisualInput(url="?"),
            audio=tuple(self.audio),
            segments=segments,
            options=options,
            full_reencode=bool(full),
            model=model,
            webhook_url=webhook,
            output_file_name=clean_name(name) if name else None,
            project_id=project,
            warnings=tuple(self.warnings),
        )

    def _model(self, models: Collection[str] | None) -> str | None:
        model = self.top.text("model")
        if models is not None:
            allowed = ", ".join(sorted(models))
            if self.top.raw("model") is None:
                self.top.fault("model", f"is missing; it can be {allowed}.")
            elif model is not None and model not in models:
                self.top.fault("model", f"must be one of {allowed}, not {shown(model)}.", MODEL)
        return model

    def _inputs(self) -> None:
        """`input`: one visual, and what is said."""
        if self.top.raw("input") is None:
            self.top.fault("input", "is missing: it lists one video or image and at least one audio or text.")
            return
        entries = self.top.items("input")
        if entries is None:
            return
        for index, entry in enumerate(entries):
            path = f"input[{index}]"
            if isinstance(entry, Mapping):
                self._input(Fields(entry, path, self.faults), index)
            else:
                self.faults.append(Fault(path, f"{path} must be an object, not {shown(entry)}."))
        if not self.visuals and len(self.audio) == len(entries):
            self.top.fault("input", "has no video or image; exactly one is needed.")
        for _, extra in self.visuals[1:]:
            first = self.visuals[0][1].path
            sentence = f"{extra.path} is a second video or image beside {first}; exactly one is allowed."
            self.faults.append(Fault(extra.path, sentence, TOO_MANY))

    def _input(self, fields: Fields, index: int) -> None:
        """One entry of `input`."""
        kind = fields.raw("type")
        if kind not in KINDS:
            found = "is missing; it" if kind is None else f"is {shown(kind)}, but"
            fields.fault("type", f"{found} must be one of {', '.join(KINDS)}.")
            return
        ref = fields.text("ref_id")
        if kind == "text":
            self.audio.append(self._text(fields, ref, index))
        else:
            url, asset = fields.text("url"), fields.text("asset_id")
            if kind == "audio":
                self.audio.append(AudioInput(url, asset, ref or fields.path, ref is not None, index))
            else:
                self.visuals.append((VisualInput(url, asset, ref, VisualKind(kind), index), fields))
                legacy_ranges(fields, [])
        self.warnings += (f"{path} is not known and has no effect." for path in fields.unknown())

    def _text(self, fields: Fields, ref: str | None, index: int) -> TextInput:
        """A `text` entry; a missing script or voice is stood in for once it was reported."""
        voice = fields.nested("provider")
        if voice is None:
            if fields.raw("provider") is None:
                fields.fault("provider", "is missing: it holds name, voiceId and script.")
            return TextInput("?", "?", ref=ref or fields.path, named=ref is not None, position=index)
        texts = {}
        for key in ("name", "voice_id", "script"):
            texts[key] = voice.text(key)
            if voice.raw(key) in (None, ""):
                voice.fault(key, "is missing or empty.")
        if texts["name"] is not None and texts["name"] not in PROVIDERS:
            voice.fault("name", f"must be one of {', '.join(PROVIDERS)}, not {shown(texts['name'])}.")
        text = TextInput(
            script=texts["script"] or "?",
            voice_id=texts["voice_id"] or "?",
            provider=texts["name"] or "elevenlabs",
            stability=voice.number("stability"),
            similarity_boost=voice.number("similarity_boost"),
            ref=ref or fields.path,
            named=ref is not None,
            position=index,
        )
        self.warnings += (f"{path} is not known and has no effect." for path in voice.unknown())
        return text

    def _with_legacy(self, segments: tuple[SegmentRequest, ...]) -> tuple[SegmentRequest, ...]:
        """`segments`, or those that the old per-video fields stand for."""
        if not self.visuals:
            return segments
        ranges = legacy_ranges(self.visuals[0][1], self.faults)
        if not ranges:
            return segments
        field = self.visuals[0][1].path
        if segments:
            sentence = (
                f"{field} has segments_secs or segments_frames beside the top-level segments; give one or the other."
            )
            self.faults.append(Fault(field, sentence, SEGMENTS))
        if len(self.audio) != 1:
            return segments
        return tuple(SegmentRequest(one, self.audio[0].ref, aligned=True) for one in ranges)


def clean_name(name: str) -> str | None:
    """The base of a file name as the contract wants it: spaces become `_`, other odd characters go.

    None if nothing is left.
    """
    return re.sub(r"[^A-Za-z0-9_-]", "", re.sub(r"\s", "_", name))[:255] or None
