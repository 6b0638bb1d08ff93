"""Settings that are not allowed: told in a sentence before anything starts, and no secret in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lipwright.errors import RequestError
from lipwright.service.config import load_config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_generate", "often"),
        ("rate_other", ""),
        ("public_url", "lips.example.org"),
        ("public_url", "https://lips.example.org/?a=b"),
        ("public_url", "https://user:hunter2secret@lips.example.org"),
        ("quality", "nice"),
        ("log_level", "loud"),
        ("port", "99999"),
        ("worker_slots", "0"),
    ],
)
def test_what_is_not_allowed_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(RequestError) as refused:
        load_config(data_dir=tmp_path, **{name: value})
    assert refused.value.field == name
    assert f"LIPWRIGHT_{name.upper()}" in refused.value.message
    assert repr(value) in refused.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signing_secret", "hunter2secret"),
        ("database_url", "mysql://me:hunter2secret@host/lips"),
        ("objects_options", ["hunter2secret"]),
    ],
)
def test_what_is_secret_is_not_repeated(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(RequestError) as refused:
        load_config(data_dir=tmp_path, **{name: value})
    assert refused.value.field == name
    assert "hunter2secret" not in refused.value.message


def test_what_cannot_be_read_at_all_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("LIPWRIGHT_OBJECTS_OPTIONS", "secret_access_key=hunter2secret")
        with pytest.raises(RequestError, match="objects_options") as refused:
            load_config(data_dir=tmp_path)
        assert "hunter2secret" not in refused.value.message
    (tmp_path / "lipwright.toml").write_text("port = = 8080")
    with pytest.raises(RequestError, match=r"lipwright\.toml"):
        load_config(data_dir=tmp_path)


def test_what_is_allowed(tmp_path: Path) -> None:
    config = load_config(
        data_dir=tmp_path,
        rate_generate="5 per 10 seconds",
        public_url="https://lips.example.org:8443/api/",
        database_url="postgresql://me:secret@host/lips",
        signing_secret="x" * 16,
        log_level="WARNING",
    )
    assert (config.log_level, config.base_url) == ("warning", "https://lips.example.org:8443/api")
