"""Mistakes on the command line are told before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipwright.cli import main


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["sync", "https://h.invalid/in.mp4", "-a", "s.wav", "-o", "o.mp4"], 1, "'https://h.invalid/in.mp4'; only"),
        (["probe", "https://h.invalid/in.mp4"], 1, "'https://h.invalid/in.mp4'; only files of this machine"),
        (["visemes", "https://h.invalid/s.wav"], 1, "'https://h.invalid/s.wav'; only files of this machine"),
        (["sync", "in.mp4", "s.wav", "-o", "o.mp4"], 2, "--audio s.wav"),
        (["sync", "in.mp4", "-a", "s.wav", "-o", "."], 1, "a file name is needed"),
        (["sync", "in.mp4", "-a", "s.wav", "--sync-mode", "cutoff", "-o", "o.mp4"], 2, "is not a sync mode"),
        (["speak", "Hi.", "-o", "s.mp3"], 1, "has to end in .wav"),
        (["faces", "in.mp4", "--sheet", "nodir/f.png"], 1, "The folder 'nodir' does not exist"),
        (["visemes", "in.wav", "--plot", "nodir/f.png"], 1, "The folder 'nodir' does not exist"),
    ],
)
def test_mistakes(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIPWRIGHT_DEBUG", "1")  # leave standard error to the test
    with pytest.raises(SystemExit) as ended:
        main.run(arguments)
    assert ended.value.code == code
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []
