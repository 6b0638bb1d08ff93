"""The pages about the service leave nothing out and name nothing that is not there."""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import pydantic
import pytest
import sync.common
import sync.webhooks.types
from sync.core.serialization import FieldMetadata

from lipwright.error_codes import BY_CODE
from lipwright.service.api.app import create_app
from lipwright.service.config import PREFIX, ServiceConfig
from lipwright.service.jobs.queue import DELIVERIES, GENERATIONS, LIGHT, PIECES
from lipwright.service.settings_page import filled, table

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
COMPATIBILITY, OPERATIONS, DEPLOYMENT = (PAGES[f"{name}.md"] for name in ("compatibility", "operations", "deployment"))

OTHERS = {"MODEL_DIR", "CONFIG", "CACHE_DIR", "ELEVENLABS_BASE_URL"}
"""What stands in the environment and is no setting of the service."""

NOT_OURS = {"project_not_found", "unsupported_generation_id_format"}
"""Codes that the page about compatibility names because they never come."""


def sdk_models() -> list[type[pydantic.BaseModel]]:
    """Everything that the official SDK sends and reads."""
    found = [*vars(sync.common).values(), *vars(sync.webhooks.types).values()]
    for name in (*sync.common.__all__, *sync.webhooks.types.__all__):
        found.append(getattr(sync.common, name, None) or getattr(sync.webhooks.types, name, None))
    return sorted(
        {one for one in found if isinstance(one, type) and issubclass(one, pydantic.BaseModel)},
        key=lambda one: one.__name__,
    )


def sdk_fields() -> Iterator[tuple[str, str]]:
    """The class and the name on the wire of every field."""
    for model in sdk_models():
        for name, hint in typing.get_type_hints(model, include_extras=True).items():
            if name in model.model_fields:
                told = [one.alias for one in getattr(hint, "__metadata__", ()) if isinstance(one, FieldMetadata)]
                yield model.__name__, told[0] if told else name


def spans(text: str) -> set[str]:
    """What stands in backticks, and the parts of it between dots."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = {one.replace("\n", " ") for one in re.findall(r"`([^`]+)`", text)}
    return found | {part for one in found for part in re.split(r"[.…]", one)}


def routes() -> set[str]:
    """The paths of the API that it tells of."""
    return set(create_app(ServiceConfig()).openapi()["paths"])


def test_the_sdk_is_looked_at() -> None:
    named = {model for model, _ in sdk_fields()}
    assert {"Generation", "GenerationOptions", "GenerationSegment", "ActiveSpeaker", "Asset", "BatchResponse"} <= named
    assert {"Video", "Audio", "Tts", "ElevenLabs", "ModelInfo", "GenerationNotification", "GenerationError"} <= named
    assert ("GenerationSegment", "startTime") in set(sdk_fields())


@pytest.mark.parametrize(("model", "field"), sorted(set(sdk_fields())))
def test_compatibility_names_every_field_of_the_sdk(model: str, field: str) -> None:
    assert field in spans(COMPATIBILITY), f"{model}.{field}"


@pytest.mark.parametrize("alias", ["SyncMode", "GenerationStatus", "Model", "BatchStatus"])
def test_the_pages_name_every_value_of_the_sdk(alias: str) -> None:
    literal = typing.get_args(getattr(sync.common, alias))[0]
    text = COMPATIBILITY if alias != "BatchStatus" else PAGES["batches.md"]
    assert set(typing.get_args(literal)) <= spans(text)


@pytest.mark.parametrize("path", sorted(routes() - {"/files/{key}"}))
def test_compatibility_names_every_call(path: str) -> None:
    """By its path, or, next to that of a call beside it, by the end of it."""
    written = re.sub(r"\{[^}]*\}", "{id}", path)
    named = {one.split(" ")[-1] for one in spans(COMPATIBILITY)}
    beside = written.rsplit("/", 1)
    assert (
        written in named
        or (f"/{beside[1]}" in named and beside[1] != "{id}")
        or beside == ["/v2/webhooks/deliveries", "{id}"]
    )


@pytest.mark.parametrize(
    "name", sorted({name for text in PAGES.values() for name in re.findall(r"LIPWRIGHT_(\w+)", text)})
)
def test_every_setting_that_a_page_names_is_one(name: str) -> None:
    assert name.lower() in ServiceConfig.model_fields or name in OTHERS


@pytest.mark.parametrize("page", ["operations.md", "deployment.md"])
def test_files_of_settings_can_be_read(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in re.findall(r"^```toml\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL):
        assert set(tomllib.loads(source)) <= set(ServiceConfig.model_fields)
        (tmp_path / "lipwright.toml").write_text(source, encoding="utf-8")
        monkeypatch.setenv(f"{PREFIX}CONFIG", str(tmp_path / "lipwright.toml"))
        assert ServiceConfig().objects_url == "s3://lipwright"


def test_the_table_of_settings_is_the_one_the_configuration_makes() -> None:
    """If not: python -m lipwright.service.settings_page docs/operations.md"""
    assert table() in OPERATIONS
    assert filled(OPERATIONS) == OPERATIONS


def test_the_table_says_what_there_is() -> None:
    for name, field in ServiceConfig.model_fields.items():
        assert f"| `{PREFIX}{name.upper()}` | " in table()
        assert field.description, name
    assert "| `LIPWRIGHT_MAX_UPLOAD` | `5368709120` (5 GiB) |" in table()
    assert "/root" not in table()
    assert str(Path.home()) not in table()


def test_queues_are_named() -> None:
    assert {GENERATIONS, PIECES, DELIVERIES, LIGHT} <= spans(OPERATIONS)


@pytest.mark.parametrize("page", ["compatibility.md", "operations.md", "troubleshooting.md"])
def test_codes_on_the_pages_are_of_the_catalogue(page: str) -> None:
    kinds = r"(?:generation|batch|asset|voice|elevenlabs|file|uploaded|delivery)_[a-z_]+"
    named = set(
        re.findall(
            rf"`({kinds}_(?:invalid|failed|error|reached|found|limit|unavailable|timeout|inaccessible))`", PAGES[page]
        )
    )
    assert named
    assert named - NOT_OURS <= set(BY_CODE)


def test_compatibility_has_all_decisions() -> None:
    assert re.findall(r"^\| D(\d+) \|", COMPATIBILITY, re.MULTILINE) == [str(number) for number in range(1, 32)]


def test_pages_name_no_machine() -> None:
    for name, text in PAGES.items():
        assert not re.search(r"/(root|work|home)/", text), name
