"""The secret that an installation makes for itself."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

from lipwright.service.config import ServiceConfig
from lipwright.service.services import SECRET_FILE, signing_secret


def test_processes_that_start_together_sign_with_one_secret(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        together, found = threading.Barrier(4), []

        def start(folder: Path = folder, together: threading.Barrier = together, found: list[bytes] = found) -> None:
            together.wait()
            found.append(signing_secret(ServiceConfig(data_dir=folder)))

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
        assert [path.name for path in folder.iterdir()] == [SECRET_FILE]


def test_the_secret_is_its_owners_only_and_stays(tmp_path: Path) -> None:
    config = ServiceConfig(data_dir=tmp_path)
    secret = signing_secret(config)
    assert len(secret) >= 48
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600
    assert signing_secret(config) == secret
