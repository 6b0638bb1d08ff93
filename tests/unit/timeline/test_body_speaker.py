"""Choosing a face: `active_speaker_detection` and boxes behind a reference."""

from __future__ import annotations

from fractions import Fraction

import pytest
from tests.unit.timeline.bodies import (
    FACE,
    GRID,
    body,
    one,
    the_fault,
)

from lipwright.errors import FaceSelectionInvalid, RequestError
from lipwright.timeline.body import parse_request
from lipwright.timeline.boxes import with_boxes
from lipwright.timeline.options import ActiveSpeaker, BoxesAt, BoxPerFrame, PointOnFrame, Prominent
from lipwright.timeline.plan import plan

POINT = {"frame_number": 3, "coordinates": [10, 20.5]}
BOXES = {"bounding_boxes": [[1, 2, 3, 4], None]}


@pytest.mark.parametrize(
    ("given", "speaker"),
    [
        (True, ActiveSpeaker()),
        (False, Prominent()),
        ({"auto_detect": True}, ActiveSpeaker()),
        ({"autoDetect": True, "v3": True, "use_v2": False}, ActiveSpeaker()),
        ({"auto_detect": False}, Prominent()),
        ({}, None),
        (POINT, PointOnFrame(3, 10.0, 20.5)),
        ({"auto_detect": False, "frameNumber": 3, "coordinates": [10, 20.5]}, PointOnFrame(3, 10.0, 20.5)),
        (BOXES, BoxPerFrame(((1.0, 2.0, 3.0, 4.0), None))),
        ({**BOXES, **POINT}, BoxPerFrame(((1.0, 2.0, 3.0, 4.0), None))),
        ({"bounding_boxes_url": "boxes.json"}, BoxesAt("boxes.json")),
    ],
)
def test_active_speaker_detection(given: object, speaker: object) -> None:
    for key in ("active_speaker_detection", "activeSpeakerDetection"):
        assert parse_request(body(options={key: given})).options.speaker == speaker
        overridden = parse_request(body(one(options_override={key: given})))
        assert overridden.segments[0].options.speaker == speaker


def test_legacy_active_speaker() -> None:
    assert parse_request(body(options={"active_speaker": True})).options.speaker == ActiveSpeaker()
    both = {"active_speaker": True, "active_speaker_detection": POINT}
    assert parse_request(body(options=both)).options.speaker == PointOnFrame(3, 10.0, 20.5)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"auto_detect": True, **POINT}, ".auto_detect"),
        ({"auto_detect": True, **BOXES}, ".auto_detect"),
        ({"auto_detect": "yes"}, ".auto_detect"),
        ({"frame_number": 1}, ".coordinates"),
        ({"coordinates": [1, 2]}, ".frame_number"),
        ({"frame_number": -1, "coordinates": [1, 2]}, ".frame_number"),
        ({"frame_number": 1.5, "coordinates": [1, 2]}, ".frame_number"),
        ({"frame_number": 1, "coordinates": [1]}, ".coordinates"),
        ({"frame_number": 1, "coordinates": [1, "2"]}, ".coordinates"),
        ({"frame_number": 1, "coordinates": [1, -2]}, ".coordinates"),
        ({"frame_number": 1, "coordinates": 5}, ".coordinates"),
        ({"bounding_boxes": []}, ".bounding_boxes"),
        ({"bounding_boxes": [None, None]}, ".bounding_boxes"),
        ({"bounding_boxes": [[3, 2, 1, 4]]}, ".bounding_boxes[0]"),
        ({"bounding_boxes": [None, [1, 2, 3]]}, ".bounding_boxes[1]"),
        ({**BOXES, "bounding_boxes_url": "x"}, ".bounding_boxes_url"),
        ({"bounding_boxes_url": 5}, ".bounding_boxes_url"),
        (5, ""),
    ],
)
def test_bad_face_choices(given: object, key: str) -> None:
    fault = the_fault(body(options={"active_speaker_detection": given}))
    assert (fault.field, fault.code) == (f"options.active_speaker_detection{key}", FACE)


def test_boxes_behind_a_reference_are_read_once() -> None:
    asd = {"active_speaker_detection": {"bounding_boxes_url": "b.json"}}
    request = parse_request(body(one(0, 1, optionsOverride=asd), one(2, 3), options=asd))
    with pytest.raises(RequestError, match="have not been read"):
        plan(GRID, {"audio1": Fraction(5)}, request)
    asked: list[str] = []

    def load(url: str) -> object:
        asked.append(url)
        return {"boundingBoxes": [[1, 2, 3, 4]] * len(GRID)}

    ready = with_boxes(request, load)
    assert asked == ["b.json"]
    edl = plan(GRID, {"audio1": Fraction(5)}, ready)
    assert all(isinstance(drive.options.speaker, BoxPerFrame) for clip in edl.clips for drive in clip.lips)
    for bad in ("text", {"boxes": []}, {"bounding_boxes": [[1]]}, {"bounding_boxes": 5}, []):
        with pytest.raises(RequestError) as caught:
            with_boxes(request, lambda _url, bad=bad: bad)
        assert caught.value.faults[0].code == FACE


def test_boxes_that_cannot_be_had_are_told_of_the_segment_that_wants_them() -> None:
    asd = {"active_speaker_detection": {"bounding_boxes_url": "b.json"}}

    def load(url: str) -> object:
        raise FaceSelectionInvalid("There is no face 9.", suggestion="Look.")

    for asked, field in (
        (body(one(0, 1), one(2, 3, optionsOverride=asd)), "segments[1].speaker"),
        (body(one(0, 1), options=asd), "speaker"),
    ):
        with pytest.raises(FaceSelectionInvalid, match=r"There is no face 9\.") as caught:
            with_boxes(parse_request(asked), load)
        assert (caught.value.field, caught.value.suggestion) == (field, "Look.")
