"""Copied packets, whatever the source is like: its very bytes outside what is edited, and no join that shows."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import pytest
from tests.integration.generation.conftest import SIZE, Stage
from tests.integration.generation.copies import asked, checked, made, shown
from tests.synthetic import Sound, Synthetic, cfr, make_clip, vfr
from tests.synthetic.streams import decoded, in_a_row, oriented, packets, remuxed, shortened

from lipwright.media.frames import Turn
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.media.track import display_matrix

RATE = Fraction(25)
FRAMES = 110
ORIENTATIONS = [Turn(*bits) for bits in product((False, True), repeat=3) if any(bits)]
CLOSED = "keyint=25:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal:ref=4"


def clip(params: str = CLOSED, frames: int = FRAMES, first: int = 0, **more: object) -> Synthetic:
    """A few seconds from x264, made as `params` say, with sound; the first picture is late by `first` frames."""
    options = {"preset": "ultrafast", "x264-params": params, **more.pop("options", {})}  # type: ignore[dict-item]
    sound = Sound(duration=(first + frames) / RATE, start=more.pop("sound_start", Fraction(0)))  # type: ignore[arg-type]
    size = {"width": SIZE[0], "height": SIZE[1], **more}
    return cfr(RATE, frames, first, options=options, sound=sound, **size)


def plain(**more: object) -> Callable[[Path], Path]:
    """Makes an MP4 as `clip` says."""
    return lambda folder: make_clip(folder / "in.mp4", clip(**more))  # type: ignore[arg-type]


def moved(suffix: str, **how: object) -> Callable[[Path], Path]:
    """Makes the usual clip and puts its packets into another file."""
    return lambda folder: remuxed(make_clip(folder / "raw.mp4", clip()), folder / f"in{suffix}", **how)  # type: ignore[arg-type]


def levelled(path: Path) -> Path:
    """Put level 9.9 into the parameter set of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"avcC") + 4
    for place in (at + 3, at + 8 + 3):  # of the record, and of the first set in it
        data[place] = 99
    path.write_bytes(data)
    return path


COPIED: dict[str, Callable[[Path], Path]] = {
    "closed groups": plain(),
    "groups of 10": plain(params="keyint=10:scenecut=0:bframes=2"),
    "only key frames": plain(params="keyint=1"),
    "many references, pyramid": plain(params="keyint=20:bframes=7:b-adapt=0:b-pyramid=normal:ref=8"),
    "no pyramid": plain(params="keyint=20:bframes=3:b-adapt=0:b-pyramid=none"),
    "baseline": plain(params="keyint=25", options={"profile": "baseline"}),
    "main, CAVLC": plain(params="keyint=25:cabac=0:bframes=2:weightp=2", options={"profile": "main"}),
    "10 bits": plain(params="keyint=25:bframes=2", pix_fmt="yuv420p10le"),
    "4:2:2": plain(params="keyint=25:bframes=2", pix_fmt="yuv422p"),
    "4:4:4, odd": plain(params="keyint=25", pix_fmt="yuv444p", width=SIZE[0] + 1, height=SIZE[1] + 1),
    "full range": plain(pix_fmt="yuvj420p"),
    "sets in its packets": moved(".mp4", in_band=True),
    "a level there is not": lambda folder: levelled(make_clip(folder / "in.mp4", clip())),
    "slices": plain(params="keyint=25:slices=4:bframes=2"),
    "Matroska": moved(".mkv"),
    "transport stream": moved(".ts"),
    "Flash": moved(".flv"),
    "QuickTime": moved(".mov"),
    "fragments": moved(".mp4", movflags="frag_keyframe+empty_moov+default_base_moof"),
    "signed offsets": moved(".mp4", movflags="negative_cts_offsets"),
    "cut off at the start": moved(".ts", skip=7),
    "late picture": plain(first=10),
    "late sound": plain(sound_start=Fraction(1, 2)),
}


@pytest.mark.parametrize("name", COPIED)
def test_all_that_is_not_edited_has_the_sources_packets(stage: Stage, name: str) -> None:
    source = COPIED[name](stage.folder)
    before = probe(source).video
    assert before is not None
    outcome = checked(stage, source, asked(stage, source, [(float(before.time(40)), float(before.time(50)))]))
    assert outcome.why_not is None
    outcome.holds_all_but((40, 50), reorder=8)
    after = probe(outcome.result.output).video
    assert after is not None
    # A first picture that comes late is shown from the start.
    assert [after.time(i) for i in range(1, after.frames)] == [before.time(i) for i in range(1, before.frames)]
    assert after.time(0) == 0
    assert after.colour == before.colour
    for mine, number in zip(outcome.packets[8:], outcome.kept[8:], strict=True):
        if number is not None and source.suffix in (".mp4", ".ts") and name != "signed offsets":
            theirs = outcome.source[number]
            assert mine.pts - mine.dts == theirs.pts - theirs.dts


def test_tags_and_the_shape_of_pixels_are_those_of_the_source(stage: Stage) -> None:
    source = plain(colour=(9, 16, 9, 1), sample_aspect_ratio=Fraction(4, 3), pix_fmt="yuv420p10le")(stage.folder)
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2)]))
    outcome.holds_all_but((40, 50))
    seen = set()
    with av.open(str(outcome.result.output)) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        for frame in container.decode(stream):
            tags = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
            seen.add(tuple(int(tag) for tag in tags))
    assert seen == {(9, 16, 9, 1)}


def test_irregular_times_are_kept(stage: Stage) -> None:
    made = vfr(90, width=SIZE[0], height=SIZE[1], options={"preset": "ultrafast", "x264-params": CLOSED})
    source = stage.clip(made)
    first, stop = 40, 50
    segment = float(made.times[first]), float(made.times[stop])
    outcome = checked(stage, source, asked(stage, source, [segment]))
    outcome.holds_all_but((first, stop))
    assert [packet.pts for packet in outcome.packets] == made.times


def test_encoded_frames_that_others_are_decoded_after_fit_between_copied_ones(stage: Stage) -> None:
    # With B-frames on both sides, and with more of them than the source has room for.
    for number, params in enumerate((CLOSED, "keyint=25:bframes=1:b-pyramid=none", "keyint=25:bframes=0")):
        source = stage.clip(clip(params), f"{number}.mp4")
        outcome = checked(stage, source, asked(stage, source, [(1.2, 2.8)]), quality="balanced")
        outcome.holds_all_but((30, 70))


def test_a_picture_inside_an_open_group_is_no_start(stage: Stage) -> None:
    params = "keyint=25:open-gop=1:scenecut=0:bframes=3:b-adapt=0"
    source = plain(params=params)(stage.folder)
    keys = [place for place, packet in enumerate(shown(source)) if packet.key]
    assert len(keys) > 3
    assert [place for place in keys if shown(source)[place].idr] == [0]
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2)]))
    outcome.holds_all_but((40, 50))
    assert set(outcome.kept[50:]) == {None}


def test_what_the_edit_list_leaves_out_is_not_copied(stage: Stage) -> None:
    whole = make_clip(stage.folder / "raw.mp4", clip())
    source = shortened(remuxed(whole, stage.folder / "in.mp4", later=Fraction(-2, 5)), Fraction(1, 2))
    hidden = sum(packet.discarded for packet in packets(source))
    assert hidden > 15
    outcome = checked(stage, source, asked(stage, source, [(2.0, 2.2)]))
    assert len(outcome.kept) == len(outcome.source) == FRAMES - hidden
    # It begins with the tail of a group whose start is not shown, and ends in the middle of one.
    starts = [place for place, packet in enumerate(outcome.source) if packet.idr]
    assert outcome.kept[: starts[0]] == (None,) * starts[0]
    outcome.holds_all_but((50, 55), (len(outcome.kept) - 6, len(outcome.kept)))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (lambda folder: plain(params="keyint=25:tff=1")(folder), "The video is interlaced."),
        (
            lambda folder: in_a_row(
                folder / "in.ts",
                make_clip(folder / "a.mp4", clip(frames=60)),
                make_clip(folder / "b.mp4", clip("keyint=25:bframes=0:cabac=0", frames=60)),
            ),
            "The parameter sets of the video's H.264 stream change on the way.",
        ),
        (
            lambda folder: in_a_row(
                folder / "in.ts",
                make_clip(folder / "a.mp4", clip(frames=60)),
                make_clip(folder / "b.mp4", clip(frames=60, width=192, height=144)),
            ),
            "The parameter sets of the video's H.264 stream change on the way.",
        ),
        (
            lambda folder: make_clip(folder / "in.mp4", clip(params="keyint=250:scenecut=0")),
            "The pictures that decoding can begin with are too far apart in the video.",
        ),
        (
            lambda folder: make_clip(
                folder / "in.mp4", cfr(RATE, FRAMES, width=SIZE[0], height=SIZE[1], codec="mpeg4")
            ),
            "The video is in MPEG4, and the output is in H.264.",
        ),
    ],
    ids=["interlaced", "sets change", "size changes", "one group", "another codec"],
)
def test_what_cannot_be_copied_is_encoded_and_the_report_says_why(
    stage: Stage, how: Callable[[Path], Path], why: str
) -> None:
    source = how(stage.folder)
    outcome = made(stage, asked(stage, source, [(0.2, 0.6)]), "out.mp4", False, "draft")
    assert outcome.report.encoding is not None
    assert outcome.report.encoding.copied_frames == 0
    assert outcome.report.encoding.full_because == why
    info = probe(source).video
    assert info is not None
    assert len(decoded(outcome.output)) == info.frames


@pytest.mark.parametrize("spoilt", [[60], [13, 90]], ids=["edited", "copied"])
def test_damage_stays_where_it_was(stage: Stage, spoilt: list[int]) -> None:
    whole = make_clip(stage.folder / "raw.mp4", clip("keyint=25:bframes=0"))
    source = remuxed(whole, stage.folder / "in.mp4", spoilt=spoilt)
    request = asked(stage, source, [(1.6, 2.6)])
    copied, full = (made(stage, request, f"{name}.mp4", name == "full", "draft") for name in ("copied", "full"))
    assert copied.report.encoding is not None
    assert copied.report.encoding.copied_frames == FRAMES - 35
    before, after = packets(source), packets(copied.output)
    kept = [*range(40), *range(75, FRAMES)]
    assert [after[place].data for place in kept] == [before[place].data for place in kept]
    # What is edited looks as it does when nothing is copied; what is not is damaged as the source is.
    quiet = spoilt == [60]
    mine, theirs = decoded(copied.output, quiet), decoded(full.output)
    assert {frame.time for frame in theirs[40:75]} <= {frame.time for frame in mine}
    pictures = {frame.time: frame.digest for frame in mine}
    assert [pictures[frame.time] for frame in theirs[40:75]] == [frame.digest for frame in theirs[40:75]]
    assert copied.report.frames.damaged == (1 if quiet else 0)


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=str)
def test_a_video_on_its_side_stays_on_it(stage: Stage, turn: Turn) -> None:
    upright = make_clip(stage.folder / "raw.mp4", clip("keyint=25:bframes=2", sample_aspect_ratio=Fraction(4, 3)))
    source = oriented(upright, stage.folder / "in.mp4", display_matrix(turn, *SIZE))
    before = probe(source).video
    assert before is not None
    assert before.turn == turn
    outcome = checked(stage, source, asked(stage, source, [(1.6, 2)]))
    outcome.holds_all_but((40, 50))
    after = probe(outcome.result.output).video
    assert after is not None
    assert (after.turn, after.width, after.height) == (turn, before.width, before.height)
    assert (
        after.sample_aspect_ratio
        == before.sample_aspect_ratio
        == (Fraction(3, 4) if turn.transpose else Fraction(4, 3))
    )
    # The square is painted into the picture as it is seen.
    with open_reader(outcome.result.output, probe(outcome.result.output)) as reader:
        patch = reader.at(45).picture.planes[0][84:96, 34:56].astype(float)
        untouched = reader.at(45).picture.planes[0][8:40, 90:120].astype(float)
    assert patch.mean() > 220
    assert patch.std() < 6
    assert untouched.mean() < 220
