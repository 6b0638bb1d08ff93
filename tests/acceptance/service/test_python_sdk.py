"""The official Python SDK, unmodified, with both clients: every method, its typed results and its typed errors."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sync.common import (
    Asset,
    Audio,
    BadRequestError,
    EstimatedGenerationCost,
    Generation,
    GenerationOptions,
    ModelInfo,
    NotFoundError,
    PaginatedAssetsResponse,
    UnauthorizedError,
    Video,
)
from sync.core.api_error import ApiError
from tests.acceptance.service.conftest import Behind
from tests.acceptance.service.loopback import MediaHost, Receiver
from tests.acceptance.service.output import fetched
from tests.acceptance.service.sdk import Sdk
from tests.acceptance.service.server import Service, environment_of


@pytest.fixture(scope="module")
def inputs(media: MediaHost) -> list[Any]:
    """A video and what it shall say."""
    return [Video(url=media.url("talk.mp4")), Audio(url=media.url("line.wav"))]


def test_create_answers_a_pending_generation(sdk: Sdk, service: Service, inputs: list[Any], webhooks: Receiver) -> None:
    created = sdk(
        lambda client: client.generations.create(
            model="lipsync-2",
            input=inputs,
            options=GenerationOptions(sync_mode="loop", temperature=0.4),
            webhook_url=webhooks.url("sdk"),
            output_file_name="take",
        )
    )
    service.cancel(created.id)
    assert isinstance(created, Generation)
    assert created.status == "PENDING"
    assert created.model == "lipsync-2"
    assert [getattr(entry, "url", None) for entry in created.input] == [entry.url for entry in inputs]
    assert created.options is not None
    assert (created.options.sync_mode, created.options.temperature) == ("loop", 0.4)
    assert created.webhook_url == webhooks.url("sdk")
    assert (created.output_url, created.output_duration, created.error, created.error_code) == (None,) * 4
    age = dt.datetime.now(dt.UTC) - created.created_at
    assert dt.timedelta(seconds=-5) < age < dt.timedelta(minutes=1)


def test_get_a_finished_generation(sdk: Sdk, done: dict[str, Any]) -> None:
    found = sdk(lambda client: client.generations.get(done["id"]))
    assert isinstance(found, Generation)
    assert found.status == "COMPLETED"
    assert found.output_duration == pytest.approx(2.0, abs=0.05)
    assert found.output_url is not None
    assert fetched(found.output_url).picture_seconds == pytest.approx(2.0, abs=0.05)


def test_long_poll_with_additional_query_parameters(sdk: Sdk, done: dict[str, Any]) -> None:
    options = {"additional_query_parameters": {"wait": True, "timeout": 1}}
    found = sdk(lambda client: client.generations.get(done["id"], request_options=options))
    assert found.status == "COMPLETED"


def test_an_unknown_generation_is_not_found(sdk: Sdk) -> None:
    with pytest.raises(NotFoundError) as caught:
        sdk(lambda client: client.generations.get(str(uuid4())))
    assert caught.value.body.status_code == 404
    assert caught.value.body.errorCode == "generation_not_found"


def test_list_by_status_and_ids(sdk: Sdk, service: Service, done: dict[str, Any], plain: dict[str, Any]) -> None:
    other = service.accepted(plain)["id"]
    both = sdk(lambda client: client.generations.list(status=["COMPLETED", "FAILED"], ids=[done["id"], other]))
    assert all(isinstance(one, Generation) for one in both)
    assert {one.id for one in both} == {done["id"], other}
    completed = sdk(lambda client: client.generations.list(status=["COMPLETED"], ids=[done["id"], other]))
    assert [one.id for one in completed] == [done["id"]]
    everything = sdk(lambda client: client.generations.list())
    assert {done["id"], other} <= {one.id for one in everything}


def test_estimate_cost(sdk: Sdk, inputs: list[Any], webhooks: Receiver) -> None:
    cost = sdk(
        lambda client: client.generations.estimate_cost(
            model="lipsync-2", input=inputs, webhook_url=webhooks.url("never"), output_file_name="x"
        )
    )
    assert isinstance(cost, list)
    assert isinstance(cost[0], EstimatedGenerationCost)
    assert cost[0].estimated_frame_count == 50
    assert cost[0].estimated_generation_cost >= 0
    assert webhooks.at("never") == []


@pytest.mark.parametrize("named", [False, True], ids=["bytes", "tuple"])
def test_create_with_files(sdk: Sdk, service: Service, media: MediaHost, webhooks: Receiver, named: bool) -> None:
    video, audio = media.bytes("talk.mp4"), media.bytes("line.wav")
    # A name and a type that are wrong: what a file is, is told by its content.
    files: dict[str, Any] = (
        {"video": ("clip.mp3", video, "audio/mpeg"), "audio": ("a.mov", audio, "text/plain")}
        if named
        else {"video": video, "audio": audio}
    )
    created = sdk(
        lambda client: client.generations.create_with_files(
            model="lipsync-2", webhook_url=webhooks.url("files"), **files
        )
    )
    service.cancel(created.id)
    assert isinstance(created, Generation)
    assert [entry.type for entry in created.input] == ["video", "audio"]
    assert all(getattr(entry, "url", None) for entry in created.input)
    assert created.webhook_url == webhooks.url("files")


def test_create_with_files_is_rendered(python: Sdk, service: Service, media: MediaHost) -> None:
    # The SDK cannot send options beside files itself (contract 4.4), but lets JSON be put into the form.
    created = python(
        lambda client: client.generations.create_with_files(
            model="lipsync-2",
            video=media.bytes("talk.mp4"),
            audio=media.bytes("short.wav"),
            request_options={"additional_body_parameters": {"options": json.dumps({"sync_mode": "silence"})}},
        )
    )
    finished = service.finished(created.id)
    assert finished["options"]["sync_mode"] == "silence"
    assert finished["outputDuration"] == pytest.approx(3.0, abs=0.05)


def test_create_with_files_without_files_says_what_to_do(sdk: Sdk, inputs: list[Any]) -> None:
    """The SDK sends such a call urlencoded, with the inputs as Python's `repr` (contract 4.6)."""
    with pytest.raises(BadRequestError) as caught:
        sdk(lambda client: client.generations.create_with_files(model="lipsync-2", input=inputs))
    told = str(caught.value.body.message).lower()
    assert "json" in told
    assert "multipart" in told


def test_assets(sdk: Sdk, service: Service, media: MediaHost) -> None:
    files = {"video": media.bytes("talk.mp4"), "audio": media.bytes("line.wav")}
    created = sdk(lambda client: client.generations.create_with_files(model="lipsync-2", **files))
    service.cancel(created.id)
    page = sdk(lambda client: client.assets.list(types=["VIDEO", "AUDIO"], limit=2, sort_by="dateDesc"))
    assert isinstance(page, PaginatedAssetsResponse)
    assert [type(item) for item in page.items] == [Asset, Asset]
    assert {item.type for item in page.items} == {"VIDEO", "AUDIO"}
    assert page.next_cursor
    following = sdk(lambda client: client.assets.list(types=["VIDEO"], limit=1, cursor=page.next_cursor))
    assert not {item.id for item in following.items} & {item.id for item in page.items}
    video = next(item for item in page.items if item.type == "VIDEO")
    found = sdk(lambda client: client.assets.get(video.id))
    assert isinstance(found, Asset)
    assert (found.width, found.height, found.format) == (360, 360, "mp4")
    assert found.duration_seconds == pytest.approx(3.0, abs=0.05)
    assert found.size == len(media.bytes("talk.mp4"))
    with pytest.raises(NotFoundError):
        sdk(lambda client: client.assets.get(str(uuid4())))


def test_models(sdk: Sdk) -> None:
    models = sdk(lambda client: client.models.list())
    assert all(isinstance(one, ModelInfo) for one in models)
    assert {"lipsync-2", "lipsync-2-pro", "sync-3"} <= {one.name for one in models}
    assert {one.type for one in models} <= {"lipsync", "react"}
    assert all(one.version and one.deprecated_at is None for one in models)


def test_errors_are_typed(sdk: Sdk, media: MediaHost, inputs: list[Any]) -> None:
    with pytest.raises(UnauthorizedError) as unauthorized:
        sdk.with_key("nonsense")(lambda client: client.generations.list())
    assert unauthorized.value.body.message == "Unauthorized"
    with pytest.raises(BadRequestError) as refused:
        sdk(lambda client: client.generations.create(model="lipsync-9", input=inputs))
    assert refused.value.body.status_code == 400
    assert refused.value.body.errorCode == "generation_unsupported_model"
    assert refused.value.body.field == "model"
    missing = [Video(url=media.url("missing.mp4")), inputs[1]]
    with pytest.raises(ApiError) as unreachable:
        sdk(lambda client: client.generations.create(model="lipsync-2", input=missing))
    assert unreachable.value.status_code == 422
    assert unreachable.value.body["errorCode"] == "generation_input_video_inaccessible"
    assert unreachable.value.body["suggestion"]


def test_several_faults_are_told_together(sdk: Sdk, inputs: list[Any]) -> None:
    wrong = [{"startTime": 3, "endTime": 1, "audioInput": {"refId": "x"}}]
    with pytest.raises(BadRequestError) as caught:
        sdk(lambda client: client.generations.create(model="lipsync-9", input=inputs, segments=wrong))
    assert isinstance(caught.value.body.message, list)
    assert len(caught.value.body.message) >= 2


def test_a_base_url_with_a_path_prefix(sdk: Sdk, behind: Behind) -> None:
    """Contract 1: `<base>/` + `v2/...`, with the base's path kept; links in answers carry it too."""
    there = sdk.at(behind.url, behind.service.key)
    assert there(lambda client: client.models.list())
    assert there(lambda client: client.generations.list(status=["COMPLETED"])) == []
    with pytest.raises(NotFoundError):
        there(lambda client: client.generations.get(str(uuid4())))


def test_as_a_program_of_its_own(service: Service, plain: dict[str, Any], tmp_path: Path) -> None:
    """A user's program: the key from the environment, the client as the SDK makes it, nothing changed but the URL."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from sync import Sync\n"
        "from sync.common import Audio, Video\n"
        "client = Sync(base_url=sys.argv[1])\n"
        "made = client.generations.create(model='lipsync-2', input=[Video(url=sys.argv[2]), Audio(url=sys.argv[3])])\n"
        "print(made.id, client.generations.get(made.id).status)\n"
    )
    environment = {**environment_of({}), "SYNC_API_KEY": service.key, "PATH": os.environ["PATH"]}
    urls = [entry["url"] for entry in plain["input"]]
    command = [sys.executable, str(program), service.url, *urls]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    id, status = ran.stdout.split()
    service.cancel(id)
    assert status in ("PENDING", "PROCESSING")
