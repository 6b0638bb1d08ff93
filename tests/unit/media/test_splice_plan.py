"""Which packets can be kept: those whose windows lie inside, on the one grid that keeps most."""

from __future__ import annotations

from array import array
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lipwright.media.aac import FOREIGN, FRAME, UNKNOWN, AacConfig
from lipwright.media.encoding import AudioTarget
from lipwright.media.info import AudioInfo
from lipwright.media.mix import Untouched
from lipwright.media.sound_index import SoundIndex
from lipwright.media.splice_plan import SHORTEST, Stretch, mismatch, plan_of, refusal

RATE = 48000
LC = AacConfig(2, RATE, 2, False, False)


def index(
    packets: int = 1000,
    first: int = -FRAME,
    length: int | None = None,
    holes: dict[int, int] | None = None,
    foreign: tuple[int, ...] = (),
) -> SoundIndex:
    """A regular stream whose first packet starts with sample `first`; packet n comes `holes[n]` samples late."""
    positions = first + FRAME * np.arange(packets, dtype=np.int64)
    for number, hole in (holes or {}).items():
        positions[number:] += hole
    windows = bytearray(packets)
    for number in foreign:
        windows[number] = FOREIGN
    end = int(positions[-1]) + FRAME
    return SoundIndex(
        0, array("q", positions.tolist()), positions, bytes(windows), LC, False, length or end, RATE, Fraction(0), True
    )


def test_all_of_it_is_kept_with_its_priming() -> None:
    for first in (-FRAME, -2112, 0, -2 * FRAME):
        source = index(first=first)
        total = source.length
        plan = plan_of([Untouched(0, total, 0)], total, source, RATE)
        assert (plan.start, plan.count, plan.reason) == (first, 1000, None)
        assert plan.stretches == (Stretch(0, 1000, 0),)
        assert plan.pts(plan.count) == total


def test_both_halves_of_a_window_lie_inside() -> None:
    total = 500 * FRAME
    for start, stop in ((100 * FRAME, 200 * FRAME), (100 * FRAME + 1, 200 * FRAME - 1), (102_345, 201_234)):
        ranges = [Untouched(0, start, 0), Untouched(stop, total, 0)]
        plan = plan_of(ranges, total, index(), RATE)
        before, after = plan.stretches
        assert (before.first, before.offset, after.offset) == (0, 0, 0)
        assert plan.pts(before.stop - 1) + 2 * FRAME <= start < plan.pts(before.stop) + 2 * FRAME
        assert plan.pts(after.first - 1) < stop <= plan.pts(after.first)
        assert after.stop == plan.count


def test_an_output_from_the_middle_has_the_packets_before_as_priming() -> None:
    shift, total = 100 * FRAME + 300, 200 * FRAME
    plan = plan_of([Untouched(0, total, shift)], total, index(), RATE)
    (stretch,) = plan.stretches
    assert plan.start == -300 - 2 * FRAME
    assert index().positions[stretch.offset] - shift == plan.start
    assert plan.pts(plan.count - 1) < total <= plan.pts(plan.count)


def test_an_output_that_begins_otherwise_has_our_priming() -> None:
    total = 300 * FRAME
    for late in (0, 1, 700):
        shift = late
        plan = plan_of([Untouched(100 * FRAME, total, shift)], total, index(), RATE)
        assert -2 * FRAME < plan.start <= -FRAME
        (stretch,) = plan.stretches
        assert index().positions[stretch.first + stretch.offset] - shift == plan.pts(stretch.first)


def test_the_grid_that_keeps_most_is_taken() -> None:
    total = 600 * FRAME
    ranges = [
        Untouched(0, 100 * FRAME, 0),
        Untouched(110 * FRAME, 400 * FRAME, 77),
        Untouched(410 * FRAME, 600 * FRAME, 5 * FRAME),
    ]
    plan = plan_of(ranges, total, index(), RATE)
    assert plan.start == -FRAME
    assert [stretch.offset for stretch in plan.stretches] == [0, 5]
    assert plan.reason is not None
    assert f"{288 * FRAME / RATE:.1f} s" in plan.reason
    ranges[1] = Untouched(110 * FRAME, 409 * FRAME, 77)
    plan = plan_of(ranges, total, index(), RATE)
    assert [stretch.offset for stretch in plan.stretches] != [0, 5]
    assert (plan.start + 77) % FRAME == 0


def test_holes_and_foreign_packets_part_a_stretch() -> None:
    total = 990 * FRAME
    whole = [Untouched(0, total, 0)]
    plan = plan_of(whole, total, index(foreign=(300, 301)), RATE)
    assert [(part.first, part.stop) for part in plan.stretches] == [(0, 299), (302, 991)]
    plan = plan_of(whole, total, index(holes={300: 3 * FRAME}), RATE)
    assert [(part.first, part.stop, part.offset) for part in plan.stretches] == [(0, 300, 0), (303, 991, -3)]
    plan = plan_of(whole, total, index(holes={300: 3000}), RATE)
    (part,) = plan.stretches
    assert (part.first + part.offset, plan.pts(part.first)) == (300, 299 * FRAME + 3000)
    assert plan.reason is not None


def test_a_stretch_is_left_where_the_windows_are_known() -> None:
    total = 900 * FRAME
    ranges = [Untouched(0, 400 * FRAME, 0), Untouched(500 * FRAME, total, 0)]
    windows = bytearray(1000)
    windows[380:] = bytes([UNKNOWN]) * 620
    plan = plan_of(ranges, total, replace(index(), windows=bytes(windows)), RATE)
    # The last one goes on to the end; whether there is a way into it is found out on the way.
    assert [(part.first, part.stop) for part in plan.stretches] == [(0, 379), (501, 901)]
    assert plan.reason is None
    windows[30:] = bytes([UNKNOWN]) * 970
    plan = plan_of(ranges, total, replace(index(), windows=bytes(windows)), RATE)
    assert [(part.first, part.stop) for part in plan.stretches] == [(501, 901)]
    assert plan.reason is not None
    assert "windows" in plan.reason


def test_short_stretches_are_not_worth_it() -> None:
    total = 400 * FRAME
    for packets, kept in ((SHORTEST, True), (SHORTEST - 1, False)):
        part = Untouched(100 * FRAME, (101 + packets) * FRAME, 0)
        plan = plan_of([part], total, index(), RATE)
        assert bool(plan.stretches) is kept
        assert plan.reason is None
    assert plan_of([], total, index(), RATE).stretches == ()


def test_what_the_source_does_not_reach_is_encoded() -> None:
    source = index(packets=500)
    total = source.length + 5000
    (stretch,) = plan_of([Untouched(0, total, 0)], total, source, RATE).stretches
    assert stretch.stop == 499  # the last one's second half would meet silence
    late = -3000  # sound that starts 3000 samples late
    plan = plan_of([Untouched(0, total, late)], total, source, RATE)
    (stretch,) = plan.stretches
    assert plan.pts(stretch.first) == 3000


@pytest.mark.parametrize(
    ("codec", "rate", "layout", "profile", "target", "word"),
    [
        ("mp3", 48000, "stereo", None, AudioTarget(48000, "stereo", 2), "mp3"),
        ("aac", 48000, "stereo", "HE-AAC", AudioTarget(48000, "stereo", 2), "HE-AAC"),
        ("aac", 96000, "stereo", "LC", AudioTarget(48000, "stereo", 2), "converted"),
        ("aac", 48000, "5.1", "LC", AudioTarget(48000, "5.1", 6), "5.1"),
        ("aac", 48000, "stereo", "LC", AudioTarget(48000, "stereo", 2), None),
        ("aac", 44100, "mono", "LC", AudioTarget(44100, "mono", 1), None),
    ],
)
def test_streams_that_cannot_be_copied(
    codec: str, rate: int, layout: str, profile: str | None, target: AudioTarget, word: str | None
) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    audio = AudioInfo(0, codec, rate, layout, channels, Fraction(0), Fraction(1))
    reason = refusal(audio, profile, target)
    assert (reason is None) == (word is None)
    if reason is not None and word is not None:
        assert word in reason
        assert reason.endswith(".")


def test_what_is_decoded_to_more_than_the_core_has_is_refused() -> None:
    audio = AudioInfo(0, "aac", 48000, "stereo", 2, Fraction(0), Fraction(1))
    assert mismatch(LC, audio) is None
    for config in (
        AacConfig(2, 24000, 2, False, False),
        AacConfig(2, 48000, 1, False, False),
        AacConfig(2, 48000, 2, True, False),
        AacConfig(2, 48000, 2, False, True),
        AacConfig(5, 48000, 2, False, False),
    ):
        assert mismatch(config, audio) is not None
