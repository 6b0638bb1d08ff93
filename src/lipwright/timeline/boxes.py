"""Putting boxes that a request only refers to in the place of the reference.

Reading a document is not the timeline's business, so the caller passes a function that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lipwright.errors import FaceSelectionInvalid, Fault, RequestError
from lipwright.timeline.body_options import FACE, read_boxes
from lipwright.timeline.fields import Fields, shown
from lipwright.timeline.options import BoxesAt, BoxPerFrame, Options
from lipwright.timeline.request import GenerationRequest


def with_boxes(request: GenerationRequest, load: Callable[[str], object]) -> GenerationRequest:
    """`request` with every `BoxesAt` replaced by what is there.

    Args:
        request: any request.
        load: gives the decoded JSON at a url (or a finished `BoxPerFrame`); called once for each different url.

    Raises:
        RequestError: a document that is not `{"bounding_boxes": [...]}` or a bare array of boxes; and whatever `load`
            raises, a `FaceSelectionInvalid` with the field that asked for the boxes.
    """
    faults: list[Fault] = []
    known: dict[str, BoxPerFrame | None] = {}

    def resolved(options: Options, path: str, speaker: str) -> Options:
        if not isinstance(options.speaker, BoxesAt):
            return options
        url = options.speaker.url
        if url not in known:
            try:
                document = load(url)
            except FaceSelectionInvalid as error:
                raise FaceSelectionInvalid(error.message, field=speaker, suggestion=error.suggestion) from None
            known[url] = _read(document, f"{path}.active_speaker_detection.bounding_boxes_url", faults)
        return replace(options, speaker=known[url])

    options = resolved(request.options, "options", "speaker")
    segments = tuple(
        replace(
            segment,
            options=resolved(segment.options, f"segments[{index}].optionsOverride", f"segments[{index}].speaker"),
        )
        for index, segment in enumerate(request.segments)
    )
    if faults:
        raise RequestError.of(faults)
    return replace(request, options=options, segments=segments)


def _read(document: object, path: str, faults: list[Fault]) -> BoxPerFrame | None:
    if isinstance(document, BoxPerFrame):
        return document
    if isinstance(document, list):
        document = {"bounding_boxes": document}
    if not isinstance(document, Mapping):
        sentence = f'{path} must hold {{"bounding_boxes": [...]}}, not {shown(document)}.'
        faults.append(Fault(path, sentence, FACE))
        return None
    fields = Fields(document, path, faults, code=FACE, report_snake=True)
    boxes = fields.items("bounding_boxes")
    if boxes is None:
        if fields.raw("bounding_boxes") is None:
            fields.fault("bounding_boxes", "is missing.")
        return None
    return read_boxes(boxes, fields, "bounding_boxes")
