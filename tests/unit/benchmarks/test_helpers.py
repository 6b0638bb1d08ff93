"""What the benchmarks rest on: a fitted line, the memory of all processes, a video made of repeated packets."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.charts import Panel, draw, fit, ticks
from benchmarks.inputs import RATE, Wanted, Workshop
from benchmarks.measured import CommandFailed, measured
from benchmarks.page import replaced

from lipwright.media.probe import probe
from lipwright.media.reader import open_reader

MEGA = 1 << 20


def test_a_line_through_points_of_a_line_is_that_line() -> None:
    intercept, slope, linear = fit([(x, 3 + 0.5 * x) for x in (1, 5, 60)])
    assert (intercept, slope, linear) == pytest.approx((3, 0.5, 1))
    assert fit([(0, 1), (1, 3), (2, 1), (3, 3)])[2] == pytest.approx(0.2)


@pytest.mark.parametrize("most", [0.03, 1, 7, 60, 499, 15000])
def test_ticks_are_round_and_reach_over_the_most(most: float) -> None:
    found = ticks(most)
    assert found[0] == 0
    assert 0.999 * most <= found[-1] < 2 * most
    assert 3 <= len(found) <= 7
    assert len({round(b - a, 9) for a, b in pairwise(found)}) == 1


def test_a_chart_is_xml_with_a_dot_for_each_point(tmp_path: Path) -> None:
    panel = Panel("a < b", "x", "y", [(1, 2), (2, 4), (3, 7)], (0, 2))
    draw([panel, panel], tmp_path / "chart.svg")
    root = ElementTree.parse(tmp_path / "chart.svg").getroot()
    dots = [one for one in root.iter() if one.tag.endswith("circle")]
    assert len(dots) == 6
    assert all(0 <= float(dot.attrib["cy"]) <= 250 for dot in dots)


def test_a_place_of_the_page_is_filled_again() -> None:
    page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"
    once = replaced(page, "x", "new")
    assert "old" not in once
    assert replaced(once, "x", "new") == once
    with pytest.raises(ValueError, match="no place for y"):
        replaced(page, "y", "new")


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel does not tell shares of memory")
def test_memory_is_that_of_a_process_and_its_children() -> None:
    child = f"import time; held = bytearray({60 * MEGA}); time.sleep(1)"
    program = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"held = bytearray({40 * MEGA})\n"
        "print('faces', file=sys.stderr, flush=True)\n"
        "child.wait()\n"
    )
    usage = measured([sys.executable, "-c", program])
    assert usage.tree_memory is not None
    assert usage.own_memory is not None
    assert usage.tree_memory > 100 * MEGA
    assert 40 * MEGA < usage.own_memory < 100 * MEGA
    assert usage.processes == 2
    assert usage.first_progress is not None
    assert 0 < usage.first_progress < usage.seconds


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(CommandFailed, match="no such thing"):
        measured([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_repeated_packets_are_a_video_of_that_length(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, clip=None)
    video = workshop.video(Wanted(320, 180, seconds=6, keys=1, turn=2, sound=False))
    info = probe(video)
    assert info.video is not None
    assert info.video.frames == 6 * RATE
    assert info.video.duration == 6
    assert {info.video.time(n + 1) - info.video.time(n) for n in range(6 * RATE - 1)} == {Fraction(1, RATE)}
    assert list(info.video.keys) == list(range(0, 6 * RATE, RATE))
    with open_reader(video, info) as reader:
        again = [reader.at(index).picture.planes[0] for index in (30, 80, 130)]
    assert (again[0] == again[1]).all()
    assert (again[0] == again[2]).all()
