"""Every sample of the segments guide: what it says will work works, what it says will fail is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sync.common import BadRequestError, Generation
from tests.acceptance.service.guide import REFUSED, RENDERED, SAMPLES, VALID, Sample
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.material import LONG_RATE, LONG_SECONDS
from tests.acceptance.service.output import Film, difference, fetched
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import Service

from lipwright.quality.report import QualityReport

FRAME = 1 / LONG_RATE
LOSS = 3.0
"""What the encoder may change a picture by, mean of 8-bit levels."""

MOUTH = (90, 105, 150, 155)
"""Where the mouth is in the guide's video all the time, x1, y1, x2, y2."""


def named(sample: Sample) -> str:
    """A sample's name as an id."""
    return sample.name.replace(" ", "-")


def test_no_sample_is_left_out() -> None:
    guide = Path(__file__).resolve().parents[4] / "shared" / "reference" / "segments-guide.txt"
    if not guide.is_file():
        pytest.skip("the guide (../shared/reference) is not here")
    text = guide.read_text(encoding="utf-8")
    assert text.count("❌") == len(REFUSED)
    unmarked = 3  # the examples before the troubleshooting part
    assert text.count("✅") + unmarked == len(VALID)


@pytest.mark.parametrize("sample", [one for one in VALID if one.sdk_can_send], ids=named)
def test_a_sample_that_works_is_taken(python: Sdk, service: Service, media: MediaHost, sample: Sample) -> None:
    created = python(lambda client: client.generations.create(**sample.arguments(media.url)))
    service.cancel(created.id)
    assert isinstance(created, Generation)
    assert created.status == "PENDING"
    assert created.segments is not None
    assert sample.segments is not None
    assert len(created.segments) == len(sample.segments)
    assert all(segment.audio_input.ref_id for segment in created.segments)


@pytest.mark.parametrize("sample", VALID, ids=named)
def test_a_sample_that_works_is_taken_as_json(service: Service, media: MediaHost, sample: Sample) -> None:
    """As written in the guide, with its mixture of spellings and without the SDK's conversion of it."""
    body = sample.body(media.url)
    created = service.accepted(body)
    assert created["status"] == "PENDING"
    assert len(created["segments"]) == len(body["segments"])


@pytest.mark.parametrize("sample", REFUSED, ids=named)
def test_a_sample_that_fails_is_refused(python: Sdk, service: Service, media: MediaHost, sample: Sample) -> None:
    assert sample.refused is not None
    code, field = sample.refused
    with pytest.raises(BadRequestError) as caught:
        python(lambda client: client.generations.create(**sample.arguments(media.url)))
    assert caught.value.body.status_code == 400
    assert (caught.value.body.errorCode, caught.value.body.field) == (code, field)
    assert caught.value.body.message
    raw = service.post(sample.body(media.url))
    assert raw.status_code == 400
    assert (raw.json()["errorCode"], raw.json()["field"]) == (code, field)
    assert raw.json()["error"] == "Bad Request"


@pytest.fixture(scope="module")
def source(media: MediaHost) -> Film:
    """The guide's video."""
    return fetched(media.url("long.mp4"))


@pytest.fixture(params=[one for one in RENDERED if one.timing and one.timing.seconds], ids=named)
def sample(request: pytest.FixtureRequest) -> Sample:
    """A sample of known length that was rendered."""
    found: Sample = request.param
    return found


def report_of(service: Service, id: str) -> QualityReport:
    """The quality report of a generation."""
    answer = service.http.get(f"/v2/generations/{id}/report")
    assert answer.status_code == 200, answer.text
    return QualityReport.from_json(answer.text)


def test_a_finished_sample_has_the_timing_of_its_segments(
    service: Service, rendered: dict[str, dict[str, Any]], sample: Sample
) -> None:
    done, timing = rendered[sample.name], sample.timing
    assert timing is not None
    assert done["outputDuration"] == pytest.approx(timing.seconds, abs=FRAME)
    film = fetched(done["outputUrl"])
    assert "mp4" in film.format
    assert film.picture_seconds == pytest.approx(timing.seconds, abs=FRAME)
    assert film.sound_seconds == pytest.approx(film.picture_seconds, abs=0.05)
    report = report_of(service, done["id"])
    assert [segment.output for segment in report.segments] == [
        pytest.approx(expected, abs=FRAME) for expected in timing.segments
    ]
    asked = round(sum((stop or 0) - start for start, stop in timing.segments) * LONG_RATE)
    assert (report.frames.output, report.frames.asked) == (len(film.times), asked)
    if timing.edited is not None:
        assert report.frames.edited == timing.edited


def test_nothing_outside_the_segments_is_touched(
    service: Service, rendered: dict[str, dict[str, Any]], sample: Sample, source: Film
) -> None:
    """By the report, which compared every frame before encoding, and by looking at what was encoded."""
    done = rendered[sample.name]
    report = report_of(service, done["id"])
    assert report.equality.kept
    assert report.encoding is not None
    assert report.equality.untouched_frames + report.encoding.copied_frames >= report.frames.untouched
    film = fetched(done["outputUrl"])
    taken = [(segment.source, segment.output) for segment in report.segments]
    for time in (index / 2 for index in range(round(LONG_SECONDS * 2))):
        if any(start - FRAME < time < stop + FRAME for (start, stop), _ in taken):
            continue
        shift = sum((after[1] - after[0]) - (before[1] - before[0]) for before, after in taken if before[1] <= time)
        assert difference(source.at(time + FRAME / 2), film.at(time + shift + FRAME / 2)) < LOSS, time


def test_the_lips_move_inside_the_segments(rendered: dict[str, dict[str, Any]], source: Film) -> None:
    film = fetched(rendered["two segments, one audio"]["outputUrl"])
    times = [(index + 0.5) * FRAME for index in range(205)]
    changed = [difference(source.at(time), film.at(time), MOUTH) for time in times]
    inside = changed[20:50] + changed[60:80]
    outside = changed[:20] + changed[50:60] + changed[80:]
    assert sum(inside) / len(inside) > 2 * sum(outside) / len(outside)


def test_a_text_is_spoken_for_as_long_as_it_takes(service: Service, rendered: dict[str, dict[str, Any]]) -> None:
    """The voice of the sample is one of the cloud service; without its key a local one stands in, and says so."""
    done = rendered["a text input"]
    report = report_of(service, done["id"])
    [speech] = report.speech
    assert speech.voice
    assert 0.4 < speech.seconds < 4
    assert report.segments[0].output == pytest.approx((0, speech.seconds), abs=FRAME)
    assert done["outputDuration"] == pytest.approx(LONG_SECONDS - 10 + speech.seconds, abs=2 * FRAME)
    spoken = service.http.get(done["synthesizedAudioUrl"])
    assert spoken.status_code == 200


def test_all_samples_have_names_of_their_own() -> None:
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES)
