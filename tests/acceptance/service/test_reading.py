"""Reading, waiting for, listing, stopping and deleting generations (contract 6, and rows 11-13 of its table)."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.acceptance.service.loopback import MediaHost
from tests.acceptance.service.output import fetched
from tests.acceptance.service.server import Service

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def several(service: Service, plain: dict[str, Any]) -> list[dict[str, Any]]:
    """Three generations that were stopped, oldest first."""
    return [service.accepted(plain) for _ in range(3)]


def listed(service: Service, query: str | dict[str, str] = "") -> list[dict[str, Any]]:
    """What GET /v2/generations answers."""
    answer = service.http.get("/v2/generations", params=httpx.QueryParams(query))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def ids(found: list[dict[str, Any]]) -> list[str]:
    """The ids in a list."""
    return [one["id"] for one in found]


class TestOne:
    def test_a_finished_generation(self, service: Service, done: dict[str, Any], plain: dict[str, Any]) -> None:
        assert MOMENT.fullmatch(done["createdAt"])
        assert done["model"] == "lipsync-2"
        assert [entry["url"] for entry in done["input"]] == [entry["url"] for entry in plain["input"]]
        assert done["options"] == {"sync_mode": "cut_off", "temperature": 0.7}
        assert done["segments"] is None
        assert done["outputFileName"] == "my_take_1"
        assert done["outputDuration"] == pytest.approx(2.0, abs=0.05)
        assert (done["error"], done["error_code"], done["errorCode"]) == (None, None, None)
        assert fetched(done["outputUrl"]).picture_seconds == pytest.approx(2.0, abs=0.05)

    def test_the_output_has_the_name_asked_for(self, done: dict[str, Any]) -> None:
        answer = httpx.get(done["outputUrl"])
        assert answer.headers["content-type"] == "video/mp4"
        assert "my_take_1.mp4" in answer.headers.get("content-disposition", "") + done["outputUrl"]

    def test_the_output_can_be_sought_in(self, done: dict[str, Any]) -> None:
        whole = httpx.get(done["outputUrl"]).content
        part = httpx.get(done["outputUrl"], headers={"Range": "bytes=100-199"})
        assert part.status_code == 206
        assert part.content == whole[100:200]

    def test_both_addresses_are_the_same(self, service: Service, done: dict[str, Any]) -> None:
        answer = service.http.get(f"/v2/generations/{done['id']}")
        assert answer.status_code == 200
        assert answer.json()["id"] == done["id"]

    def test_unknown_and_malformed_ids(self, service: Service) -> None:
        unknown = service.http.get(f"/v2/generate/{uuid4()}")
        assert unknown.status_code == 404
        assert unknown.json()["errorCode"] == "generation_not_found"
        malformed = service.http.get("/v2/generate/not-an-id")
        assert malformed.status_code == 400
        assert malformed.json()["errorCode"] in ("invalid_generation_id", "unsupported_generation_id_format")

    def test_failed_generations_say_why_under_both_names(self, service: Service, several: list[dict[str, Any]]) -> None:
        stopped = service.ended(several[0]["id"])
        assert stopped["status"] == "FAILED"
        assert stopped["error_code"] == stopped["errorCode"] == "generation_cancelled"
        assert stopped["error"]
        assert (stopped["outputUrl"], stopped["outputDuration"]) == (None, None)

    def test_download_is_the_bare_address(self, service: Service, done: dict[str, Any]) -> None:
        answer = service.http.get(f"/v2/generations/{done['id']}/download")
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == "text/plain"
        assert answer.text.startswith("http")
        assert answer.text == answer.text.strip('" \n')
        assert httpx.get(answer.text).content == httpx.get(done["outputUrl"]).content

    def test_download_of_what_is_not_done(self, service: Service, several: list[dict[str, Any]]) -> None:
        answer = service.http.get(f"/v2/generations/{several[0]['id']}/download")
        assert 400 <= answer.status_code < 500
        assert answer.json()["statusCode"] == answer.status_code

    def test_report_segments_and_events(self, service: Service, done: dict[str, Any]) -> None:
        """Our own additions."""
        report = service.http.get(f"/v2/generations/{done['id']}/report").json()
        assert report["frames"]["output"] == 50
        assert report["equality"]["untouched_differing"] == 0
        assert service.http.get(f"/v2/generations/{done['id']}/segments").status_code == 200
        with service.http.stream("GET", f"/v2/generations/{done['id']}/events") as events:
            assert events.status_code == 200
            assert events.headers["content-type"].startswith("text/event-stream")
            told = "".join(events.iter_text())
        last = [json.loads(line.removeprefix("data:")) for line in told.splitlines() if line.startswith("data:")][-1]
        assert last["status"] == "COMPLETED"

    def test_events_while_it_runs(self, service: Service, lengthy: dict[str, Any]) -> None:
        """They go on until it ends, and the last of them is the generation."""
        id = service.create(lengthy)["id"]
        told = []
        with service.http.stream("GET", f"/v2/generations/{id}/events") as events:
            for line in events.iter_lines():
                if line.startswith("data:"):
                    told.append(json.loads(line.removeprefix("data:")))
                    if len(told) == 1:
                        service.cancel(id)
        assert told[0]["status"] in ("PENDING", "PROCESSING")
        assert (told[-1]["id"], told[-1]["status"]) == (id, "FAILED")


class TestWaiting:
    def test_a_finished_one_is_answered_at_once(self, service: Service, done: dict[str, Any]) -> None:
        before = time.monotonic()
        answer = service.http.get(f"/v2/generate/{done['id']}", params={"wait": "true"})
        assert time.monotonic() - before < 2
        assert answer.status_code == 200
        assert answer.json()["status"] == "COMPLETED"
        assert answer.headers["X-Sync-Wait-Mode"] == "long_poll"
        assert answer.headers["X-Sync-Wait-Timeout-Seconds"] == "5"
        assert "Retry-After" not in answer.headers

    def test_time_runs_out_and_then_it_ends(self, service: Service, lengthy: dict[str, Any]) -> None:
        id = service.create(lengthy)["id"]
        before = time.monotonic()
        answer = service.http.get(f"/v2/generate/{id}", params={"wait": "true", "timeout": "1"})
        assert 0.9 < time.monotonic() - before < 3
        assert answer.status_code == 200
        assert answer.json()["status"] in ("PENDING", "PROCESSING")
        assert answer.headers["Retry-After"] == "2"
        assert answer.headers["X-Sync-Wait-Timeout-Seconds"] == "1"
        progress = service.get(id, include="progress")
        assert progress["progress"] is not None
        service.cancel(id)
        before = time.monotonic()
        answer = service.http.get(f"/v2/generate/{id}", params={"wait": "true", "timeout": "10"})
        assert time.monotonic() - before < 9
        assert answer.json()["status"] == "FAILED"
        assert "Retry-After" not in answer.headers

    def test_without_wait_nothing_is_waited_for(self, service: Service, done: dict[str, Any]) -> None:
        answer = service.http.get(f"/v2/generate/{done['id']}")
        assert "X-Sync-Wait-Mode" not in answer.headers
        assert answer.json().get("progress") is None

    @pytest.mark.parametrize("timeout", ["0", "0.5", "11", "-1", "soon", "nan"])
    def test_timeouts_that_are_not_allowed(self, service: Service, done: dict[str, Any], timeout: str) -> None:
        answer = service.http.get(f"/v2/generate/{done['id']}", params={"wait": "true", "timeout": timeout})
        assert answer.status_code == 400
        assert answer.json()["statusCode"] == 400

    def test_progress_cannot_be_waited_for(self, service: Service, done: dict[str, Any]) -> None:
        answer = service.http.get(f"/v2/generate/{done['id']}", params={"wait": "true", "include": "progress"})
        assert answer.status_code == 400

    def test_an_unknown_one_is_not_waited_for(self, service: Service) -> None:
        before = time.monotonic()
        answer = service.http.get(f"/v2/generate/{uuid4()}", params={"wait": "true", "timeout": "10"})
        assert answer.status_code == 404
        assert time.monotonic() - before < 5


class TestList:
    def test_newest_first_without_an_envelope(self, service: Service, several: list[dict[str, Any]]) -> None:
        found = listed(service)
        assert isinstance(found, list)
        assert [id for id in ids(found) if id in ids(several)] == ids(several)[::-1]

    @pytest.mark.parametrize("encoding", ["repeated", "json", "comma"])
    def test_lists_in_a_query(
        self, service: Service, done: dict[str, Any], several: list[dict[str, Any]], encoding: str
    ) -> None:
        def encoded(name: str, values: list[str]) -> list[tuple[str, str]]:
            if encoding == "repeated":
                return [(name, value) for value in values]
            if encoding == "comma":
                return [(name, ",".join(values))]
            return [(name, json.dumps(values))]

        wanted = [done["id"], several[0]["id"], several[1]["id"]]
        service.ended(wanted[1])
        service.ended(wanted[2])
        for statuses, expected in (
            (["COMPLETED", "FAILED"], set(wanted)),
            (["FAILED", "REJECTED"], set(wanted[1:])),
            (["COMPLETED"], {done["id"]}),
        ):
            query = httpx.QueryParams([*encoded("status", statuses), *encoded("ids", wanted)])
            answer = service.http.get("/v2/generations", params=query)
            assert answer.status_code == 200, answer.text
            assert set(ids(answer.json())) == expected

    def test_a_single_value(self, service: Service, done: dict[str, Any]) -> None:
        assert ids(listed(service, {"ids": done["id"]})) == [done["id"]]
        assert done["id"] in ids(listed(service, {"status": "COMPLETED"}))

    def test_an_unknown_status_is_told(self, service: Service) -> None:
        answer = service.http.get("/v2/generations", params={"status": "SLEEPING"})
        assert answer.status_code == 400

    def test_pages(self, service: Service, several: list[dict[str, Any]]) -> None:
        wanted = ",".join(ids(several))
        first = listed(service, {"limit": "2", "ids": wanted})
        assert ids(first) == ids(several)[:0:-1]
        second = listed(service, {"limit": "2", "ids": wanted, "cursor": first[-1]["id"]})
        assert ids(second) == [several[0]["id"]]
        assert listed(service, {"limit": "2", "ids": wanted, "cursor": second[-1]["id"]}) == []

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many", f"cursor={UUID(int=1)}"])
    def test_pages_that_cannot_be(self, service: Service, query: str) -> None:
        answer = service.http.get("/v2/generations", params=httpx.QueryParams(query))
        assert answer.status_code == 400

    def test_by_project(self, service: Service, plain: dict[str, Any]) -> None:
        """Here a project is a label; one that nothing is in is an empty list and no error."""
        project = str(uuid4())
        created = service.accepted({**plain, "projectId": project})
        assert created["projectId"] == project
        assert ids(listed(service, {"projectId": project})) == [created["id"]]
        assert listed(service, {"projectId": str(uuid4())}) == []

    def test_count(self, service: Service, several: list[dict[str, Any]]) -> None:
        for one in several:
            service.ended(one["id"])
        answer = service.http.get("/v2/generations/count")
        assert answer.status_code == 200
        assert answer.json() == {"count": len(listed(service))}
        failed = service.http.get("/v2/generations/count", params={"status": "FAILED"}).json()["count"]
        assert failed == len(listed(service, {"status": "FAILED"})) >= len(several)


class TestEnding:
    def test_delete_only_what_has_ended(self, service: Service, lengthy: dict[str, Any]) -> None:
        id = service.create(lengthy)["id"]
        refused = service.http.delete(f"/v2/generations/{id}")
        assert refused.status_code == 409
        assert refused.json()["errorCode"] == "generation_not_deletable_while_processing"
        assert service.cancel(id).status_code in (200, 202)
        ended = service.ended(id)
        assert (ended["status"], ended["errorCode"]) == ("FAILED", "generation_cancelled")
        deleted = service.http.delete(f"/v2/generations/{id}")
        assert deleted.status_code == 200
        assert deleted.json()["id"] == id
        assert service.http.get(f"/v2/generate/{id}").status_code == 404
        assert service.http.delete(f"/v2/generations/{id}").status_code == 404
        assert listed(service, {"ids": id}) == []

    def test_with_a_generation_its_files_go(self, service: Service, media: MediaHost) -> None:
        audio = {"type": "audio", "url": media.url("short.wav"), "refId": "a"}
        segments = [{"startTime": 1, "endTime": 1, "audioInput": {"refId": "a"}}]
        video = {"type": "video", "url": media.url("talk.mp4")}
        made = service.create({"model": "lipsync-2", "input": [video, audio], "segments": segments})
        done = service.finished(made["id"])
        assert httpx.get(done["outputUrl"]).status_code == 200
        assert service.http.delete(f"/v2/generations/{made['id']}").status_code == 200
        assert httpx.get(done["outputUrl"]).status_code in (403, 404, 410)

    def test_a_running_one_stops(self, service: Service, lengthy: dict[str, Any]) -> None:
        id = service.create(lengthy)["id"]
        until = time.monotonic() + 60
        while service.get(id)["status"] == "PENDING":
            assert time.monotonic() < until
            time.sleep(0.1)
        service.cancel(id)
        before = time.monotonic()
        assert service.ended(id)["errorCode"] == "generation_cancelled"
        assert time.monotonic() - before < 10

    def test_cancel_what_cannot_be(self, service: Service, done: dict[str, Any]) -> None:
        assert service.cancel(str(uuid4())).status_code == 404
        service.cancel(done["id"])
        assert service.get(done["id"])["status"] == "COMPLETED"
