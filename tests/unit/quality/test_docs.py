"""The pages about figures and errors leave nothing out and name nothing that is not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from lipwright import errors
from lipwright.engines.base import PassReason
from lipwright.error_codes import BY_CODE
from lipwright.quality.report import METERS, QualityReport

DOCS = Path(__file__).resolve().parents[3] / "docs"
GLOSSARY = (DOCS / "quality-report.md").read_text(encoding="utf-8")
TROUBLE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")


def codes() -> set[str]:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.LipwrightError)]
    return {k.code for k in kinds} - {errors.LipwrightError.code}


@pytest.mark.parametrize("name", [*METERS, *PassReason, *(f.name for f in fields(QualityReport))])
def test_the_glossary_explains(name: str) -> None:
    assert f"`{name}`" in GLOSSARY


def test_the_glossary_explains_no_figure_that_is_not_there() -> None:
    figures = GLOSSARY.split("## Figures")[1].split("###")[0]
    assert set(re.findall(r"^\| `(\w+)`", figures, re.MULTILINE)) == set(METERS)


def test_troubleshooting_has_every_code_of_an_exception_and_none_that_is_not_there() -> None:
    named = set(re.findall(r"`(\w+)`", TROUBLE)) & {*BY_CODE}
    assert codes() <= named
    assert set(re.findall(r"`((?:generation|elevenlabs|voice)_\w+)`", TROUBLE)) <= {*BY_CODE}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
