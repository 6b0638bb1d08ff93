"""In a real browser an output plays through every place where copied and encoded pictures meet, and seeks to it.

Every frame of the video carries its number, so that the page can tell which one it is shown. Outputs are those of the
command; files spliced by hand stand beside them to show that the browser is up to it and that a wrong frame would be
noticed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks.service.material import make_speech
from tests.acceptance.conftest import User
from tests.browser import Marked, Played, find_browser, marked_video, play, seen_otherwise, spliced

FRAMES, EVERY, RATE = 200, 25, 25
SEGMENTS = ((57, 82), (131, 141))
"""Frames that are driven; neither starts or ends with a group of pictures."""
FULL = "--full-reencode"


@pytest.fixture(scope="module")
def browser() -> str:
    """The path of a Chromium."""
    found = find_browser()
    if found is None:
        pytest.skip("there is no chromium, chromium-browser or google-chrome on PATH")
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """Eight seconds of a portrait, a key frame every second."""
    return marked_video(tmp_path_factory.mktemp("marked") / "source.mp4", FRAMES, EVERY)


def around(frames: Iterable[int], reach: int = 5) -> list[float]:
    """The middle of every frame near one of `frames`, seconds, in an order that jumps to and fro."""
    near = {n for frame in frames for n in range(frame - reach, frame + reach + 1) if 0 <= n < FRAMES}
    order = sorted(near)
    random.Random(5).shuffle(order)
    return [(n + 0.5) / RATE for n in order]


def wrong(seen: Played, source: Marked) -> list[str]:
    """Everything that a viewer would have seen or waited for that is not as in the source; empty if all is well."""
    faults = [seen.error] if seen.error else []
    faults += [told for shown in (*seen.played, *seen.sought) if (told := seen_otherwise(shown, source)) is not None]
    faults += [f"{name} at {time:.3f} s" for name, time in seen.events if name in ("error", "abort", "emptied")]
    times = [shown.time for shown in seen.played]
    faults += [f"after {a:.3f} s came {b:.3f} s" for a, b in pairwise(times) if b <= a]
    if abs(seen.duration - FRAMES / RATE) > 0.03:  # the sound ends with a whole packet of 21 ms
        faults.append(f"it lasts {seen.duration:.3f} s")
    return faults


def stalls(seen: Played) -> list[str]:
    """Where the picture stood still for want of data after it had begun to move."""
    names = [name for name, _ in seen.events]
    begun = names.index("playing") if "playing" in names else 0
    return [f"{name} at {time:.3f} s" for name, time in seen.events[begun:] if name in ("waiting", "stalled")]


def plays(browser: str, video: Path, source: Marked, folder: Path, joins: Iterable[int]) -> None:
    """Assert that the browser shows `video` from end to end and wherever it is sent as the source is shown."""
    seeks = around(joins)
    seen = play(browser, video, folder, seeks=seeks)
    if stalls(seen):
        # A file that stalls does so every time; a busy machine does not.
        seen = play(browser, video, folder, seeks=seeks)
    assert wrong(seen, source) == []
    assert stalls(seen) == []
    assert "ended" in [name for name, _ in seen.events]
    assert len(seen.sought) == len(seeks)
    # A browser may leave frames out when the machine is busy, never the most of them.
    assert len(seen.played) > FRAMES // 2


@pytest.mark.parametrize("way", ["copied", "full"])
def test_an_output_plays_and_seeks_as_its_source(
    way: str, browser: str, source: Marked, user: User, tmp_path: Path
) -> None:
    can_copy = FULL in user.run("sync", "--help").stdout
    if way == "copied" and not can_copy:
        pytest.skip("this version encodes everything")
    speech = tmp_path / "speech.wav"
    make_speech(speech, 1.0)
    asked = [f"f{start}-f{stop}=a@0-{(stop - start) / RATE}" for start, stop in SEGMENTS]
    done = user.run(
        "sync", source.path, "--audio", f"a={speech}", *(part for one in asked for part in ("--segment", one)),
        *([FULL] if way == "full" and can_copy else []), "-o", "out.mp4", "-q",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((user.folder / "out.report.json").read_text())
    assert report["frames"]["edited"] > 0
    if can_copy:
        encoding = report["encoding"]
        assert encoding["encoded_frames"] + encoding["copied_frames"] == FRAMES
        assert (encoding["copied_frames"] > 0) == (way == "copied"), encoding
    edges = [frame for segment in SEGMENTS for frame in segment]
    plays(browser, user.folder / "out.mp4", source, tmp_path, [0, *source.keys, *edges, FRAMES - 1])


def test_a_file_spliced_by_hand_plays_and_a_wrong_frame_in_it_is_noticed(
    browser: str, source: Marked, tmp_path: Path
) -> None:
    good, bad = spliced(source, tmp_path / "good.mp4", 3), spliced(source, tmp_path / "bad.mp4", 3, foreign=True)
    plays(browser, good, source, tmp_path, (75, 100))
    seen = play(browser, bad, tmp_path, rate=4, seeks=around((75, 100)))
    faults = wrong(seen, source)
    assert any("in the place of frame 7" in fault for fault in faults)
    assert any("sought 3.020 s, frame 75; shown was frame 50" in fault for fault in faults)
