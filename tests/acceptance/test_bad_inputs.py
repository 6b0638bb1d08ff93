"""Every bad input: one clear sentence, exit code 1, nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.acceptance.conftest import User
from tests.synthetic import Sound, cfr, make_clip, make_wav

FAST = {"preset": "ultrafast", "g": "10"}


def good(path: Path, width: int = 128, height: int = 96, frames: int = 25) -> Path:
    """A small video in which nobody is."""
    sound = Sound(duration=Fraction(frames, 25))
    return make_clip(path, cfr(Fraction(25), frames, width=width, height=height, options=FAST, sound=sound))


def corrupt(path: Path) -> None:
    data = bytearray(good(path).read_bytes())
    noise = np.random.default_rng(5).integers(0, 256, len(data), np.uint8).tobytes()
    path.write_bytes(bytes(data[:64]) + noise[64:])


def truncated(path: Path) -> None:
    data = good(path).read_bytes()
    path.write_bytes(data[: len(data) // 3])


def huge(path: Path) -> None:
    good(path, 7680, 4320, frames=1)


def sound_only(path: Path) -> None:
    make_wav(path, np.zeros(16000, np.float32), 16000)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "corrupt": (corrupt, "damaged"),
    "truncated": (truncated, "damaged"),
    "empty": (lambda path: path.touch(), "empty"),
    "sound only": (sound_only, "no picture"),
    "nobody": (good, "No face"),
    "8K": (huge, "7680x4320"),
    "playlist": (lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"), "text file"),
    "concat": (lambda path: path.write_text("ffconcat version 1.0\nfile /etc/passwd\n"), "text file"),
    "text": (lambda path: path.write_text("Dear reader,\nthis is no video.\n" * 20), "text file"),
    "missing": (lambda path: None, "no video file"),
    "folder": (lambda path: path.mkdir(), "bad.mp4"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_video(user: User, kind: str) -> None:
    make, said = BAD[kind]
    make(user.folder / "bad.mp4")
    make_wav(user.folder / "speech.wav", np.full(8000, 0.1, np.float32), 16000)
    before = user.files()
    done = user.run("sync", "bad.mp4", "--audio", "speech.wav", "-o", "out.mp4", "--quiet")
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert done.returncode == 1, done.stderr
    assert len(errors) == 1, done.stderr
    assert said in errors[0]
    assert errors[0].endswith(".")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert user.files() == before
    assert list(user.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-a", "no.wav"], 1, "no.wav"),
        (["-a", "text.wav"], 1, "text file"),
        (["-a", "silent.mp4"], 1, "no sound"),
        (["-a", "https://example.com/a.wav"], 1, "only files of this machine"),
        (["-a", "a=speech.wav", "-s", "5-2=a"], 1, "segments[0]"),
        (["-a", "speech.wav", "-s", "0-1=a"], 2, "a=speech.wav"),
        (["-a", "a=speech.wav", "-s", "0-1=b"], 1, "segments[0].audioInput.refId"),
        (["-a", "a=speech.wav", "-s", "9-10=a"], 1, "segments[0]"),
        (["-t", "x", "--voice", "nobody-speaks-like-this"], 1, "no local voice"),
        (["-a", "speech.wav", "--engine", "magic"], 1, "magic"),
        (["-a", "speech.wav", "-s", "two-five=a"], 2, "not a range"),
        (["-a", "speech.wav", "--speaker", "him"], 2, "not a speaker"),
        (["-a", "speech.wav", "--sync-mode", "stretch"], 2, "stretch"),
        (["-a", "speech.wav", "--temperature", "7"], 2, "--temperature"),
        (["-a", "speech.wav", "--frobnicate"], 2, "frobnicate"),
        ([], 2, "--audio"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_bad_request(user: User, arguments: list[str], code: int, said: str) -> None:
    good(user.folder / "in.mp4")
    make_clip(user.folder / "silent.mp4", cfr(Fraction(25), 10, options=FAST))
    make_wav(user.folder / "speech.wav", np.full(8000, 0.1, np.float32), 16000)
    (user.folder / "text.wav").write_text("not a sound\n" * 40)
    before = user.files()
    done = user.run("sync", "in.mp4", *arguments, "-o", "out.mp4", "--quiet")
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert user.files() == before
    assert list(user.temporary.iterdir()) == []


def test_every_fault_of_a_json_request_is_told(user: User) -> None:
    good(user.folder / "in.mp4")
    body = {
        "input": [{"type": "video", "url": "in.mp4"}, {"type": "audio", "url": "a.wav", "refId": "a"}],
        "segments": [
            {"startTime": 3, "endTime": 1, "audioInput": {"refId": "a"}},
            {"startTime": 0, "endTime": 1, "audioInput": {"refId": "b"}},
        ],
    }
    (user.folder / "body.json").write_text(json.dumps(body))
    done = user.run("sync", "--request", "body.json", "-o", "out.mp4", "--json")
    assert done.returncode == 1
    assert "segments[0]" in done.stderr
    assert "segments[1].audioInput.refId" in done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "generation_input_segments_invalid"
    assert [fault["field"] for fault in error["faults"]] == ["segments[0]", "segments[1].audioInput.refId"]


def test_a_script_is_told_what_failed_as_json(user: User) -> None:
    done = user.run("probe", "nothing.mp4", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "generation_input_video_inaccessible"
    assert user.run("probe", "nothing.mp4").stdout == ""
