"""Every command and program in the README and the documentation is one that works.

Commands are parsed by the real command line, and the `sync` ones make real requests that pass validation; only the
rendering is left out here (`test_main_job` does that).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from tests.synthetic import make_wav
from typer.testing import CliRunner

from lipwright.cli.main import app
from lipwright.generation import api, generate
from lipwright.timeline.request import GenerationRequest
from lipwright.timeline.validate import check

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands() -> Iterator[tuple[str, str]]:
    """Document and line of every command, continued lines joined."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        for found in re.finditer(r"^(?:    |\t|\$ ?)*(lipwright [a-z].*)$", text, re.MULTILINE):
            line = found[1].split("   #")[0].strip()
            if not re.search(r"[A-Z]{4,}|…|\.\.\.|`", re.sub(r'"[^"]*"', "", line)):  # not a pattern such as FILE
                yield document.name, line


def programs() -> Iterator[tuple[str, str]]:
    """Document and source of every Python block that makes a video."""
    for document in DOCUMENTS:
        for found in re.finditer(
            r"^```python\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            if "sync_video(" in found[1] and "output=" in found[1]:
                yield document.name, found[1]


def bodies() -> Iterator[tuple[str, str]]:
    """Document and text of every JSON block that is a request."""
    for document in DOCUMENTS:
        for found in re.finditer(
            r"^```json\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            if '"input"' in found[1]:
                yield document.name, found[1]


@pytest.fixture
def requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[GenerationRequest]:
    """A folder with the files that documents speak of; what would have been rendered is collected."""
    made: list[GenerationRequest] = []

    class Anything:
        """Stands for a result whose every figure can be printed."""

        warnings = ()
        segments = ()
        seconds = 0.0
        passed = 0
        faces_at_once = 1

        def __getattr__(self, name: str) -> Anything:
            return self

    def collect(request: GenerationRequest, *_: object) -> Anything:
        check(request)
        made.append(request)
        return Anything()

    for name in ("speech.wav", "one.wav", "two.wav", "a.wav", "b.wav"):
        make_wav(tmp_path / name, np.zeros(160, np.float32), 16000)
    body = {"input": [{"type": "video", "url": "in.mp4"}, {"type": "audio", "url": "one.wav"}]}
    (tmp_path / "body.json").write_text(json.dumps(body))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generate, "generate", collect)
    monkeypatch.setattr(api, "generate", collect)
    return made


def test_there_is_something_to_check() -> None:
    assert sum(name == "README.md" for name, _ in commands()) >= 1
    assert len(list(commands())) >= 8
    assert len(list(programs())) >= 1


@pytest.mark.parametrize(("document", "line"), [*dict.fromkeys(commands())])
def test_commands(document: str, line: str, requests: list[GenerationRequest]) -> None:
    arguments = shlex.split(line)[1:]
    if arguments[0] == "sync":
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{document}: {line}: {done.output} {done.exception!r}"
        assert len(requests) == 1
        return
    group = typer.main.get_command(app)
    with group.make_context("lipwright", list(arguments), resilient_parsing=False) as context:
        command = group.commands[arguments[0]]  # type: ignore[attr-defined]
        with command.make_context(arguments[0], arguments[1:], parent=context):
            pass


@pytest.mark.parametrize(("document", "source"), [*programs()])
def test_programs(document: str, source: str, requests: list[GenerationRequest]) -> None:
    exec(compile(source, document, "exec"), {"__name__": "__main__"})
    assert requests


@pytest.mark.parametrize(("document", "text"), [*bodies()])
def test_bodies(document: str, text: str) -> None:
    from lipwright.timeline.body import parse_request

    check(parse_request(json.loads(text)))
