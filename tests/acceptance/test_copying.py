"""What a user gets of a video that is mostly left alone: its own packets; and rendering in several processes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import pytest
from tests.acceptance.conftest import User

SPOKEN = (Fraction(3), Fraction(5))


@pytest.fixture
def interview(clips: Path) -> Path:
    """Seventeen seconds in H.264 and AAC; decoding can begin at 0 and at 10 s."""
    return clips / "vv_interview.mp4"


def packets(path: Path, kind: str) -> dict[Fraction, str]:
    """Digests of the first stream's packets by when they are shown or heard."""
    with av.open(str(path)) as container:
        stream = container.streams.get({kind: 0})[0]
        return {
            packet.pts * packet.time_base: sha256(bytes(packet)).hexdigest()
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        }


def pictures(path: Path) -> tuple[dict[Fraction, str], list[tuple[int, str, str]]]:
    """Digests of the decoded frames by time, and what FFmpeg had to say."""
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said, av.open(str(path)) as container:
            shown = {
                frame.pts * frame.time_base: sha256(frame.to_ndarray().tobytes()).hexdigest()
                for frame in container.decode(video=0)
            }
    finally:
        av.logging.set_level(None)
    return shown, said


def test_what_is_not_changed_keeps_its_packets(user: User, interview: Path, clips: Path) -> None:
    speech = clips / "speech" / "retalk_1.wav"
    asked = [interview, "-a", f"a={speech}", "-s", "3-5=a@0-2/face1", "--quality", "draft", "--json", "-q"]
    done = user.run("sync", *asked, "-o", "copied.mp4")
    assert done.returncode == 0, done.stderr
    full = user.run("sync", *asked, "--full-reencode", "-o", "full.mp4")
    assert full.returncode == 0, full.stderr

    reports = [json.loads((user.folder / f"{name}.report.json").read_text()) for name in ("copied", "full")]
    encoding = reports[0]["encoding"]
    assert encoding["full_because"] is None
    assert encoding["copied_frames"] + encoding["encoded_frames"] == 438
    assert encoding["copied_frames"] >= 438 - 250 + 70
    assert encoding["sound_copied_seconds"] > 14
    assert reports[1]["encoding"]["full_because"] == "A full re-encode was asked for."
    assert (reports[1]["encoding"]["copied_frames"], reports[1]["encoding"]["sound_copied_seconds"]) == (0, 0)
    assert reports[0]["frames"] == reports[1]["frames"]
    assert reports[0]["overall"] == reports[1]["overall"]

    source, copied = packets(interview, "video"), packets(user.folder / "copied.mp4", "video")
    assert source.keys() == copied.keys()
    other = [time for time in source if source[time] != copied[time]]
    assert len(other) == encoding["encoded_frames"]
    assert min(other) <= SPOKEN[0]
    assert SPOKEN[1] <= max(other) < 10
    before, after = packets(interview, "audio"), packets(user.folder / "copied.mp4", "audio")
    anew = [time for time in after if before.get(time) != after[time]]
    assert SPOKEN[0] - 1 < min(anew) < SPOKEN[0] + Fraction(1, 10)
    assert SPOKEN[1] - Fraction(1, 10) < max(time for time in anew if time < 15) < SPOKEN[1] + 1

    shown, said = pictures(user.folder / "copied.mp4")
    as_a_whole, _ = pictures(user.folder / "full.mp4")
    of_source, _ = pictures(interview)
    assert said == []
    assert all(shown[time] == of_source[time] for time in shown if time not in other)
    assert all(shown[time] == as_a_whole[time] for time in other)


def test_any_number_of_processes_gives_the_same_bytes(user: User, interview: Path, clips: Path) -> None:
    speech = clips / "speech" / "retalk_1.wav"
    asked = [interview, "-a", f"a={speech}", "-s", "1-4=a/face1", "-s", "8-11=a/face1", "--quality", "draft", "-q"]
    made = []
    for count in (1, 2, 5):
        done = user.run("sync", *asked, "--processes", str(count), "-o", f"{count}.mp4")
        assert done.returncode == 0, done.stderr
        report = json.loads((user.folder / f"{count}.report.json").read_text())
        del report["performance"], report["output"]["name"]
        made.append(((user.folder / f"{count}.mp4").read_bytes(), report))
    assert made[0] == made[1] == made[2]
    assert list(user.temporary.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)], ids=["kill", "term"])
def test_a_killed_job_takes_its_processes_along(
    user: User, interview: Path, clips: Path, number: int, code: int
) -> None:
    speech = clips / "speech" / "retalk_1.wav"
    asked = [interview, "-a", f"a={speech}", "-s", "1-4=a/face1", "-s", "8-11=a/face1"]
    with user.start("sync", *asked, "--processes", "2", "-o", "out.mp4") as job:
        assert job.stderr is not None
        for line in job.stderr:
            if line.startswith("render"):
                break
        workers = _children(job.pid)
        assert len(workers) == 2
        os.kill(job.pid, number)
        rest = job.stderr.read()
    assert job.returncode == code, rest
    assert "Traceback" not in rest
    assert user.files() == []
    until = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < until, "a process was left behind"
        time.sleep(0.05)
    if number != signal.SIGKILL:
        assert list(user.temporary.iterdir()) == []


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
