"""The built-in engine on a drawn head: what it opens, closes, leaves alone, passes through and repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tests.unit.engines.head import dark_rows, landmarks, picture, track

from lipwright.engines.base import Edit, EngineJob, FrameTask, PassReason
from lipwright.engines.exemplar import known
from lipwright.engines.exemplar.engine import ExemplarEngine
from lipwright.errors import RenderError
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Picture
from lipwright.speech.visemes import VISEMES, VisemeTrack

COUNT = 40
GAPS = [0.09 * (1 - np.cos(2 * np.pi * k / 13)) for k in range(COUNT)]


def visemes(name: str, hundredths: int = 400) -> VisemeTrack:
    probabilities = np.zeros((hundredths, len(VISEMES)), np.float32)
    probabilities[:, VISEMES.index(name)] = 1.0
    ones = np.ones(hundredths, np.float32)
    return VisemeTrack(probabilities, ones * (name != "sil"), ones, "whisper-head")


def job(
    faces: Sequence[np.ndarray], speech: VisemeTrack | None, seen: FaceTrack | None = None, frames: int | None = None
) -> tuple[EngineJob, list[Picture]]:
    pictures = [picture(face, noise=k) for k, face in enumerate(faces)]
    tasks = [
        FrameTask(k, k % len(faces), Fraction(k, 25), Fraction(k, 25) if speech else None)
        for k in range(frames or len(faces))
    ]
    return (
        EngineJob(
            track=seen or track(faces),
            visemes=speech,
            tasks=tasks,
            look=lambda wanted: [pictures[i] for i in wanted],
            exemplar_frames=range(len(faces)),
            source_times=np.arange(len(faces)) / 25,
            ease_in=False,
            ease_out=False,
        ),
        pictures,
    )


def rendered(asked: EngineJob, pictures: list[Picture]) -> list[tuple[Edit | PassReason, Picture]]:
    renderer = ExemplarEngine().prepare(asked)
    out: list[tuple[Edit | PassReason, Picture]] = []
    for task in asked.tasks:
        source = pictures[task.source]
        edit = renderer.render(task, source)
        out.append((edit, source.blend(edit.box, edit.yuv, edit.alpha) if isinstance(edit, Edit) else source))
    return out


@pytest.fixture(scope="module")
def talker() -> list[np.ndarray]:
    return [landmarks(g, shift=(0.7 * np.sin(k / 5), 0.4 * np.cos(k / 7))) for k, g in enumerate(GAPS)]


def test_silence_closes_a_talking_mouth(talker: list[np.ndarray]) -> None:
    asked, pictures = job(talker, visemes("sil"))
    source_rows = [dark_rows(p, f) for p, f in zip(pictures, talker, strict=True)]
    rows = [dark_rows(shown, talker[k]) for k, (_, shown) in enumerate(rendered(asked, pictures))]
    assert max(source_rows) > 12
    # A seam of a pixel or two is what closed lips look like.
    assert max(rows) <= 2


def test_an_open_vowel_opens_every_frame(talker: list[np.ndarray]) -> None:
    asked, pictures = job(talker, visemes("aa"))
    rows = [dark_rows(shown, talker[k]) for k, (_, shown) in enumerate(rendered(asked, pictures))]
    assert min(rows[3:]) >= 8


def test_a_mouth_that_never_opens_gets_an_inside(talker: list[np.ndarray]) -> None:
    closed = [landmarks(0.0)] * 20
    asked, pictures = job(closed, visemes("aa"))
    edits = rendered(asked, pictures)
    edit, shown = edits[10]
    assert isinstance(edit, Edit)
    opened = edit.landmarks[14, 1] - edit.landmarks[13, 1]
    assert opened > 8
    middle = int((edit.landmarks[13, 1] + edit.landmarks[14, 1]) / 2)
    inside = shown.planes[0][middle - 2 : middle + 6, int(closed[0][13, 0])]
    # Neither lip (95) nor skin (150): the dark of a mouth, or the teeth above it.
    assert inside.min() < 75


def test_one_still_is_enough() -> None:
    asked, pictures = job([landmarks(0.0)], visemes("aa"), frames=6)
    assert all(isinstance(edit, Edit) for edit, _ in rendered(asked, pictures))


def test_nothing_changes_above_the_nose_or_beyond_the_box(talker: list[np.ndarray]) -> None:
    asked, pictures = job(talker, visemes("E"))
    for task, (edit, shown) in zip(asked.tasks, rendered(asked, pictures), strict=True):
        assert isinstance(edit, Edit)
        source = pictures[task.source]
        nose = int(talker[task.source][5, 1])
        for before, after in zip(source.planes, shown.planes, strict=True):
            assert np.array_equal(before[:nose], after[:nose])
        assert not edit.alpha[0].any()
        assert not edit.alpha[:, [0, -1]].any()
        assert source.changed_outside(shown, edit.box, edit.alpha > 0) == 0


def test_the_chin_follows_the_mouth(talker: list[np.ndarray]) -> None:
    opened, shut = (rendered(*job(talker, visemes(v))) for v in ("aa", "sil"))
    for (wide, _), (closed, _) in list(zip(opened, shut, strict=True))[5:]:
        assert isinstance(wide, Edit)
        assert isinstance(closed, Edit)
        assert wide.landmarks[152, 1] > closed.landmarks[152, 1] + 3


def test_the_same_job_gives_the_same_frames(talker: list[np.ndarray]) -> None:
    first, second = (rendered(*job(talker, visemes("O"))) for _ in range(2))
    for (_, a), (_, b) in zip(first, second, strict=True):
        assert a.same(b)


def test_faces_that_were_met_before_are_not_looked_at_again(talker: list[np.ndarray]) -> None:
    looked_at: list[int] = []
    asked: list[tuple[EngineJob, list[Picture]]] = []
    for faces, said in ((talker, "aa"), (talker[::-1], "aa"), (talker, "O"), (talker[::-1], "sil")):
        one, pictures = job(faces, visemes(said))
        seen = next((other.track for other, shown in asked if shown[0].same(pictures[0])), one.track)

        def look(wanted: Sequence[int], pictures: list[Picture] = pictures) -> list[Picture]:
            looked_at.extend(wanted)
            return [pictures[i] for i in wanted]

        asked.append((replace(one, track=seen, look=look), pictures))
    engine = ExemplarEngine()
    renderers = []
    for one, _ in asked:
        renderers.append(engine.prepare(one))
        assert sorted(looked_at) == sorted([*range(COUNT)] * min(2, len(renderers)))
    for renderer, (one, pictures) in zip(renderers, asked, strict=True):
        fresh = ExemplarEngine().prepare(one)
        for task in one.tasks:
            again, new = (prepared.render(task, pictures[task.source]) for prepared in (renderer, fresh))
            assert isinstance(again, Edit)
            assert isinstance(new, Edit)
            assert again.box == new.box
            assert np.array_equal(again.yuv, new.yuv)
            assert np.array_equal(again.alpha, new.alpha)


def test_only_as_many_faces_are_remembered_as_there_is_room_for(
    talker: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MEMORY", 1)
    looks: list[int] = []
    one, pictures = job(talker, visemes("aa"))
    first = replace(one, look=lambda wanted: looks.extend(wanted) or [pictures[i] for i in wanted])
    other, _ = job(talker[::-1], visemes("aa"))
    engine = ExemplarEngine()
    for asked, times in ((first, 1), (first, 1), (other, 1), (first, 2)):
        engine.prepare(asked)
        assert len(looks) == times * COUNT


def test_frames_that_cannot_be_done_pass_through_with_a_reason(talker: list[np.ndarray]) -> None:
    yaw = [0.0] * COUNT
    covered = [0.0] * COUNT
    yaw[10], covered[20] = 60.0, 0.95
    asked, pictures = job(talker, visemes("aa"), track(talker, yaw=yaw, covered=covered))
    asked = replace(asked, tasks=[*asked.tasks, FrameTask(COUNT, COUNT + 5, Fraction(2), Fraction(2))])
    renderer = ExemplarEngine().prepare(asked)
    results = [renderer.render(t, pictures[min(t.source, COUNT - 1)]) for t in asked.tasks]
    assert results[10] is PassReason.TURNED_AWAY
    assert results[20] is PassReason.MOUTH_COVERED
    assert results[COUNT] is PassReason.NO_FACE
    strengths = [float(r.alpha.max()) if isinstance(r, Edit) else 0.0 for r in results]
    # Weak beside what is passed through, full away from it.
    assert strengths[9] < 0.5
    assert strengths[11] < 0.5
    assert strengths[15] == pytest.approx(1.0)


def test_a_tiny_face_passes_through() -> None:
    faces = [landmarks(0.05, scale=0.2)] * 10
    asked, pictures = job(faces, visemes("aa"))
    assert {edit for edit, _ in rendered(asked, pictures)} == {PassReason.FACE_TOO_SMALL}


def test_edges_ease_from_the_source_mouth(talker: list[np.ndarray]) -> None:
    asked, pictures = job(talker, visemes("sil"))
    eased = rendered(replace(asked, ease_in=True, ease_out=True), pictures)
    first, middle = eased[0][0], eased[COUNT // 2][0]
    assert isinstance(first, Edit)
    assert isinstance(middle, Edit)
    own = talker[0]
    far = np.abs(first.landmarks[14, :2] - own[14, :2]).max()
    assert far < 1.5
    assert first.alpha.max() < 0.5 < middle.alpha.max()


def test_an_empty_track_is_an_error(talker: list[np.ndarray]) -> None:
    asked, _ = job(talker, visemes("aa"))
    nothing = track(talker[:1])
    empty = FaceTrack(
        1,
        *(
            getattr(nothing, f)[:0]
            for f in (
                "frames",
                "quantised",
                "crops",
                "presence",
                "blendshapes",
                "rotations",
                "yaw",
                "pitch",
                "roll",
                "interpolated",
                "covered",
            )
        ),
    )
    with pytest.raises(RenderError):
        ExemplarEngine().prepare(replace(asked, track=empty))
