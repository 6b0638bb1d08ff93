"""`lipwright serve`: the API in this process and a worker in another, started again if it ends."""

from __future__ import annotations

import errno
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import uvicorn

from lipwright.errors import RequestError
from lipwright.generation.engine import engine_names
from lipwright.service.api.app import create_app
from lipwright.service.config import PREFIX, ServiceConfig, unknown_variables
from lipwright.service.jobs.workplace import LEFT_BEHIND, remove_old
from lipwright.service.logs import set_up
from lipwright.service.services import prepare
from lipwright.service.storage import access
from lipwright.service.storage.database import Database

_log = logging.getLogger(__name__)

_LONGEST_PAUSE = 30.0
_GRACE = 10.0


def serve(config: ServiceConfig, *, worker: bool = True) -> None:
    """Serve until SIGTERM or SIGINT."""
    set_up(config)
    listening = listen(config)
    config = config.model_copy(update={"port": listening.getsockname()[1]})
    for name in unknown_variables(os.environ):
        _log.warning("there is no setting %s; it has no effect", name)
    prepare(config)
    # Uploads that are too large for memory wait on the disk that is meant for it, not in a small /tmp.
    tempfile.tempdir = str(config.work_dir)
    remove_old(config.work_dir, LEFT_BEHIND)
    for name, engine in config.models.items():
        if engine not in engine_names():
            _log.warning("the model %r is left out: its engine %r is not installed", name, engine)
    key = first_key(config)
    print(f"Lipwright serves at {config.base_url}", flush=True)
    if key is not None:
        print("This is your API key; it is shown only now:", flush=True)
        print(f"  export SYNC_API_KEY={key}", flush=True)
        print(f'  client = Sync(base_url="{config.base_url}", api_key="{key}")', flush=True)
    minder = WorkerMinder(config) if worker else None
    if minder is not None:
        minder.start()
    try:
        server = uvicorn.Config(
            create_app(config),
            host=config.host,
            port=config.port,
            root_path=config.root_path,
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
            limit_concurrency=2000,
            http="h11",  # the faster parser knows no limit for headers
            h11_max_incomplete_event_size=64 << 10,
            server_header=False,
        )
        uvicorn.Server(server).run(sockets=[listening])
    finally:
        if minder is not None:
            minder.stop()


def listen(config: ServiceConfig) -> socket.socket:
    """A socket on the address to listen on, taken before anything is made or told.

    Raises:
        RequestError: somebody else listens there, or it is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    taken = socket.socket(family)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((config.host, config.port))
    except OSError as error:
        taken.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error.strerror})"
        raise RequestError(
            f"The port {config.port} of {config.host} {why}; choose another one with --port.", field="port"
        ) from None
    taken.set_inheritable(True)
    return taken


def first_key(config: ServiceConfig) -> str | None:
    """A key for an installation that has none yet; None if it has one."""
    database = Database(config.database)
    try:
        with database.writing() as session:
            return None if access.has_keys(session) else access.create_key(session, name="first")
    finally:
        database.close()


class WorkerMinder:
    """Keeps one worker process running beside the API; it dies with this process, whatever ends that."""

    def __init__(self, config: ServiceConfig) -> None:
        self._environment = {**os.environ, **as_environment(config)}
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._mind, name="lipwright-minder", daemon=True)

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def stop(self) -> None:
        """End it, gently first."""
        self._stop.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(_GRACE)

    def _mind(self) -> None:
        pause = 0.5
        while not self._stop.is_set():
            started = time.monotonic()
            # The worker watches its standard input: when this process is gone, however it went, that ends.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lipwright", "worker", "--with-parent"],
                stdin=subprocess.PIPE,
                stderr=sys.stderr,  # where our own log goes; the command keeps descriptor 2 from native libraries
                env=self._environment,
            )
            code = self._process.wait()
            if self._stop.is_set():
                return
            pause = 0.5 if time.monotonic() - started > 60 else min(pause * 2, _LONGEST_PAUSE)
            _log.error("the worker ended with code %s; it is started again in %.1f s", code, pause)
            self._stop.wait(pause)


def as_environment(config: ServiceConfig) -> dict[str, str]:
    """The settings that may have come from the command line, as the environment of a child."""
    told = {"data_dir": config.data_dir, "host": config.host, "port": config.port, "root_path": config.root_path}
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in told.items() if str(value)}
