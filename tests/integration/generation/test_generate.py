"""A whole generation around a stand-in engine: what is edited, what is not, when, and what is left behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from av.container import InputContainer
from tests.integration.generation.conftest import FAST, SIZE, Stage, flat_visemes
from tests.synthetic import Sound, cfr, make_still, number_of, vfr
from tests.unit.quality.faces import track_of

from lipwright.errors import (
    Cancelled,
    DurationExceeded,
    LipwrightError,
    NoUsableFace,
    OutputError,
    RenderError,
    RequestError,
)
from lipwright.generation import cast, scene
from lipwright.generation.asked import Choices, Face, Segment, build_request
from lipwright.generation.asked import Sound as Given
from lipwright.generation.generate import Result, Settings, generate
from lipwright.media import guard
from lipwright.media.audio import load_mono
from lipwright.media.guard import Limits
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.progress import CancelToken, Progress
from lipwright.quality.measure import FrameMeter
from lipwright.quality.report import QualityReport
from lipwright.timeline.options import PointOnFrame


def run(
    stage: Stage,
    video: Path,
    audio: Given | dict[str, Given],
    segments: Sequence[Segment] = (),
    choices: Choices | None = None,
    progress: Progress | None = None,
    **settings: object,
) -> Result:
    """Generate `out.mp4` in the stage's folder."""
    request = build_request(video, audio, segments, choices)
    made = Settings(engine=stage.engine, quality="draft", cache=None, **settings)  # type: ignore[arg-type]
    return generate(request, stage.folder / "out.mp4", made, progress)


def squares(path: Path, face: int = 1) -> list[str]:
    """What is over the mouth on every frame: "speech", "rest", or "-" for the source's own picture."""
    info = probe(path)
    found = []
    left = 30 + 60 * (face - 1)
    with open_reader(path, info) as reader:
        for frame in reader.frames():
            patch = frame.picture.planes[0][84:96, left + 4 : left + 26].astype(float)
            flat = patch.std() < 6
            found.append("speech" if flat and patch.mean() > 200 else "rest" if flat and patch.mean() < 40 else "-")
    return found


def numbers(path: Path) -> list[int | None]:
    """The source frame that every output frame shows."""
    with open_reader(path, probe(path)) as reader:
        return [number_of(frame.picture.planes[0]) for frame in reader.frames()]


def left_behind(stage: Stage) -> set[str]:
    return {path.name for path in stage.folder.iterdir()} - {"in.mp4", "speech.wav", "b.wav"}


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("lipwright")]


def test_a_segment_is_edited_and_nothing_else_is(stage: Stage) -> None:
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 2)])
    assert squares(result.output) == ["-"] * 25 + ["speech"] * 25 + ["-"] * 25
    assert numbers(result.output) == list(range(75))
    report = QualityReport.read(result.report_path)
    assert report == result.report
    assert (report.frames.asked, report.frames.edited, report.frames.untouched) == (25, 25, 50)
    assert report.encoding is not None
    assert (report.encoding.copied_frames, report.encoding.encoded_frames) == (25, 50)
    assert (report.equality.untouched_frames, report.equality.untouched_differing) == (25, 0)
    assert (report.equality.edited_frames, report.equality.outside_mask_differing) == (25, 0)
    assert left_behind(stage) == {"out.mp4", "out.report.json"}
    assert threads() == []


def test_sound_is_the_original_outside_and_the_speech_inside(stage: Stage) -> None:
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 2)])
    sound = load_mono(result.output, 16000)
    assert abs(len(sound) / 16000 - 3) < 1024 / 48000  # less than one frame of AAC

    def pitch(start: float, stop: float) -> float:
        piece = sound[round(start * 16000) : round(stop * 16000)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        return float(np.argmax(spectrum) * 16000 / len(piece))

    assert pitch(1.1, 1.9) == pytest.approx(200, abs=3)
    for start, stop in ((0.1, 0.9), (2.1, 2.9)):
        assert min(abs(pitch(start, stop) - expected) for expected in (440, 660)) < 3


@pytest.mark.parametrize(
    ("clip", "frames"),
    [
        (cfr(Fraction(30000, 1001), 60, width=SIZE[0], height=SIZE[1], options=FAST), 60),
        (cfr(Fraction(60), 90, width=SIZE[0], height=SIZE[1], options=FAST, sound=Sound(layout="mono")), 90),
        (vfr(40, width=SIZE[0], height=SIZE[1], options=FAST), 40),
        (cfr(Fraction(25), 50, width=SIZE[0] + 1, height=SIZE[1] + 1, options=FAST, pix_fmt="yuv444p"), 50),
        (cfr(Fraction(25), 50, width=SIZE[0], height=SIZE[1], options=FAST, pix_fmt="yuv420p10le"), 50),
        (cfr(Fraction(25), 50, width=SIZE[1], height=SIZE[0], options=FAST, rotation=90), 50),
        (cfr(Fraction(25), 50, width=SIZE[0], height=SIZE[1], options=FAST, sound=Sound(layout="5.1")), 50),
    ],
    ids=["29.97", "60 mono", "vfr", "odd 4:4:4", "10 bit", "rotated", "5.1"],
)
def test_every_time_stays_what_it_was(stage: Stage, clip: object, frames: int) -> None:
    source = stage.clip(clip)  # type: ignore[arg-type]
    result = run(stage, source, stage.speech(0.5), [Segment(Fraction(1, 2), 1)], Choices(preserve_timing=True))
    before, after = probe(source).video, probe(result.output).video
    assert before is not None
    assert after is not None
    assert [after.time(i) for i in range(after.frames)] == [before.time(i) for i in range(before.frames)]
    assert after.frames == frames
    assert after.duration == before.duration
    assert numbers(result.output) == list(range(frames))
    assert result.report.frames.edited > 5
    assert result.report.equality.kept


def test_whole_video_bounces_through_the_turn_as_one_role(stage: Stage) -> None:
    result = run(stage, stage.clip(), stage.speech(4.0))
    assert numbers(result.output) == [*range(75), *range(73, 48, -1)]
    assert squares(result.output) == ["speech"] * 100
    assert len(stage.engine.jobs) == 1
    job = stage.engine.jobs[0]
    assert [task.output for task in job.tasks] == list(range(100))
    assert (job.ease_in, job.ease_out) == (False, False)


def test_the_mouth_rests_where_pinned_speech_has_ended(stage: Stage) -> None:
    result = run(stage, stage.clip(), stage.speech(0.4), [Segment(1, 2)], Choices(preserve_timing=True))
    assert squares(result.output)[25:50] == ["speech"] * 10 + ["rest"] * 15
    job = stage.engine.jobs[0]
    assert (job.ease_in, job.ease_out) == (True, True)


def test_two_faces_speak_at_once(stage: Stage) -> None:
    second = replace(track_of(np.full(75, 0.05), scale=30.0, centre=(120.0, 60.0)), id=2)
    stage.faces = [*stage.faces, second]
    segments = [
        Segment(0, 2, "a", speaker=PointOnFrame(0, 60, 60), preserve_timing=True),
        Segment(1, 3, "b", speaker=PointOnFrame(0, 120, 60), preserve_timing=True),
    ]
    sounds: dict[str, Given] = {"a": stage.speech(2.0), "b": stage.speech(2.0, "b.wav", 300.0)}
    result = run(stage, stage.clip(), sounds, segments)
    assert squares(result.output, 1) == ["speech"] * 50 + ["-"] * 25
    assert squares(result.output, 2) == ["-"] * 25 + ["speech"] * 50
    assert [segment.face for segment in result.report.segments] == [1, 2]
    assert result.report.equality.kept


def test_a_frame_that_the_engine_fails_on_passes_through_and_is_told(stage: Stage) -> None:
    stage.engine.fails_at, stage.engine.passes_at = frozenset({3, 4}), frozenset({10})
    result = run(stage, stage.clip(), stage.speech(3.0))
    seen = squares(result.output)
    assert [i for i, what in enumerate(seen) if what == "-"] == [3, 4, 10]
    assert result.report.frames.reasons == {"engine_failed": 2, "turned_away": 1}
    assert any("ZeroDivisionError: boom" in warning for warning in result.report.warnings)


def test_a_segment_whose_lips_hardly_moved_is_told(stage: Stage) -> None:
    stage.engine.passes_at = frozenset({*range(25), *range(60, 70)})
    segments = [Segment(0, 1), Segment(1, 2), Segment(2, 3)]
    result = run(stage, stage.clip(), stage.speech(1.0), segments)
    assert [segment.frames.edited for segment in result.report.segments] == [0, 25, 15]
    assert result.report.warnings == ("The lips were moved on none of the 25 frames of segments[0]: turned away (25).",)


def test_a_second_best_recogniser_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = replace(flat_visemes(60), recogniser="energy")
    monkeypatch.setattr(scene, "heard_speech", lambda edl, paths, *_: dict.fromkeys(paths, heard))
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 2)])
    assert result.report.speech[0].recogniser == "energy"
    assert any("come from energy" in warning and "models fetch" in warning for warning in result.report.warnings)


def test_the_mode_of_a_still_is_not_that_of_a_video(stage: Stage) -> None:
    portrait = make_still(stage.folder / "face.png", *SIZE, "png")
    free = run(stage, portrait, stage.speech(1.0))
    assert (free.report.segments[0].sync_mode, free.report.warnings) == ("still", ())
    kept = run(stage, portrait, stage.speech(1.0), [Segment(0, 1)], Choices(preserve_timing=True))
    assert kept.report.segments[0].sync_mode == "preserve_timing"


def test_limits_hold_for_sound_as_well(stage: Stage) -> None:
    clip, speech = stage.clip(), stage.speech(4.0)
    with pytest.raises(DurationExceeded, match=r"The sound of 'speech\.wav' lasts longer than 3\.5 s"):
        run(stage, clip, speech, limits=Limits(max_duration=Fraction(7, 2)))
    assert left_behind(stage) == set()


def test_everything_is_opened_under_the_limits_of_the_settings(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, Limits]] = []
    really = guard._open_container

    def opening(file: BinaryIO, name: str, purpose: guard.Purpose, limits: Limits) -> InputContainer:
        opened.append((name, limits))
        return really(file, name, purpose, limits)

    clip, speech = stage.clip(), stage.speech(1.0)
    monkeypatch.setattr(guard, "_open_container", opening)
    wide = Limits(max_duration=Fraction(5 * 3600))
    run(stage, clip, speech, [Segment(1, 2)], limits=wide)
    assert {name for name, _ in opened} == {"in.mp4", "speech.wav"}
    assert {limits for _, limits in opened} == {wide}


def test_faces_named_by_number_are_looked_for_once(stage: Stage) -> None:
    second = replace(track_of(np.full(75, 0.05), scale=30.0, centre=(120.0, 60.0)), id=2)
    stage.faces = [track_of(np.full(75, 0.05), scale=30.0, centre=(60.0, 60.0)), second]
    segments = [Segment(0, 1, speaker=Face(1)), Segment(1, 2, speaker=Face(2)), Segment(2, 3, speaker=Face(1))]
    result = run(stage, stage.clip(), stage.speech(1.0), segments)
    assert [segment.face for segment in result.report.segments] == [1, 2, 1]
    assert result.faces_at_once == 2
    assert [list(ranges) for ranges in stage.analysed] == [[(0, 75)], [(0, 75)]]  # to choose, then to render


def test_a_meter_that_fails_costs_its_figures_and_not_the_job(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(FrameMeter, "_sample", fail)
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 2)])
    assert squares(result.output) == ["-"] * 25 + ["speech"] * 25 + ["-"] * 25
    assert result.report.frames.edited == 25
    assert result.report.equality.edited_frames == 25
    assert result.report.equality.kept
    assert result.report.overall.av_correlation is None


def test_an_empty_segment_changes_nothing(stage: Stage) -> None:
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 1)])
    assert squares(result.output) == ["-"] * 75
    assert (result.report.frames.asked, result.report.frames.untouched) == (0, 75)


def test_an_engine_that_refuses_everything_fails_the_job_and_leaves_nothing(stage: Stage) -> None:
    stage.engine.refuses = RenderError("No mouth was seen.")
    with pytest.raises(RenderError, match=r"No mouth was seen\."):
        run(stage, stage.clip(), stage.speech(3.0))
    assert left_behind(stage) == set()
    assert threads() == []


def test_no_face_is_one_sentence(stage: Stage) -> None:
    stage.faces = []
    with pytest.raises(NoUsableFace, match=r"No face was found in 'in\.mp4'"):
        run(stage, stage.clip(), stage.speech(3.0))
    assert left_behind(stage) == set()


def test_a_segment_without_a_face_passes_when_another_has_one(stage: Stage) -> None:
    stage.faces = [track_of(np.full(25, 0.05), scale=30.0, centre=(60.0, 60.0))]
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(0, 1), Segment(2, 3)])
    assert squares(result.output) == ["speech"] * 25 + ["-"] * 50
    assert result.report.segments[1].frames.reasons == {"no_face": 25}
    assert result.report.segments[1].face is None
    assert any("segments[1]" in warning for warning in result.report.warnings)


def test_cancelling_in_mid_render_leaves_nothing(stage: Stage) -> None:
    token = CancelToken()
    stage.engine.on_frame = lambda output: token.cancel() if output == 20 else None
    with pytest.raises(Cancelled):
        run(stage, stage.clip(), stage.speech(3.0), progress=Progress(token=token))
    assert left_behind(stage) == set()
    assert threads() == []


def test_an_exception_in_the_listener_ends_the_job_cleanly(stage: Stage) -> None:
    def listen(event: object) -> None:
        if getattr(event, "phase", "") == "render" and getattr(event, "done", 0) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stage, stage.clip(), stage.speech(3.0), progress=Progress(listen))
    assert left_behind(stage) == set()
    assert threads() == []


def test_the_same_request_gives_the_same_bytes(stage: Stage) -> None:
    clip, speech = stage.clip(), stage.speech(2.0)
    first = run(stage, clip, speech, [Segment(0, 2)]).output.read_bytes()
    assert run(stage, clip, speech, [Segment(0, 2)]).output.read_bytes() == first


def test_only_what_is_needed_is_analysed(stage: Stage) -> None:
    clip = cfr(Fraction(25), 1500, width=64, height=64, options=FAST)
    stage.faces = [track_of(np.full(1500, 0.05), scale=10.0, centre=(30.0, 30.0))]
    stage.engine.passes_at = frozenset(range(1500))
    run(stage, stage.clip(clip), stage.speech(2.0), [Segment(20, 22)])
    ((ranges,),) = [stage.analysed]
    ((start, stop),) = ranges
    assert start < 500 < 550 < stop
    assert 300 <= stop - start <= 302


def test_a_new_shot_is_a_new_role(stage: Stage) -> None:
    other = replace(track_of(np.full(75, 0.05), scale=30.0, centre=(60.0, 60.0)), id=2)
    first = stage.faces[0]
    stage.faces = [_rows(first, slice(0, 40)), _rows(other, slice(40, 75))]
    stage.cuts = (40,)
    run(stage, stage.clip(), stage.speech(3.0))
    assert [(job.track.id, len(job.tasks)) for job in stage.engine.jobs] == [(1, 40), (2, 35)]
    assert all(not job.ease_in and not job.ease_out for job in stage.engine.jobs)


def test_a_long_role_is_handed_over_at_a_rest_without_easing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cast, "LONG", 30)
    rest = flat_visemes(60)
    rest.speech[:] = 1.0
    rest.speech[120:180] = 0.0
    monkeypatch.setattr(scene, "heard_speech", lambda edl, paths, *_: dict.fromkeys(paths, rest))
    result = run(stage, stage.clip(), stage.speech(3.0))
    assert [[task.output for task in job.tasks] for job in stage.engine.jobs] == [
        list(range(35)),
        list(range(35, 73)),
        [73, 74],
    ]
    assert not any(job.ease_in or job.ease_out for job in stage.engine.jobs)
    assert squares(result.output) == ["speech"] * 75
    assert result.report.frames.edited == 75
    assert "neither starts nor stops" in result.report.overall.unmeasured["boundary_jump"]


def _rows(track: object, rows: slice) -> object:
    """Some rows of a track."""
    kept = {name: getattr(track, name)[rows] for name in track.__slots__ if name != "id"}  # type: ignore[attr-defined]
    return replace(track, **kept)  # type: ignore[type-var]


def test_a_debug_overlay_is_a_second_video_with_the_same_times(stage: Stage) -> None:
    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 2)], debug_overlay=stage.folder / "debug.mp4")
    assert result.debug_overlay is not None
    drawn, plain = probe(result.debug_overlay), probe(result.output)
    assert drawn.video is not None
    assert plain.video is not None
    assert list(drawn.video.grid.pts) == list(plain.video.grid.pts)
    assert result.debug_overlay.read_bytes() != result.output.read_bytes()


def test_the_file_says_where_it_was_edited(stage: Stage) -> None:
    import av

    result = run(stage, stage.clip(), stage.speech(1.0), [Segment(1, 2)])
    with av.open(str(result.output)) as container:
        assert "1.000-2.000 s" in container.metadata["comment"]


@pytest.mark.parametrize(
    ("output", "settings", "match"),
    [
        ("in.mp4", {}, "is an input"),
        ("nowhere/out.mp4", {}, "does not exist"),
        ("out.mov", {}, "has to end in"),
        ("out.mp4", {"report": "out.mp4"}, "different files"),
    ],
)
def test_bad_targets_are_refused_before_any_work(
    stage: Stage, output: str, settings: dict[str, str], match: str
) -> None:
    request = build_request(stage.clip(), stage.speech(1.0))
    made = Settings(engine=stage.engine, **{name: stage.folder / value for name, value in settings.items()})
    before = {path.name: path.stat().st_size for path in stage.folder.iterdir()}
    with pytest.raises(OutputError, match=match):
        generate(request, stage.folder / output, made)
    assert {path.name: path.stat().st_size for path in stage.folder.iterdir()} == before
    assert stage.analysed == []


def test_unknown_engines_and_presets_are_named(stage: Stage) -> None:
    request = build_request(stage.clip(), stage.speech(1.0))
    for settings, match in ((Settings(engine="magic"), "magic"), (Settings(quality="ultra"), "ultra")):
        with pytest.raises((RequestError, LipwrightError), match=match):
            generate(request, stage.folder / "out.mp4", settings)
    assert left_behind(stage) == set()
