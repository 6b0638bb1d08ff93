"""The catalogue of error codes, the exceptions that carry them, and the page about them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import lipwright
from lipwright.error_codes import BY_CODE, CODES, page
from lipwright.errors import (
    FaceSelectionInvalid,
    LipwrightError,
    MediaError,
    NoUsableFace,
    SpeechServiceError,
    SpeechTimeout,
)

REPOSITORY = Path(__file__).resolve().parents[2]

WITH_ANOTHER_STATUS = {"BoxesInaccessible", "NoUsableFace", "SpeechTimeout"}
"""Exceptions of which the HTTP status is not the one their code usually has."""


def exceptions(root: type[LipwrightError] = LipwrightError) -> Iterator[type[LipwrightError]]:
    """All there are, wherever they are defined."""
    yield root
    for one in root.__subclasses__():
        yield from exceptions(one)


@pytest.fixture(scope="module")
def everything() -> set[type[LipwrightError]]:
    """The exceptions of every module."""
    for module in pkgutil.walk_packages(lipwright.__path__, "lipwright."):
        if not module.name.endswith("__main__") and "migrations" not in module.name:
            importlib.import_module(module.name)
    return {one for one in exceptions() if one.__module__.startswith("lipwright.")}


def test_every_exception_has_a_code_of_the_catalogue_and_its_status(everything: set[type[LipwrightError]]) -> None:
    assert len(everything) > 40
    assert {one.__name__ for one in everything if one.code not in BY_CODE} == set()
    others = {one.__name__ for one in everything if one.status != BY_CODE[one.code].status}
    assert others == WITH_ANOTHER_STATUS


def test_a_class_takes_the_status_of_its_code_or_says_one_or_inherits_one() -> None:
    class OfCode(LipwrightError):
        """It is not there."""

        code = "asset_not_found"

    class Own(OfCode):
        """It is gone."""

        status = 410

    class OwnAndCode(OfCode):
        """It is somebody else's."""

        code = "asset_forbidden"
        status = 404

    class Heir(Own):
        """It is gone for good."""

    class Unknown(MediaError):
        """An engine of somebody else has a code of its own."""

        code = "not_of_ours"

    assert [one.status for one in (OfCode, Own, OwnAndCode, Heir, Unknown)] == [404, 410, 404, 410, 422]
    assert (FaceSelectionInvalid.status, NoUsableFace.status) == (400, 422)
    assert (SpeechServiceError.status, SpeechTimeout.status) == (503, 504)


def test_codes_are_unique_and_told_in_sentences() -> None:
    assert len(BY_CODE) == len(CODES)
    for one in CODES:
        assert 400 <= one.status < 600, one
        assert one.message.endswith("."), one
        assert one.suggestion, one
        assert "|" not in one.message + one.suggestion, one


def test_the_page_about_errors_is_the_one_the_catalogue_makes() -> None:
    """If not: python -m lipwright.error_codes > docs/errors.md"""
    assert (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8") == page()
