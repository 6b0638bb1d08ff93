"""A generation in pieces gives what a generation in one go gives, wherever it is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from tests.integration.generation.conftest import FAST, SIZE, SquareEngine, Stage
from tests.synthetic import Synthetic, cfr, make_still, vfr
from tests.unit.quality.faces import head, placed, track_of

from lipwright.engines.base import Edit, EngineJob, FrameTask, MouthRenderer, PassReason
from lipwright.errors import Cancelled, NoUsableFace, RenderError, RequestError
from lipwright.faces.analysis import FaceAnalysis, analysed
from lipwright.faces.rows import ROW, RowFile
from lipwright.faces.store import Store, scratch_store
from lipwright.generation import generate as in_one_go
from lipwright.generation import runs as runs_module
from lipwright.generation import scene, stretches
from lipwright.generation.asked import Choices, Face, Segment, Text, build_request
from lipwright.generation.generate import Result, Settings, generate
from lipwright.generation.pieces import piece as piece_module
from lipwright.generation.pieces import prepare as prepare_module
from lipwright.generation.pieces.join import join
from lipwright.generation.pieces.piece import render_piece
from lipwright.generation.pieces.prepare import Prepared, prepare
from lipwright.generation.pieces.readings import readings_beside
from lipwright.generation.ranges import Range
from lipwright.media.audio import load_mono
from lipwright.media.encoder import CodedFrame, VideoEncoder
from lipwright.media.info import MediaInfo
from lipwright.media.picture import Picture
from lipwright.media.probe import probe
from lipwright.progress import CancelToken, Progress, ProgressEvent
from lipwright.quality.channel import Drive
from lipwright.quality.measure import FrameMeter
from lipwright.quality.readings import FrameReading
from lipwright.quality.report import Performance, QualityReport
from lipwright.speech.tts import Speech, TextToSpeech
from lipwright.speech.tts.fake import FakeSynthesiser
from lipwright.speech.tts.speech import Manner
from lipwright.timeline.request import GenerationRequest, TextInput

F32 = np.ndarray
MOUTH = (slice(84, 96), slice(34, 56))


@dataclass
class Spoken(TextToSpeech):
    """Every text in buzzes, at once."""

    synthesiser: FakeSynthesiser

    def speak(self, text: TextInput, progress: Progress | None = None) -> Speech:
        return self.synthesiser.speak(text.script, text.voice_id, Manner(), progress or Progress())


class ChangingEngine(SquareEngine):
    """Paints a square whose brightness is that of the output frame and of nothing else."""

    def prepare(self, job: EngineJob) -> MouthRenderer:
        super().prepare(job)
        return _Changing(self)


@dataclass
class _Changing:
    engine: SquareEngine

    def render(self, task: FrameTask, picture: Picture) -> Edit | PassReason:
        self.engine.on_frame(task.output)
        if task.output in self.engine.fails_at:
            raise ZeroDivisionError("boom")
        if task.output in self.engine.passes_at:
            return PassReason.TURNED_AWAY
        yuv = np.full((20, 30, 3), 128.0, np.float32)
        yuv[..., 0] = 120 + 40 * np.sin(task.output / 3)
        alpha = np.pad(np.ones((14, 24), np.float32), 3)
        return Edit((30, 80, 60, 100), yuv, alpha, np.zeros((478, 3), np.float32))


def read_lips(picture: Picture, crop: F32) -> F32:
    """Lips as open as the square is bright."""
    return placed(head(0.02 + float(picture.planes[0][MOUTH].mean()) / 1000), np.eye(3), 30.0, (60.0, 90.0))


@pytest.fixture
def kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, with faces that lie in a store as an analysis does, and lips that can be read."""
    gaps = 0.05 + 0.03 * np.sin(np.arange(400) / 3.0)
    stage.faces = [track_of(gaps, scale=30.0, centre=(60.0, 90.0))]
    stage.engine = ChangingEngine()

    def faces_kept(
        path: Path, info: MediaInfo, ranges: Sequence[Range], progress: Progress, store: Store, *_: object
    ) -> FaceAnalysis:
        stage.analysed.append(ranges)
        for start, stop in ranges:
            with store.new_piece(start, stop) as draft:
                for number, track in enumerate(stage.faces):
                    rows = RowFile(draft.path / f"{number:05d}.rows")
                    for i in np.flatnonzero((track.frames >= start) & (track.frames < stop)):
                        row = np.zeros((), ROW)
                        row["frame"], row["crop"], row["presence"] = track.frames[i], track.crops[i], 1.0
                        row["rotation"], row["landmarks"] = track.rotations[i], track.quantised[i]
                        rows.add(row)
                    rows.flush()
                draft.finish(SIZE, [cut for cut in stage.cuts if start < cut < stop])
        found = analysed(store, ranges)
        assert found is not None
        return found

    def faces_on(path: Path, info: MediaInfo, ranges: Sequence[Range], progress: Progress, *_: object) -> FaceAnalysis:
        return faces_kept(path, info, ranges, progress, scratch_store())

    def meter(
        drives: Sequence[Drive], keep: Callable[[FrameReading], None], *, remember_first: bool = False
    ) -> FrameMeter:
        return FrameMeter(drives, keep, reader=read_lips, remember_first=remember_first)

    for module in (in_one_go, prepare_module):
        monkeypatch.setattr(module, "faces_on", faces_on)
    monkeypatch.setattr(prepare_module, "faces_kept", faces_kept)
    for module in (in_one_go, piece_module):
        monkeypatch.setattr(module, "FrameMeter", meter)
    monkeypatch.setattr(stretches, "RUN", Fraction(2, 5))  # some runs in a clip of three seconds
    return stage


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, Fraction]]:
    """Every picture that goes to an encoder from now on, as a digest, and how long it is shown."""
    seen: list[tuple[bytes, Fraction]] = []
    really = VideoEncoder.add

    def add(
        encoder: VideoEncoder, picture: Picture, frame: int, time: Fraction, duration: Fraction
    ) -> Iterator[CodedFrame]:
        seen.append((sha256(b"".join(plane.tobytes() for plane in picture.planes)).digest(), duration))
        return really(encoder, picture, frame, time, duration)

    monkeypatch.setattr(VideoEncoder, "add", add)
    return seen


def settings(stage: Stage, **changed: object) -> Settings:
    return Settings(engine=stage.engine, quality="balanced", cache=None, **changed)  # type: ignore[arg-type]


def whole(stage: Stage, request: GenerationRequest) -> Result:
    return generate(request, stage.folder / "whole.mp4", settings(stage))


def rendered(stage: Stage, request: GenerationRequest, count: int) -> tuple[Path, list[Path]]:
    """Prepare, unless that is done, and render about `count` pieces; the folder and the pieces."""
    folder = stage.folder / "prepared"
    prepared = Prepared.read(folder) if folder.exists() else prepare(request, folder, settings(stage))
    pieces = []
    for first, stop in prepared.pieces(prepared.encoded * prepared.frame_duration / count):
        pieces.append(stage.folder / f"piece-{first}.mp4")
        render_piece(request, folder, first, stop, pieces[-1], settings(stage))
    assert len(pieces) == min(count, len(prepared.runs))
    return folder, pieces


def in_pieces(stage: Stage, request: GenerationRequest, count: int) -> Result:
    folder, pieces = rendered(stage, request, count)
    return join(request, folder, pieces, stage.folder / "joined.mp4", settings(stage))


def figures(result: Result) -> QualityReport:
    """The report without what tells one run from another."""
    output = replace(result.report.output, name="")
    return replace(result.report, output=output, performance=Performance(0.0, 0))


@dataclass(frozen=True)
class Stream:
    shown: list[int]
    decoded: list[tuple[int, int]]
    pictures: list[np.ndarray]
    sound: list[bytes]


def stream(path: Path) -> Stream:
    """When pictures are shown; times and durations of decoding (MP4 has no others); what pictures and sound are."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        times = [(packet.pts or 0, packet.dts or 0, packet.duration or 0) for packet in packets]
    with av.open(str(path)) as container:
        sound = [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert all(dts <= pts for pts, dts, _ in times)
    assert all(a[1] < b[1] for a, b in pairwise(times))
    return Stream(sorted(time[0] for time in times), [time[1:] for time in times], pictures, sound)


def assert_same(one: Result, other: Result) -> None:
    a, b = stream(one.output), stream(other.output)
    assert a.shown == b.shown
    assert a.decoded == b.decoded
    assert a.sound == b.sound
    assert len(a.pictures) == len(b.pictures)
    for mine, yours in zip(a.pictures, b.pictures, strict=True):
        error = np.square(mine.astype(np.float64) - yours).mean()
        assert error < 255**2 / 10 ** (38 / 10)  # 38 dB; another frame of these clips is under 20
    assert figures(one) == figures(other)
    assert one.faces_at_once == other.faces_at_once
    before, after = probe(one.output).video, probe(other.output).video
    assert before is not None
    assert after is not None
    assert replace(after, keys=before.keys) == before
    assert QualityReport.read(other.report_path) == other.report


CLIPS: dict[str, Callable[[], Synthetic]] = {
    "sound": lambda: cfr(Fraction(25), 75, width=SIZE[0], height=SIZE[1], options=FAST),
    "vfr": lambda: vfr(60, width=SIZE[0], height=SIZE[1], options=FAST),
    "late picture": lambda: cfr(Fraction(30000, 1001), 60, 2, width=SIZE[0], height=SIZE[1], options=FAST),
    "odd, 10 bits": lambda: cfr(
        Fraction(24), 60, width=SIZE[0] + 1, height=SIZE[1] + 1, pix_fmt="yuv444p10le", options=FAST
    ),
}


@pytest.mark.parametrize("name", CLIPS)
def test_the_split_is_not_seen(kept: Stage, encoded: list[tuple[bytes, Fraction]], name: str) -> None:
    kept.engine.passes_at, kept.engine.fails_at = frozenset({12, 40, 41}), frozenset({30, 50})
    request = build_request(
        kept.clip(CLIPS[name]()), kept.speech(2.0), [Segment(Fraction(1, 4), 1), Segment(Fraction(8, 5), 2)]
    )
    one = whole(kept, request)
    assert one.report.frames.edited > 10
    assert one.report.overall.boundary_jump is not None
    before = list(encoded)
    for count in (1, 2, 5) if name == "sound" else (5,):
        encoded.clear()
        assert_same(one, in_pieces(kept, request, count))
        assert encoded == before


def test_a_damaged_source_is_repaired_alike_wherever_a_piece_begins(
    kept: Stage, encoded: list[tuple[bytes, Fraction]]
) -> None:
    source = kept.clip()
    with av.open(str(source)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size and p.pos is not None]
    spoilt = bytearray(source.read_bytes())
    for number in (22, 30, 46):  # the second is a key frame
        at, size = packets[number].pos or 0, packets[number].size
        spoilt[at + 4 : at + size] = bytes(size - 4)
    source.write_bytes(spoilt)
    request = build_request(source, kept.speech(1.0), [Segment(1, 2)])
    one = whole(kept, request)
    assert one.report.frames.damaged >= 3
    before = list(encoded)
    encoded.clear()
    assert_same(one, in_pieces(kept, request, 7))
    assert encoded == before


def test_a_bounce_and_a_kept_background_are_joined(kept: Stage) -> None:
    request = build_request(
        kept.clip(), {"a": kept.speech(4.5)}, [Segment(0, 2, "a")], Choices(background=0.3, sync_mode="bounce")
    )
    one = whole(kept, request)
    measured = one.report.overall
    assert None not in (measured.jitter_ratio, measured.source_leak, measured.edge_step, measured.boundary_jump)
    assert_same(one, in_pieces(kept, request, 3))


@pytest.mark.parametrize("full", [False, True], ids=["copied", "encoded"])
def test_a_border_where_editing_starts_is_compared_across_it(
    kept: Stage, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    # Both edges of the only segment lie on borders, of copied stretches or of pieces: the jump is known only from
    # frames of different ones.
    monkeypatch.setattr(stretches, "RUN", Fraction(1))
    clip = kept.clip(cfr(Fraction(25), 75, width=SIZE[0], height=SIZE[1], options={**FAST, "g": "25"}))
    request = build_request(clip, kept.speech(1.0), [Segment(1, 2)], full_reencode=full)
    chosen = settings(kept)
    one = generate(request, kept.folder / "whole.mp4", chosen)
    prepared = prepare(request, kept.folder / "prepared", chosen)
    assert prepared.runs == (((0, 25), (25, 50), (50, 75)) if full else ((25, 50),))
    pieces = [kept.folder / f"{first}.mp4" for first, _ in prepared.runs]
    for (first, stop), piece in zip(prepared.runs, pieces, strict=True):
        render_piece(request, kept.folder / "prepared", first, stop, piece, chosen)
    assert_same(one, join(request, kept.folder / "prepared", pieces, kept.folder / "joined.mp4", chosen))
    assert one.report.encoding is not None
    assert one.report.encoding.copied_frames == (0 if full else 50)
    assert one.report.overall.boundary_jump is not None
    other = generate(replace(request, full_reencode=not full), kept.folder / "other.mp4", chosen)
    assert other.report.overall == one.report.overall
    assert other.report.frames == one.report.frames


def test_pieces_have_the_very_packets_of_a_generation_in_one_go(kept: Stage) -> None:
    request = build_request(kept.clip(), kept.speech(1.0), [Segment(1, 2)])
    # At slower presets x264's look-ahead reads memory that it did not write and chooses otherwise from run to run.
    draft = replace(settings(kept), quality="draft")
    folder = kept.folder / "prepared"
    prepared = prepare(request, folder, draft)
    made = [generate(request, kept.folder / "whole.mp4", draft)]
    for count in (1, 2, 5):
        pieces = []
        for first, stop in prepared.pieces(prepared.encoded * prepared.frame_duration / count):
            pieces.append(kept.folder / f"piece-{count}-{first}.mp4")
            render_piece(request, folder, first, stop, pieces[-1], draft)
        assert len(pieces) == count
        made.append(join(request, folder, pieces, kept.folder / f"joined-{count}.mp4", draft))
    packets = []
    for result in made:
        with av.open(str(result.output)) as container:
            found = [(p.pts, p.dts, bytes(p)) for p in container.demux(container.streams.video[0]) if p.size]
            packets.append((found, container.metadata["comment"]))
    assert packets[0] == packets[1] == packets[2] == packets[3]


def test_a_still_and_a_new_shot(kept: Stage) -> None:
    still = build_request(make_still(kept.folder / "face.png", *SIZE, "png"), kept.speech(2.0))
    one = whole(kept, still)
    assert_same(one, in_pieces(kept, still, 2))
    (kept.folder / "prepared").rename(kept.folder / "prepared before")
    kept.cuts = (40,)
    request = build_request(kept.clip(), kept.speech(3.0))
    assert_same(whole(kept, request), in_pieces(kept, request, 3))


def test_only_the_roles_of_a_piece_are_prepared_and_those_in_full(kept: Stage) -> None:
    request = build_request(kept.clip(), kept.speech(1.0), [Segment(0, 1), Segment(2, 3)], full_reencode=True)
    chosen = settings(kept)
    prepared = prepare(request, kept.folder / "prepared", chosen)
    assert prepared.frames == 75
    assert kept.engine.jobs == []
    starts = [first for first, _ in prepared.runs]
    for first, stop, tasks in (
        (0, starts[1], [range(25)]),
        (starts[3], starts[4], []),
        (starts[1], 75, [range(25), range(50, 75)]),
    ):
        kept.engine.jobs.clear()
        render_piece(request, kept.folder / "prepared", first, stop, kept.folder / "p.mp4", chosen)
        assert [[task.output for task in job.tasks] for job in kept.engine.jobs] == [list(one) for one in tasks]


def test_nothing_is_looked_for_or_heard_again_wherever_the_files_are(
    kept: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = build_request(kept.clip(), kept.speech(1.0), [Segment(0, 1, speaker=Face(1)), Segment(1, 2)])
    one = whole(kept, request)
    prepared = prepare(request, kept.folder / "prepared", settings(kept))

    def never(*_: object) -> None:
        raise AssertionError

    for name in ("heard_speech", "heard_original"):
        monkeypatch.setattr(scene, name, never)
    for name in ("faces_on", "faces_kept", "open_inputs"):
        monkeypatch.setattr(prepare_module, name, never)
    there = kept.folder / "another machine"
    for name in prepared.files:
        (there / "prepared" / name).parent.mkdir(parents=True, exist_ok=True)
        (kept.folder / "prepared" / name).rename(there / "prepared" / name)
    for name in ("in.mp4", "speech.wav"):
        (kept.folder / name).rename(there / f"moved-{name}")
    moved = build_request(
        there / "moved-in.mp4", there / "moved-speech.wav", [Segment(0, 1, speaker=Face(1)), Segment(1, 2)]
    )
    border = prepared.runs[2][1]
    pieces = [there / f"{first}.mp4" for first in (0, border)]
    render_piece(moved, there / "prepared", 0, border, pieces[0], settings(kept))
    render_piece(moved, there / "prepared", border, prepared.runs[-1][1], pieces[1], settings(kept))
    assert_same(one, join(moved, there / "prepared", pieces[::-1], there / "out.mp4", settings(kept)))


def test_a_text_is_spoken_once_and_can_be_fetched(kept: Stage) -> None:
    request = build_request(kept.clip(), {"said": Text("Hello there.")}, [Segment(0, 1, "said")])
    speaker = FakeSynthesiser()
    speaks = settings(kept, speech=Spoken(speaker))
    folder = kept.folder / "prepared"
    prepared = prepare(request, folder, speaks)
    assert prepared.spoken == {"said": "speech-0.wav"}
    assert len(load_mono(folder / "speech-0.wav", 16000)) == 0.6 * 16000
    assert "speech-0.wav" in prepared.files
    assert Prepared.read(folder) == prepared
    render_piece(request, folder, prepared.runs[0][0], prepared.runs[-1][1], kept.folder / "p.mp4", settings(kept))
    joined = join(request, folder, [kept.folder / "p.mp4"], kept.folder / "joined.mp4", settings(kept))
    assert len(speaker.spoken) == 1
    assert joined.report.speech[0].voice == "heart"
    assert_same(generate(request, kept.folder / "whole.mp4", speaks), joined)


def test_engines_that_fail_are_told_once_and_in_order(kept: Stage) -> None:
    request = build_request(kept.clip(), kept.speech(3.0))
    kept.engine.refuses = RenderError("No mouth was seen.")
    folder, pieces = rendered(kept, request, 2)
    with pytest.raises(RenderError, match=r"No mouth was seen\."):
        join(request, folder, pieces, kept.folder / "joined.mp4", settings(kept))
    assert not (kept.folder / "joined.mp4").exists()


def test_who_cannot_speak_is_told_by_the_preparation(kept: Stage) -> None:
    kept.faces = []
    with pytest.raises(NoUsableFace, match="No face was found"):
        prepare(build_request(kept.clip(), kept.speech(3.0)), kept.folder / "prepared", settings(kept))
    assert not (kept.folder / "prepared" / "prepared.json").exists()


@pytest.fixture
def job(kept: Stage) -> tuple[Stage, GenerationRequest, Path, list[Path]]:
    request = build_request(kept.clip(), kept.speech(1.0), [Segment(1, 2)])
    return (kept, request, *rendered(kept, request, 2))


def test_whatever_is_damaged_is_one_sentence(job: tuple[Stage, GenerationRequest, Path, list[Path]]) -> None:
    stage, request, folder, pieces = job
    output = stage.folder / "joined.mp4"
    runs = Prepared.read(folder).runs
    names = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in names} == {"prepared.json", "visemes.npz", "piece.json", "00000.rows"}
    for path in [*names, *pieces, *(readings_beside(piece) for piece in pieces)]:
        good = path.read_bytes()
        half = len(good) // 2
        for bad in (good[:half], good[:half] + bytes([good[half] ^ 1]) + good[half + 1 :], b"", None):
            path.unlink()
            if bad is not None:
                path.write_bytes(bad)
            with pytest.raises(RenderError, match=r"^[^\n]*(missing|damaged|another|not the one)[^\n]*\.$"):
                join(request, folder, pieces, output, settings(stage))
            if path in names:
                with pytest.raises(RenderError, match=r"missing|damaged|not the one"):
                    render_piece(request, folder, *runs[0], stage.folder / "again.mp4", settings(stage))
            path.write_bytes(good)
    assert not output.exists()
    assert not (stage.folder / "again.mp4").exists()
    join(request, folder, pieces, output, settings(stage))


def test_pieces_that_do_not_belong_together_are_refused(
    job: tuple[Stage, GenerationRequest, Path, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, request, folder, pieces = job
    output = stage.folder / "joined.mp4"

    def refused(*some: Path, match: str) -> None:
        with pytest.raises(RenderError, match=match):
            join(request, folder, some, output, settings(stage))

    runs = Prepared.read(folder).runs
    border = next(first for first, _ in runs if (stage.folder / f"piece-{first}.mp4") == pieces[1])
    before = next(stop for _, stop in reversed(runs) if stop <= border)
    refused(pieces[0], match=f"end with frame {before}, but frame {border} has to be rendered too")
    refused(pieces[1], match=f"begins with frame {border}; frame {runs[0][0]} is expected")
    refused(*pieces, pieces[1], match=f"begins with frame {border}; no more is expected|frame {border} is expected")
    for first, stop in ((70, 76), (runs[0][0] + 1, runs[0][1]), (runs[0][0], runs[0][1] - 1)):
        with pytest.raises(RenderError, match=f"No runs begin and end with frames {first} to {stop} of"):
            render_piece(request, folder, first, stop, stage.folder / "p.mp4", settings(stage))
    for changed, what in (
        (build_request(stage.clip(), stage.speech(1.0), [Segment(1, 3)]), "request"),
        (build_request(stage.clip(CLIPS["vfr"](), "other.mp4"), stage.speech(1.0), [Segment(1, 2)]), "video"),
    ):
        with pytest.raises(RenderError, match=f"The {what} is not the one"):
            join(changed, folder, pieces, output, settings(stage))
    with pytest.raises(RenderError, match="The quality is not the one"):
        join(request, folder, pieces, output, Settings(engine=stage.engine, quality="draft", cache=None))
    with pytest.raises(RequestError, match="overlay"):
        prepare(request, folder, settings(stage, debug_overlay=stage.folder / "debug.mp4"))

    with pytest.raises(RenderError, match="The request is not the one"):
        join(replace(request, full_reencode=True), folder, pieces, output, settings(stage))

    other = stage.folder / "other.mp4"
    with monkeypatch.context() as patch:
        patch.setattr(runs_module, "VideoEncoder", partial(_coarse, VideoEncoder))
        render_piece(request, folder, border, runs[-1][1], other, settings(stage))
    refused(pieces[0], other, match="encoded with different settings")
    assert not output.exists()


def _coarse(encoder: Callable[..., VideoEncoder], *where: object, **how: object) -> VideoEncoder:
    return encoder(*where[:-1], "draft", **how)


@pytest.mark.parametrize("stage_name", ["prepare", "piece", "join"])
def test_every_stage_can_be_cancelled_and_leaves_no_output(
    job: tuple[Stage, GenerationRequest, Path, list[Path]], stage_name: str
) -> None:
    stage, request, folder, pieces = job
    token = CancelToken()
    seen: list[ProgressEvent] = []

    def listen(event: ProgressEvent) -> None:
        seen.append(event)
        if event.phase in ("render", "join") and event.done == 5:
            token.cancel()

    progress = Progress(listen, token)
    runs = Prepared.read(folder).runs
    before = {path.name for path in stage.folder.iterdir()}
    target = stage.folder / "new.mp4"
    run = {
        "prepare": lambda: prepare(request, folder, settings(stage), progress),
        "piece": lambda: render_piece(request, folder, *runs[0], target, settings(stage), progress),
        "join": lambda: join(request, folder, pieces, target, settings(stage), progress),
    }
    if stage_name == "prepare":
        token.cancel()
    with pytest.raises(Cancelled):
        run[stage_name]()
    assert {path.name for path in stage.folder.iterdir()} == before
    if stage_name == "prepare":
        assert not (stage.folder / "prepared" / "prepared.json").exists()
    else:
        totals = {event.phase: event.total for event in seen}
        expected = {"render": runs[0][1] - runs[0][0]} if stage_name == "piece" else {"copy": 25, "join": 50}
        assert totals == expected


def test_performance_is_that_of_all_stages(job: tuple[Stage, GenerationRequest, Path, list[Path]]) -> None:
    stage, request, folder, pieces = job
    result = join(request, folder, pieces, stage.folder / "joined.mp4", settings(stage))
    done = {phase.name: phase.done for phase in result.report.performance.phases}
    assert done["render"] == done["encode"] == done["join"] == 50
    assert done["copy"] == 25
    assert {"inputs", "listen", "faces"} <= set(done)
    assert result.report.performance.output_frames == 75
