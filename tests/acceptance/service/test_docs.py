"""Every program on the page about the API, run as a reader would: in order, one after the other, against a real server.

Only addresses, the key and the seconds between two looks are replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sync import Sync
from tests.acceptance.service.conftest import Node
from tests.acceptance.service.loopback import MediaHost, Receiver
from tests.acceptance.service.server import Service

PAGE = Path(__file__).resolve().parents[3] / "docs" / "quickstart-api.md"
HOOK = "docs"


def blocks(language: str) -> list[str]:
    """The programs in that language, in order."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def here(source: str, service: Service, media: MediaHost, webhooks: Receiver) -> str:
    """`source` with the addresses and the key of this test run."""
    replaced = {
        "http://127.0.0.1:8080": service.url,
        "https://media.example.com": media.address,
        "https://hooks.example.com/lipwright": webhooks.url(HOOK),
        "lw_...": service.key,
    }
    for written, meant in replaced.items():
        source = source.replace(written, meant)
    return re.sub(r"sleep\(\d+\)", "sleep(0.2)", source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, material: Path) -> Path:
    """A folder with the files that the page speaks of; the media host has them too."""
    home = tmp_path_factory.mktemp("docs")
    for name, source in (("interview.mp4", "long.mp4"), ("anna.wav", "line.wav")):
        shutil.copy(material / source, home / name)
        shutil.copy(material / source, material / name)
    return home


@pytest.fixture(scope="module")
def reader(folder: Path, service: Service, media: MediaHost, webhooks: Receiver) -> Iterator[dict[str, Any]]:
    """What somebody has in Python who ran all of the page, with what it printed under `said`."""
    said: list[tuple[Any, ...]] = []
    names: dict[str, Any] = {"__name__": "__main__", "print": lambda *told: said.append(told), "said": said}
    before = Path.cwd()
    os.chdir(folder)
    try:
        for number, source in enumerate(blocks("python"), 1):
            if "body, headers" in source:  # a handler of webhooks has these two
                [call] = webhooks.wait(HOOK)
                names |= {"headers": call.headers, "body": call.body}
            exec(compile(here(source, service, media, webhooks), f"{PAGE.name}, program {number}", "exec"), names)
        yield names
    finally:
        os.chdir(before)
        for one in names.values():
            if isinstance(one, httpx.Client):
                one.close()
            elif isinstance(one, Sync):
                one._client_wrapper.httpx_client.httpx_client.close()


def test_the_video_is_made(reader: dict[str, Any], folder: Path) -> None:
    assert reader["generation"].status == "COMPLETED"
    assert b"ftyp" in (folder / "out.mp4").read_bytes()[:16]
    assert reader["generation"].output_duration == pytest.approx(21, abs=0.2)


def test_both_speak(reader: dict[str, Any]) -> None:
    [told] = next(one for one in reader["said"] if isinstance(one[0], list) and one[0] and isinstance(one[0][0], dict))
    assert [segment["ref"] for segment in told] == ["anna", "ben"]
    assert [segment["requested"][0] for segment in told] == [2, 6]


def test_the_webhook_is_verified_in_both_styles(reader: dict[str, Any]) -> None:
    assert reader["genuine"](reader["headers"], reader["body"])
    assert not reader["genuine"](reader["headers"], reader["body"] + b" ")
    assert reader["event"]["id"] == reader["generation"].id


def test_a_refusal_reads_as_the_page_says(reader: dict[str, Any]) -> None:
    [(_, body)] = [one for one in reader["said"] if one[0] == 400]
    written = re.search(r"# 400: (.*)", PAGE.read_text(encoding="utf-8"))
    assert written is not None
    assert body.message == written[1]


def test_operations_names_every_metric(service: Service) -> None:
    told = re.findall(r"^# TYPE (\w+) ", service.http.get("/metrics").text, re.MULTILINE)
    page = (PAGE.parent / "operations.md").read_text(encoding="utf-8")
    assert len(told) > 10
    assert [name for name in told if f"`{name}`" not in page and not name.endswith("_created")] == []


def test_what_was_deleted_is_gone(reader: dict[str, Any], service: Service) -> None:
    assert service.http.get(f"/v2/generate/{reader['running'].id}").status_code == 404


@pytest.mark.parametrize("number", range(len(blocks("sh"))))
def test_commands(number: int, reader: dict[str, Any], folder: Path, service: Service) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    own = {"LIPWRIGHT": service.url, "SYNC_API_KEY": service.key, "ID": reader["generation"].id}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", blocks("sh")[number]], cwd=folder, env={**os.environ, **own},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert ("event: end" in done.stdout) == ("/events" in blocks("sh")[number])


@pytest.mark.usefixtures("folder")
def test_the_typescript_program(node: Node, service: Service, media: MediaHost, webhooks: Receiver) -> None:
    [source] = blocks("ts")
    started = time.monotonic()
    [address] = node("document", source=here(source, service, media, webhooks).replace("2000", "200"))
    assert httpx.head(address).status_code == 200, address
    assert time.monotonic() - started < 100
