"""Headless Chromium on a page of this machine that plays a video.

The page comes from a loopback server, which also hands out the video (by ranges, as web servers do) and takes what the
page saw. The browser has a profile of its own and talks to nobody else.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from tests.servers.ports import free_ports

PAGE = Path(__file__).with_name("player.html")
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 180
"""Seconds after which a browser that says nothing is given up."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame that was shown.

    Attributes:
        time: its presentation time in the file, seconds, as the browser tells it.
        cells: mean brightness 0..255 of 16 by 12 cells of the picture, row by row.
        asked: the time sought, None while playing.
    """

    time: float
    cells: tuple[float, ...]
    asked: float | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """What the page saw.

    Attributes:
        error: what broke, None if nothing did.
        events: names and media times of the video element's events.
    """

    error: str | None
    duration: float
    size: tuple[int, int]
    events: tuple[tuple[str, float], ...]
    played: tuple[Shown, ...]
    sought: tuple[Shown, ...]


def find_browser() -> str | None:
    """The path of a Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def play(browser: str, video: Path, folder: Path, *, rate: float = 1.0, seeks: Sequence[float] = ()) -> Played:
    """Play `video` from its start to its end (not with `rate` 0), then seek to each of `seeks`, seconds.

    Raises:
        TimeoutError: the browser did not come to an end.
    """
    told: Future[dict[str, Any]] = Future()

    async def plan(_: Request) -> Response:
        return JSONResponse({"rate": rate, "seeks": list(seeks)})

    async def result(request: Request) -> Response:
        if not told.done():
            told.set_result(json.loads(await request.body()))
        return Response()

    async def page(_: Request) -> Response:
        return FileResponse(PAGE)

    async def film(_: Request) -> Response:
        return FileResponse(video, media_type="video/mp4")

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/plan", plan),
            Route("/video.mp4", film),
            Route("/result", result, methods=["POST"]),
        ]
    )
    with _served(app) as port, _running(browser, f"http://127.0.0.1:{port}/", folder):
        seen = told.result(PATIENCE)
    return Played(
        seen["error"],
        seen.get("duration", 0.0),
        (seen.get("width", 0), seen.get("height", 0)),
        tuple((event["name"], event["time"]) for event in seen["events"]),
        tuple(Shown(one["time"], tuple(one["cells"])) for one in seen["played"]),
        tuple(Shown(one["time"], tuple(one["cells"]), one["asked"]) for one in seen["sought"]),
    )


@contextmanager
def _running(browser: str, url: str, folder: Path) -> Iterator[None]:
    """The browser on a page; when the block is left it is ended with everything that it started."""
    profile = folder / "profile"
    with (folder / "browser.log").open("ab") as log:
        process = subprocess.Popen(
            [browser, *_FLAGS, f"--user-data-dir={profile}", url],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@contextmanager
def _served(app: Starlette) -> Iterator[int]:
    """`app` on a port of this machine, in a thread of its own."""
    [port] = free_ports(1)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=port, lifespan="off", log_config=None, access_log=False,
            timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()
