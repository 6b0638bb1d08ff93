"""HTTPS: the connection goes to the judged address, and the certificate has to be that of the name."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lipwright.errors import VideoInaccessible
from lipwright.service.net.fetch import Fetcher
from lipwright.service.net.policy import AddressPolicy


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of a.test and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not here")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    about = ["-days", "2", "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test"]
    subprocess.run([*make, "-keyout", key, "-out", cert, *about], check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize(("name", "fine"), [("a.test", True), ("b.test", False)])
def test_the_certificate_is_checked_against_the_name(
    certificate: tuple[Path, Path], server: Any, names: Any, name: str, fine: bool
) -> None:
    asked: list[str | None] = []
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(*certificate)
    there.sni_callback = lambda _sock, host, _context: asked.append(host)
    here = ssl.create_default_context(cafile=str(certificate[0]))
    server.wrap = lambda conn: there.wrap_socket(conn, server_side=True)
    server.answers("/v", b"data", Content_Type="video/mp4")
    names.table = {"a.test": [("127.0.0.1",)], "b.test": [("127.0.0.1",)]}
    fetcher = Fetcher(AddressPolicy(allow=("127.0.0.1",)), resolver=names, tls=here)
    head = fetcher.head(server.url("/v", name).replace("http:", "https:"), field="f", kind="video")
    if fine:
        assert asyncio.run(head).start == b"data"
    else:
        with pytest.raises(VideoInaccessible):
            asyncio.run(head)
    assert asked == [name]
