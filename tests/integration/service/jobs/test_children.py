"""Children: what they give back, what they may not use, and that none outlives whoever started it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from benchmarks.service.material import make_speech, make_talk

from lipwright.service.jobs.children import CRASHED, EXHAUSTED, TIMEOUT, ChildLimits, StageFailure, run_stage
from lipwright.service.jobs.prober import Prober

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")]

ENOUGH = ChildLimits(memory=2 << 30, threads=1, nice=0, seconds=60)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a second of a talking head and of speech."""
    folder = tmp_path_factory.mktemp("media")
    make_talk(folder / "talk.mp4", 1.0)
    make_speech(folder / "line.wav", 1.0)
    return folder


def order(media: Path, folder: Path) -> dict[str, object]:
    """The task of a whole short generation."""
    inputs = [{"type": "video", "url": str(media / "talk.mp4")}, {"type": "audio", "url": str(media / "line.wav")}]
    return {
        "request": {"model": "lipsync-2", "input": inputs},
        "folder": str(folder / "prepared"),
        "output": str(folder / "output.mp4"),
        "piece_seconds": 60,
        "quality": "draft",
    }


async def test_a_stage_gives_its_result_and_tells_how_far_it_is(media: Path, tmp_path: Path) -> None:
    told: list[dict[str, object]] = []
    done = await run_stage("prepare", order(media, tmp_path), ENOUGH, told.append)
    assert done["frames"] == 25
    assert done["pieces"] == []
    assert (tmp_path / "output.mp4").stat().st_size > 1000
    assert json.loads(Path(done["report"]).read_text())["output"]["frames"] == 25
    assert {"faces", "render"} <= {event["phase"] for event in told}
    assert children_of(os.getpid()) == []


async def test_a_fault_of_the_media_is_a_failure_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_text("<html>")
    with pytest.raises(StageFailure) as caught:
        await run_stage("probe", {"path": str(tmp_path / "page.mp4")}, ENOUGH)
    assert caught.value.code == "generation_input_video_invalid"
    assert caught.value.detail["status"] == 422


async def test_too_much_memory_ends_the_child_and_not_us(media: Path, tmp_path: Path) -> None:
    limits = ChildLimits(memory=100 << 20, threads=1, nice=0, seconds=60)
    with pytest.raises(StageFailure) as caught:
        await run_stage("prepare", order(media, tmp_path), limits)
    assert caught.value.code == EXHAUSTED
    assert children_of(os.getpid()) == []


async def test_too_much_time_ends_the_child(media: Path, tmp_path: Path) -> None:
    limits = ChildLimits(memory=2 << 30, threads=1, nice=0, seconds=0.2)
    with pytest.raises(StageFailure) as caught:
        await run_stage("prepare", order(media, tmp_path), limits)
    assert caught.value.code == TIMEOUT
    assert children_of(os.getpid()) == []


async def test_a_child_that_is_killed_is_a_failure(media: Path, tmp_path: Path) -> None:
    running = asyncio.create_task(run_stage("prepare", order(media, tmp_path), ENOUGH))
    (child,) = await appear(os.getpid())
    os.kill(child, signal.SIGTERM)
    with pytest.raises(StageFailure) as caught:
        await running
    assert caught.value.code == CRASHED


async def test_cancelling_kills_the_child_at_once(media: Path, tmp_path: Path) -> None:
    running = asyncio.create_task(run_stage("prepare", order(media, tmp_path), ENOUGH))
    await appear(os.getpid())
    begun = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - begun < 2
    assert children_of(os.getpid()) == []


async def test_a_child_dies_with_a_parent_that_is_killed(media: Path, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, json, sys
        from lipwright.service.jobs.children import ChildLimits, run_stage
        asyncio.run(run_stage("prepare", json.loads(sys.argv[1]), ChildLimits(2 << 30, 1, 0, 60)))
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", program, json.dumps(order(media, tmp_path))])
    (child,) = await appear(parent.pid)
    parent.kill()
    parent.wait()
    until = time.monotonic() + 3
    while is_running(child):
        assert time.monotonic() < until, "the child outlives its parent"
        await asyncio.sleep(0.05)


def test_a_confined_child_reaches_no_network() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        program = textwrap.dedent(
            f"""
            import socket
            from lipwright.service.jobs.isolation import no_network
            confined = no_network()
            try:
                socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 1).close()
                reached = True
            except OSError:
                reached = False
            print(confined, reached)
            """
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    if done.stdout.split() == ["False", "True"]:
        pytest.skip("this system lets nobody make a network namespace")
    assert done.stdout.split() == ["True", "False"]


async def test_the_prober_is_warm_and_is_replaced_when_it_dies(media: Path, tmp_path: Path) -> None:
    prober = Prober(ENOUGH, {"seconds": 3600})
    try:
        facts = await prober.probe(media / "talk.mp4", thumbnail=tmp_path / "small.jpg")
        assert (facts["type"], facts["frames"], facts["width"]) == ("VIDEO", 25, 256)
        assert (tmp_path / "small.jpg").stat().st_size > 500
        (first,) = children_of(os.getpid())
        assert (await prober.probe(media / "line.wav", "audio"))["seconds"] == pytest.approx(1.0, abs=0.01)
        assert children_of(os.getpid()) == [first]
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(0.2)
        with pytest.raises(StageFailure) as caught:
            await prober.probe(tmp_path / "missing.mp4")
        assert caught.value.code == "generation_input_video_inaccessible"
        assert children_of(os.getpid()) != [first]
    finally:
        await prober.close()
    assert children_of(os.getpid()) == []


def children_of(parent: int) -> list[int]:
    """Running child processes of ours under `parent`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] not in "ZX" and b"jobs.child" in command:
            found.append(int(folder.name))
    return found


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


async def appear(parent: int) -> list[int]:
    """The children of `parent`, once there are any and they had a moment to begin."""
    until = time.monotonic() + 20
    while not (found := children_of(parent)):
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    return found
