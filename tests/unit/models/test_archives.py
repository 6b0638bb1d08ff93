"""Reading one member of an archive."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from lipwright.errors import ModelFileError
from lipwright.models.archives import read_member

PAYLOAD = bytes(range(256)) * 9000  # more than two chunks


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_member_of_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(zipped({"pkg/other.bin": b"no", "pkg/data.bin": PAYLOAD}))
    assert b"".join(read_member(wheel, "pkg/data.bin")) == PAYLOAD


def test_a_member_of_an_archive_inside_a_wheel_without_its_head(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(zipped({"pkg/a.task": zipped({"deep.bin": PAYLOAD})}))
    assert b"".join(read_member(wheel, "pkg/a.task!deep.bin", skip=1_500_000)) == PAYLOAD[1_500_000:]


def test_a_member_of_an_npm_tarball(tmp_path: Path) -> None:
    tarball = tmp_path / "a.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        info = tarfile.TarInfo("package/v.bin")
        info.size = len(PAYLOAD)
        archive.addfile(info, io.BytesIO(PAYLOAD))
    assert b"".join(read_member(tarball, "package/v.bin")) == PAYLOAD


def test_no_member_means_the_file_itself(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(PAYLOAD)
    assert b"".join(read_member(plain, "", skip=7)) == PAYLOAD[7:]


def test_a_missing_member_and_a_damaged_archive_are_refused_in_a_sentence(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(zipped({"x": b"y"}))
    with pytest.raises(ModelFileError, match=r"a\.whl holds no member 'nope'"):
        b"".join(read_member(wheel, "nope"))
    wheel.write_bytes(b"PK not really")
    with pytest.raises(ModelFileError, match=r"a\.whl cannot be read"):
        b"".join(read_member(wheel, "x"))
