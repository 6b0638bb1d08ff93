"""The main job on real footage: one recorded speech cut in two, one text, four segments, two speakers by coordinates.

The clip shows three people side by side and still; the one in the middle is never chosen and must stay as he is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sync.common import Audio, Generation, GenerationOptions, GenerationSegment, SegmentAudioInput, Video
from tests.acceptance.service.conftest import Node
from tests.acceptance.service.loopback import MediaHost, Receiver
from tests.acceptance.service.output import Box, Film, difference, fetched, film
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import Service
from tests.acceptance.service.signatures import valid_raw, valid_reserialised

from lipwright.quality.report import QualityReport

RATE, SECONDS = 25, 12.0
FRAME = 1 / RATE
LEFT, RIGHT = (165, 150), (905, 180)
"""A point in the face of the man on the left and of the woman on the right, in pixels of the clip."""

MOUTHS: dict[str, Box] = {"left": (130, 175, 205, 240), "middle": (490, 180, 565, 245), "right": (865, 195, 940, 260)}
LOSS = 3.0
"""What the encoder may change a picture by, mean of 8-bit levels."""

SCRIPT = "Peter bought some paper in May."
SPANS = ((0.4, 2.0), (2.4, 4.0), (6.0, 8.0), (8.6, 9.8))
CROPS = ((0.3, 1.9), (3.2, 4.8))


def speaker(point: tuple[int, int], frame: int, **more: Any) -> dict[str, Any]:
    """Options for one segment: who speaks in it."""
    return {"active_speaker_detection": {"frame_number": frame, "coordinates": list(point)}, **more}


@pytest.fixture(scope="module")
def job(clips: Path, service: Service, media: MediaHost, webhooks: Receiver) -> dict[str, Any]:
    """The finished job, made through the Python SDK."""
    recorded = SegmentAudioInput(ref_id="speech", start_time=CROPS[0][0], end_time=CROPS[0][1])
    chosen: dict[str, Any] = {"optionsOverride": speaker(LEFT, 20)}  # newer than the SDK, whose classes take extras
    segments: list[Any] = [
        GenerationSegment(start_time=SPANS[0][0], end_time=SPANS[0][1], audio_input=recorded, **chosen),
        {
            "startTime": SPANS[1][0],
            "endTime": SPANS[1][1],
            "audioInput": {"refId": "speech", "startTime": CROPS[1][0], "endTime": CROPS[1][1]},
            "optionsOverride": speaker(RIGHT, 70),
        },
        {
            "start_time": SPANS[2][0],
            "end_time": SPANS[2][1],
            "audio_input": {"refId": "line"},
            "options_override": speaker(RIGHT, 160, sync_mode="remap"),
        },
        {
            "startTime": SPANS[3][0],
            "endTime": SPANS[3][1],
            "audioInput": {"refId": "line", "startTime": 0, "endTime": 1.2},
            "optionsOverride": speaker(LEFT, 220),
        },
    ]
    text = {
        "type": "text",
        "refId": "line",
        "provider": {"name": "elevenlabs", "voiceId": "EXAVITQu4vr4xnSDxMaL", "script": SCRIPT},
    }
    sdk = Sdk(service.url, service.key, "Sync")
    created = sdk(
        lambda client: client.generations.create(
            model="lipsync-2",
            input=[
                Video(url=media.url("grid3_turns.mp4")),
                Audio(url=media.url("speech/jfk.flac"), ref_id="speech"),
                text,
            ],
            segments=segments,
            options=GenerationOptions(sync_mode="cut_off"),
            webhook_url=webhooks.url("two-speakers"),
            output_file_name="two-speakers",
        )
    )
    service.finished(created.id)
    found = sdk(lambda client: client.generations.get(created.id))
    assert isinstance(found, Generation)
    return service.get(created.id)


@pytest.fixture(scope="module")
def report(service: Service, job: dict[str, Any]) -> QualityReport:
    """Its quality report."""
    return QualityReport.from_json(service.http.get(f"/v2/generations/{job['id']}/report").text)


@pytest.fixture(scope="module")
def spoken(report: QualityReport) -> float:
    """How long the text takes to say, in seconds."""
    return next(one.seconds for one in report.speech if one.ref == "line")


@pytest.fixture(scope="module")
def output(job: dict[str, Any]) -> Film:
    """The output."""
    return fetched(job["outputUrl"])


@pytest.fixture(scope="module")
def source(clips: Path) -> Film:
    """The clip."""
    return film((clips / "grid3_turns.mp4").read_bytes())


def test_length(job: dict[str, Any], output: Film, spoken: float) -> None:
    """The third segment is as long as its text (`remap`); all others are as long as asked for."""
    expected = SECONDS - (SPANS[2][1] - SPANS[2][0]) + spoken
    assert job["outputDuration"] == pytest.approx(expected, abs=2 * FRAME)
    assert output.picture_seconds == pytest.approx(job["outputDuration"], abs=FRAME)
    assert output.sound_seconds == pytest.approx(output.picture_seconds, abs=0.05)


def test_where_the_segments_are(report: QualityReport, spoken: float) -> None:
    later = spoken - (SPANS[2][1] - SPANS[2][0])
    expected = [SPANS[0], SPANS[1], (SPANS[2][0], SPANS[2][1] + later), (SPANS[3][0] + later, SPANS[3][1] + later)]
    assert [one.output for one in report.segments] == [pytest.approx(span, abs=2 * FRAME) for span in expected]
    assert [one.source for one in report.segments] == [pytest.approx(span, abs=FRAME) for span in SPANS]
    audio = [*CROPS, (0, spoken), (0, 1.2)]
    assert [one.audio for one in report.segments] == [pytest.approx(span, abs=FRAME) for span in audio]
    assert [one.ref for one in report.segments] == ["speech", "speech", "line", "line"]
    assert [one.sync_mode for one in report.segments] == ["cut_off", "cut_off", "remap", "cut_off"]


def test_the_segment_map(service: Service, job: dict[str, Any], report: QualityReport) -> None:
    told = service.http.get(f"/v2/generations/{job['id']}/segments").json()
    assert told["id"] == job["id"]
    assert told["outputDuration"] == job["outputDuration"]
    for segment, measured in zip(told["segments"], report.segments, strict=True):
        assert segment["ref"] == measured.ref
        assert segment["output"] == list(measured.output)
        assert segment["source"] == list(measured.source)
        assert segment["audio"] == list(measured.audio)
        assert segment["face"] == measured.face


def test_who_speaks(report: QualityReport) -> None:
    faces = [one.face for one in report.segments]
    assert None not in faces
    assert faces[0] == faces[3]
    assert faces[1] == faces[2]
    assert faces[0] != faces[1]


def test_only_the_chosen_mouth_is_changed(source: Film, output: Film, report: QualityReport) -> None:
    """Seen in the encoded file: in each segment of kept timing one mouth differs from the source, the others do not."""
    for index, who in ((0, "left"), (1, "right"), (3, "left")):
        segment = report.segments[index]
        shift = segment.output[0] - segment.source[0]
        times = [segment.source[0] + FRAME / 2 + FRAME * number for number in range(4, 28, 3)]
        changed = {
            name: sum(difference(source.at(time), output.at(time + shift), box) for time in times) / len(times)
            for name, box in MOUTHS.items()
        }
        others = [value for name, value in changed.items() if name != who]
        assert max(others) < LOSS, changed
        assert changed[who] > 1.5 * max(others), changed


def test_between_the_segments_all_is_as_it_was(source: Film, output: Film, report: QualityReport) -> None:
    assert report.equality.kept
    assert report.frames.output == report.frames.asked + report.frames.untouched
    assert report.encoding is not None
    assert report.equality.untouched_frames + report.encoding.copied_frames >= report.frames.untouched
    for time in (0.1, 2.2, 4.5, 5.5):
        assert difference(source.at(time), output.at(time)) < LOSS
    shift = report.segments[3].output[0] - report.segments[3].source[0]
    for time in (8.3, 10.5, 11.5):
        assert difference(source.at(time), output.at(time + shift)) < LOSS


def test_quality(report: QualityReport) -> None:
    for segment in report.segments:
        assert segment.frames.edited >= 0.95 * segment.frames.asked
        meters = segment.meters
        assert meters.coverage is not None
        assert meters.coverage >= 0.95
        for name in ("av_correlation", "av_offset_ms", "edge_step", "sharpness_ratio"):
            assert getattr(meters, name) is not None or meters.unmeasured[name]
    assert report.overall.av_correlation is not None
    assert report.overall.av_correlation > 0.4


def test_the_spoken_text_can_be_heard(service: Service, job: dict[str, Any]) -> None:
    assert service.http.get(job["synthesizedAudioUrl"]).status_code == 200


def test_its_webhook(job: dict[str, Any], webhooks: Receiver, secret: str) -> None:
    [call] = webhooks.wait("two-speakers")
    assert (call.json["id"], call.json["status"]) == (job["id"], "COMPLETED")
    assert call.json["outputDuration"] == pytest.approx(job["outputDuration"])
    assert valid_raw(call, secret)
    assert valid_reserialised(call, secret)


def test_its_webhook_by_javascript(job: dict[str, Any], webhooks: Receiver, secret: str, node: Node) -> None:
    [call] = webhooks.wait("two-speakers")
    assert job["id"] == call.json["id"]
    told = {"signature": call.headers["sync-signature"], "body": call.body.decode(), "secret": secret}
    assert node("verify", **told)["valid"]
