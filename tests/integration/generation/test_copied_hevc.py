"""Copied packets of HEVC: the outputs are HEVC, and a join shows as little as in H.264."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from tests.integration.generation.conftest import SIZE, Stage
from tests.integration.generation.copies import asked, checked, made, shown
from tests.synthetic import Sound, Synthetic, cfr, make_clip
from tests.synthetic.streams import decoded, in_a_row, oriented, remuxed

from lipwright.media.frames import Turn
from lipwright.media.probe import probe
from lipwright.media.track import display_matrix

FRAMES = 110
USUAL = "keyint=25:min-keyint=25:scenecut=0:open-gop=0:bframes=3:b-adapt=0"


def clip(params: str = USUAL, frames: int = FRAMES, **more: object) -> Synthetic:
    """A few seconds from x265, made as `params` say, with sound."""
    options = {"preset": "ultrafast", "x265-params": f"log-level=error:pools=none:{params}"}
    sound = Sound(duration=Fraction(frames, 25))
    size = {"width": SIZE[0], "height": SIZE[1], **more}
    return cfr(Fraction(25), frames, codec="libx265", options=options, sound=sound, **size)


def plain(*args: object, **more: object) -> Callable[[Path], Path]:
    return lambda folder: make_clip(folder / "in.mp4", clip(*args, **more))  # type: ignore[arg-type]


def moved(suffix: str, **how: object) -> Callable[[Path], Path]:
    return lambda folder: remuxed(make_clip(folder / "raw.mp4", clip()), folder / f"in{suffix}", **how)  # type: ignore[arg-type]


COPIED: dict[str, Callable[[Path], Path]] = {
    "usual": plain(),
    "10 bits": plain(USUAL, pix_fmt="yuv420p10le"),
    "no B-frames": plain("keyint=25:scenecut=0:open-gop=0:bframes=0"),
    "no pyramid": plain("keyint=25:scenecut=0:open-gop=0:bframes=3:b-adapt=0:b-pyramid=0"),
    "wavefronts, slices": plain(f"{USUAL}:pools=2:wpp=1:slices=2"),
    "sets in its packets": plain(f"{USUAL}:repeat-headers=1"),
    "full range": plain(USUAL, colour=(1, 1, 1, 2)),
    "Matroska": moved(".mkv"),
    "transport stream": moved(".ts"),
    "fragments": moved(".mp4", movflags="frag_keyframe+empty_moov+default_base_moof"),
}


@pytest.mark.parametrize("name", COPIED)
def test_all_that_is_not_edited_has_the_sources_packets(stage: Stage, name: str) -> None:
    source = COPIED[name](stage.folder)
    before = probe(source).video
    assert before is not None
    outcome = checked(stage, source, asked(stage, source, [(float(before.time(40)), float(before.time(50)))]))
    assert outcome.why_not is None
    outcome.holds_all_but((40, 50))
    after = probe(outcome.result.output).video
    assert after is not None
    assert after.codec == "hevc"
    assert [after.time(i) for i in range(1, after.frames)] == [before.time(i) for i in range(1, before.frames)]
    assert after.colour == before.colour
    with av.open(str(outcome.result.output)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_slower_settings_fit_too(stage: Stage) -> None:
    source = plain()(stage.folder)
    outcome = checked(stage, source, asked(stage, source, [(1.2, 2.8)]), quality="visually-lossless")
    outcome.holds_all_but((30, 70))


@pytest.mark.parametrize("turn", [Turn(True, True, False), Turn(False, True, True)], ids=["90", "180"])
def test_a_phones_video_stays_on_its_side(stage: Stage, turn: Turn) -> None:
    upright = make_clip(stage.folder / "raw.mp4", clip())
    source = oriented(upright, stage.folder / "in.mp4", display_matrix(turn, *SIZE))
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2)]))
    outcome.holds_all_but((40, 50))
    after = probe(outcome.result.output).video
    assert after is not None
    assert after.turn == turn


def test_high_dynamic_range_is_told_before_every_run(stage: Stage) -> None:
    master = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    params = f"{USUAL}:hdr10=1:repeat-headers=1:master-display={master}:max-cll=1000,400"
    source = plain(params, pix_fmt="yuv420p10le", colour=(9, 16, 9, 1))(stage.folder)
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2)]))
    outcome.holds_all_but((40, 50))
    with av.open(str(outcome.result.output)) as container:
        seen = {tuple(sorted(data.type.name for data in frame.side_data)) for frame in container.decode(video=0)}
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= set.intersection(*(set(names) for names in seen))


def test_an_open_group_is_no_start(stage: Stage) -> None:
    source = plain("keyint=25:scenecut=0:open-gop=1:bframes=3:b-adapt=0")(stage.folder)
    kinds = [packet.kinds[-1] for packet in shown(source) if packet.key]
    assert kinds[0] in (19, 20)
    assert set(kinds[1:]) == {21}
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2)]))
    assert set(outcome.kept[:36]) == set(range(36))
    assert set(outcome.kept[40:]) == {None}


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (
            lambda folder: in_a_row(
                folder / "in.ts",
                make_clip(folder / "a.mp4", clip(frames=60)),
                make_clip(folder / "b.mp4", clip("keyint=25:bframes=0:no-sao=1:ref=1", frames=60)),
            ),
            "The parameter sets of the video's HEVC stream change on the way.",
        ),
        (
            plain("keyint=25", pix_fmt="yuv422p10le"),
            "The video's HEVC profile (4) is not one that can be matched.",
        ),
        (plain(f"{USUAL}:interlace=tff"), "The video is interlaced."),
        (
            lambda folder: make_clip(folder / "in.mp4", clip(height=16)),
            "The video's pictures, 160x16, are too small for the encoder.",
        ),
    ],
    ids=["sets change", "4:2:2", "interlaced", "small"],
)
def test_what_cannot_be_copied_is_encoded_and_the_report_says_why(
    stage: Stage, how: Callable[[Path], Path], why: str
) -> None:
    source = how(stage.folder)
    outcome = made(stage, asked(stage, source, [(0.2, 0.6)]), "out.mp4", False, "draft")
    assert outcome.report.encoding is not None
    assert outcome.report.encoding.full_because == why
    after = probe(outcome.output).video
    assert after is not None
    assert after.codec == "h264"
    assert len(decoded(outcome.output)) == after.frames
