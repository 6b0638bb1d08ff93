"""A fault of the program itself ends in one sentence and exit code 1, not in a traceback."""

from __future__ import annotations

import pytest

from lipwright.cli import main


def test_a_fault_of_ours_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("by hand\nsecond line")

    monkeypatch.setattr(main, "app", broken)
    monkeypatch.setenv("LIPWRIGHT_DEBUG", "1")  # leave standard error to the test
    with pytest.raises(SystemExit) as ended:
        main.run(["probe", "x.mp4"])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: something went wrong inside Lipwright (ZeroDivisionError: by hand).")
    assert "Traceback" not in said
