"""The main job on real footage by command, JSON request and Python: the same bytes; and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.acceptance.conftest import User

from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.quality.report import QualityReport

MEASURED = {"av_correlation": (0.6, 1.0), "av_offset_ms": (-60.0, 60.0), "coverage": (0.99, 1.0)}


@pytest.fixture
def talking(clips: Path) -> Path:
    """Three seconds of a man speaking, 25 fps."""
    return clips / "grid_bbaf2n.mpg"


@pytest.fixture
def speech(clips: Path) -> Path:
    """Somebody else's speech."""
    return clips / "speech" / "retalk_1.wav"


def test_command_json_and_python_do_the_same(user: User, talking: Path, speech: Path) -> None:
    spoken = ["--audio", f"a={speech}", "--segment", "0.4-2.4=a@0.5-2.5"]
    done = user.run("sync", talking, *spoken, "-o", "cli.mp4", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["frames"] == {"output": 75, "edited": 50, "passed": 0}
    assert told["output"] == "cli.mp4"
    assert "render: 75 of 75 frames" in done.stderr
    report = QualityReport.read(user.folder / told["report"])
    assert report.equality.kept
    assert (report.equality.untouched_frames, report.equality.edited_frames) == (25, 50)
    for name, (low, high) in MEASURED.items():
        value = getattr(report.segments[0].meters, name)
        assert value is not None
        assert low <= value <= high, name
    assert {model.name for model in report.models} >= {"face_landmarks_detector.tflite", "whisper-base/model.bin"}

    body = {
        "input": [
            {"type": "video", "url": str(talking)},
            {"type": "audio", "url": speech.as_uri(), "ref_id": "a"},
        ],
        "segments": [
            {"start_time": 0.4, "endTime": 2.4, "audioInput": {"refId": "a", "startTime": 0.5, "end_time": 2.5}}
        ],
    }
    (user.folder / "body.json").write_text(json.dumps(body))
    assert user.run("sync", "--request", "body.json", "-o", "json.mp4", "-q").returncode == 0
    program = (
        "from lipwright import Segment, sync_video\n"
        f"sync_video({str(talking)!r}, audio={{'a': {str(speech)!r}}}, output='python.mp4',\n"
        "           segments=[Segment(0.4, 2.4, 'a', crop=(0.5, 2.5))])\n"
    )
    (user.folder / "program.py").write_text(program)
    assert run_python(user, "program.py") == 0
    assert (user.folder / "json.mp4").read_bytes() == (user.folder / "cli.mp4").read_bytes()
    assert (user.folder / "python.mp4").read_bytes() == (user.folder / "cli.mp4").read_bytes()
    assert list(user.temporary.iterdir()) == []


def run_python(user: User, script: str) -> int:
    """Run a script in the user's folder."""
    import subprocess

    return subprocess.run([sys.executable, script], cwd=user.folder, env=user.environment, check=False).returncode


def test_a_still_speaks_text_and_frames_may_name_a_range(user: User, clips: Path) -> None:
    picture = clips / "portraits" / "obama_official_320.jpg"
    done = user.run("sync", picture, "--text", "Hello, good morning.", "--quality", "draft", "-o", "out.mp4", "-q")
    assert done.returncode == 0, done.stderr
    report = QualityReport.read(user.folder / "out.report.json")
    assert report.speech[0].voice == "heart"
    assert report.frames.edited == report.frames.output
    info = probe(user.folder / "out.mp4")
    assert info.video is not None
    assert info.audio is not None
    assert abs(info.video.duration - info.audio.duration) < 0.05


@pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_killed_job_leaves_no_file(user: User, talking: Path, speech: Path, number: int, code: int) -> None:
    with user.start("sync", talking, "--audio", speech, "-o", "out.mp4", "--debug-overlay", "debug.mp4") as job:
        assert job.stderr is not None
        for line in job.stderr:
            if line.startswith("render"):
                break
        os.kill(job.pid, number)
        rest = job.stderr.read()
    assert job.returncode == code, rest
    assert "Traceback" not in rest
    assert user.files() == []
    if number != signal.SIGKILL:
        assert list(user.temporary.iterdir()) == []
    else:  # what it could not clean up is swept by the next job
        user.run("sync", talking, "--audio", "no.wav", "-o", "out.mp4")
        assert not [path for path in user.temporary.iterdir() if path.name.startswith("lipwright-job-")]


def test_untouched_frames_survive_encoding_as_the_codec_leaves_them(user: User, talking: Path, speech: Path) -> None:
    """Outside the segment every frame shows what the source shows, to within the loss of the encoder."""
    done = user.run("sync", talking, "--audio", f"a={speech}", "--segment", "1-1.2=a@0-0.2", "-o", "out.mp4", "-q")
    assert done.returncode == 0, done.stderr
    before, after = probe(talking), probe(user.folder / "out.mp4")
    with open_reader(talking, before) as source, open_reader(user.folder / "out.mp4", after) as output:
        for index in (0, 12, 24, 30, 50, 74):
            a, b = source.at(index).picture.planes[0], output.at(index).picture.planes[0]
            assert abs(a.astype(float) - b.astype(float)).mean() < 2.0


def test_other_commands(user: User, talking: Path, speech: Path) -> None:
    facts = json.loads(user.run("probe", talking, "--json").stdout)
    assert facts["video"]["frames"] == 75
    assert facts["audio"]["channels"] == 2
    found = json.loads(user.run("faces", talking, "--sheet", "faces.png", "--json", "-q").stdout)
    assert [face["face"] for face in found["faces"]] == [1]
    assert (user.folder / "faces.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert user.run("speak", "Peter bought paper.", "-o", "said.wav", "-q").returncode == 0
    heard = json.loads(user.run("visemes", "said.wav", "--plot", "v.png", "--json", "-q").stdout)
    assert heard["recogniser"] == "whisper-head"
    assert sum(one["viseme"] == "PP" for one in heard["visemes"]) >= 2
    assert (user.folder / "v.png").stat().st_size > 1000
    judged = json.loads(user.run("evaluate", talking, "--text", "bin blue at f two now", "--json", "-q").stdout)
    assert judged["meters"]["av_correlation"] > 0.3
    assert user.run("doctor").returncode == 0
    listed = json.loads(user.run("models", "list", "--json").stdout)
    assert all(one["path"] for one in listed if one["group"] == "core")
    path = Path(user.run("models", "path", "silero_vad_v6.onnx").stdout.strip())
    assert path.is_file()
    assert "heart" in user.run("voices").stdout
    assert user.run("--version").stdout.startswith("lipwright ")
