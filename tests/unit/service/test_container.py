"""The files of `container/`, as far as that can be told without an engine that runs them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from lipwright.cli.main import app
from lipwright.service.config import ServiceConfig

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "container"
RECIPE = re.sub(r"^\s*#.*\n", "", (FOLDER / "Containerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
LINES = [line for line in RECIPE.replace("\\\n", " ").splitlines() if line.strip()]
OTHERS = {"MODEL_DIR", "CACHE_DIR", "CONFIG"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, its anchors resolved."""
    yaml = pytest.importorskip("yaml")
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def parsed(arguments: list[str]) -> None:
    """Have the real command line read `lipwright ARGUMENTS`."""
    group = typer.main.get_command(app)
    with group.make_context("lipwright", list(arguments)) as context:
        command = group.commands[arguments[0]]  # type: ignore[attr-defined]
        with command.make_context(arguments[0], arguments[1:], parent=context):
            pass


def is_setting(name: str) -> bool:
    """Whether a variable is one that Lipwright reads."""
    short = name.removeprefix("LIPWRIGHT_")
    return short.lower() in ServiceConfig.model_fields or short in OTHERS


def test_instructions_are_such() -> None:
    known = {"ARG", "FROM", "ENV", "RUN", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
             "ENTRYPOINT", "CMD"}  # fmt: skip
    assert {line.split()[0] for line in LINES} <= known


def test_stages_are_there() -> None:
    stages: list[str] = []
    for line in LINES:
        if line.startswith("FROM"):
            base, _, name = line.removeprefix("FROM ").partition(" AS ")
            assert base == "${PYTHON}" or base in stages, line
            stages.append(name.strip())
        for source in re.findall(r"--from=(\S+)", line):
            assert source in stages, line
    assert stages[-1] == ""


def test_what_is_copied_is_in_the_repository() -> None:
    for line in LINES:
        if line.startswith("COPY") and "--from" not in line:
            for source in shlex.split(line)[1:-1]:
                assert (ROOT / source).exists(), line
                kept = (ROOT / ".containerignore").read_text(encoding="utf-8")
                assert f"!{source}\n" in kept, f"{source} is ignored"


def test_packages_are_locked_and_what_is_removed_is_not_needed() -> None:
    assert "pip install --require-hashes --only-binary :all: -r /src/requirements.lock" in RECIPE
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    needed = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[dependency-groups]")[0]
    removed = re.search(r"pip uninstall --yes (.*)", RECIPE)
    assert removed is not None
    for name in removed[1].split():
        assert re.search(rf"^{re.escape(name)}==", lock, re.MULTILINE), name
        assert f'"{name}' not in needed, name
    assert re.search(r"^hatchling==", lock, re.MULTILINE), "the build needs it, without isolation"


def test_it_runs_without_root_and_is_healthy_by_its_own_word() -> None:
    assert "USER 10001:10001" in LINES
    assert any(line.startswith("HEALTHCHECK") and "/health" in line for line in LINES)
    assert any(line.startswith("ENTRYPOINT") and '"tini"' in line for line in LINES)
    for name in re.findall(r"(LIPWRIGHT_\w+)=", RECIPE):
        assert is_setting(name), name


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values()]
    images += re.findall(r"^ARG PYTHON=(.*)$", RECIPE, re.MULTILINE)
    for image in images:
        assert re.search(r":\d+\.\d+", image), image
        assert image.count("/") <= 1, "no registry is named"


@pytest.mark.parametrize("name", ["api", "worker"])
def test_our_services_are_hardened(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"] == "10001:10001"
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert [one["target"] for one in service["volumes"]] == ["/data"]
    parsed(service["command"])
    for variable in service["environment"]:
        assert is_setting(variable), variable


def test_parts_fit_together(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("depends_on", [])) <= set(services), name
        for volume in service.get("volumes", []):
            assert isinstance(volume, dict) or volume.split(":")[0] in compose["volumes"], name
    assert "healthcheck" in services["postgres"]
    assert compose["networks"]["inside"]["internal"] is True
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "only the proxy of this machine gets in"
